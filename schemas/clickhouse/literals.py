"""Texts as literals of ClickHouse."""

from __future__ import annotations


def literal(text: str) -> str:
    """``text`` as a string literal of ClickHouse.

    >>> print(literal("it's"))
    'it\\'s'
    """
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
