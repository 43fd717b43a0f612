"""Tokens of ClickHouse's SQL: words, quoted names, strings, heredocs, comments.

It follows ClickHouse's own lexer (src/Parsers/Lexer.cpp). It works on bytes: data of an INSERT may follow the SQL.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal, NamedTuple

from deploy.clickhouse_endpoint.errors import SYNTAX_ERROR, ClickHouseError

Kind = Literal["word", "quoted", "string", "number", "mark"]

# Every form runs to the end of the text where its own end is missing, and none is tried twice: the time is linear.
_TOKEN = re.compile(
    rb"""
      (?P<space> \s++ | (?:--|\#[ !])[^\n]*+ | /\*(?:.*?\*/|.*+) )
    | (?P<word> [A-Za-z_][A-Za-z0-9_$]*+ )
    | (?P<string> '(?:[^'\\]++|\\.|'')*+(?:'|\\?\Z) )
    | (?P<quoted> "(?:[^"\\]++|\\.|"")*+(?:"|\\?\Z) | `(?:[^`\\]++|\\.|``)*+(?:`|\\?\Z) )
    | (?P<number> [0-9][A-Za-z0-9_.]*+ )
    | (?P<mark> . )
    """,
    re.VERBOSE | re.DOTALL,
)
# An unclosed heredoc costs a search to the end of the text.
_MOST_UNCLOSED = 100


class Token(NamedTuple):
    """A token with its place in the text. ``text`` is as written; ``depth`` counts the brackets around it."""

    kind: Kind
    text: bytes
    start: int
    end: int
    depth: int

    @property
    def keyword(self) -> str:
        """The word in capitals; empty for anything but a bare word."""
        return self.text.decode("ascii").upper() if self.kind == "word" else ""

    @property
    def name(self) -> str:
        """The identifier that it names, unquoted; empty for anything but a word or quoted name."""
        if self.kind == "word":
            return self.text.decode("ascii")
        if self.kind == "quoted":
            quote = self.text[:1]
            inner = self.text[1:-1].replace(quote * 2, quote)
            return re.sub(rb"\\(.)", rb"\1", inner, flags=re.DOTALL).decode("utf-8", "replace")
        return ""


def tokens(text: bytes, start: int = 0) -> Iterator[Token]:
    """The tokens of ``text`` from ``start`` on, without white space and comments.

    Raises:
        ClickHouseError: 62 for a text with many `$` that open a heredoc without an end.
    """
    depth = unclosed = 0
    while found := _TOKEN.match(text, start):
        kind, end = found.lastgroup, found.end()
        if kind == "mark" and found[0] == b"$":
            heredoc = _heredoc_end(text, start)
            kind, end = ("string", heredoc) if heredoc else ("mark", end)
            unclosed += not heredoc
            if unclosed > _MOST_UNCLOSED:
                raise ClickHouseError(SYNTAX_ERROR, f"Syntax error: more than {_MOST_UNCLOSED} heredocs without an end")
        if kind != "space":
            token = text[start:end]
            if kind == "mark" and token in (b")", b"]", b"}"):
                depth = max(0, depth - 1)
            yield Token(kind, token, start, end, depth)  # type: ignore[arg-type]
            if kind == "mark" and token in (b"(", b"[", b"{"):
                depth += 1
        start = end


def _heredoc_end(text: bytes, start: int) -> int:
    # $any name$ … $any name$ (Lexer.cpp); 0 where there is none.
    name = text.find(b"$", start + 1) + 1
    close = text.find(text[start:name], name) if name else -1
    return close + name - start if close >= 0 else 0
