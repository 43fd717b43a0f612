"""The lexical level of ClickHouse's SQL: words, quoted names, strings, heredocs, comments.

After ClickHouse's own lexer (src/Parsers/Lexer.cpp). Works on bytes, since an INSERT's data may follow its SQL.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal, NamedTuple

Kind = Literal["word", "quoted", "string", "number", "mark"]

_TOKEN = re.compile(
    rb"""
      (?P<space> \s+ | --[^\n]* | \#[ !][^\n]* | /\*.*?\*/ )
    | (?P<word> [A-Za-z_][A-Za-z0-9_$]* )
    | (?P<string> '(?:[^'\\]|\\.|'')*' | \$(?P<tag>[A-Za-z0-9_]*)\$.*?\$(?P=tag)\$ )
    | (?P<quoted> "(?:[^"\\]|\\.|"")*" | `(?:[^`\\]|\\.|``)*` )
    | (?P<number> [0-9][A-Za-z0-9_.]* )
    | (?P<mark> . )
    """,
    re.VERBOSE | re.DOTALL,
)


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
    """The tokens of ``text`` from ``start`` on, without white space and comments."""
    depth = 0
    for found in _TOKEN.finditer(text, start):
        kind = found.lastgroup
        if kind == "tag":
            kind = "string"
        if kind == "space":
            continue
        token = found[0]
        if kind == "mark" and token in (b")", b"]", b"}"):
            depth = max(0, depth - 1)
        yield Token(kind, token, found.start(), found.end(), depth)  # type: ignore[arg-type]
        if kind == "mark" and token in (b"(", b"[", b"{"):
            depth += 1
