"""The kind of a statement, the end of its SQL and the start of an INSERT's data."""

from __future__ import annotations

import re
from itertools import islice
from typing import Literal

from msgspec import Struct

from deploy.clickhouse_endpoint.errors import INTO_OUTFILE_NOT_ALLOWED, NOT_IMPLEMENTED, SYNTAX_ERROR, ClickHouseError
from deploy.clickhouse_endpoint.sql.tokens import Token, tokens

_ROWS = frozenset(("SHOW", "DESC", "DESCRIBE", "EXISTS", "EXPLAIN", "CHECK", "KILL"))
_QUERY = frozenset(("SELECT", "WITH", "FROM"))
_KILL_ONE = re.compile(
    rb"\s*KILL\s+QUERY\s+WHERE\s+query_id\s*=\s*'([^'\\]+)'\s*((?:(?:SYNC|ASYNC|TEST)\b\s*)?(?:FORMAT\s+\w+\s*)?)",
    re.IGNORECASE,
)
# The engine's own limit (`max_parser_depth`). Its error for an unclosed bracket names all that are open.
_DEEPEST = 1000
_BEFORE_DATA = re.compile(rb"[ \t\f]*(?:\r\n|\n)?")


class Statement(Struct, kw_only=True):
    """A statement ready for the engine.

    Attributes:
        kind: ``query`` gives rows and streams; ``rows`` gives few rows (SHOW …); ``command`` does something;
            ``insert`` takes data in a format; ``insert_input`` is INSERT … SELECT … FROM input(…) with data.
        sql: the SQL without a closing semicolon; for ``insert`` the head without FORMAT or VALUES and data;
            for ``insert_input`` the statement without FORMAT and data.
        format: the format named in the text, if any. data: offset in the given text at which data begin.
        infile_at: offset in the head of an ``insert`` at which FROM INFILE may stand.
        format_at: offset of the word FORMAT of a query or rows, or -1. A column may bear the name `format`, so only
            the engine's parser can say whether this is the clause.
        format_after: what stands before the word FORMAT, where nothing but the name of the format follows: a word in
            capitals, or the kind or the mark of another token. Empty where more follows.
    """

    kind: Literal["query", "rows", "command", "insert", "insert_input"]
    sql: bytes
    first: str
    format: str | None = None
    data: int = 0
    infile_at: int = 0
    format_at: int = -1
    format_after: str = ""

    def writing_into(self, path: str, default_format: str) -> bytes:
        """The SQL of a query that writes its result into a file."""
        into = f"\nINTO OUTFILE '{path}' APPEND ".encode()
        if self.format is None:
            return self.sql + into + f"FORMAT {default_format}".encode()
        return self.sql[: self.format_at] + into + self.sql[self.format_at :]


def read_statement(text: bytes, complete: bool) -> Statement | None:
    """Recognise the statement at the start of ``text``.

    Args:
        text: SQL, perhaps followed by an INSERT's data (of any bytes).
        complete: whether nothing follows.

    Returns:
        The statement, or None when more of the text is needed.

    Raises:
        ClickHouseError: empty text, several statements, brackets too deep, INTO OUTFILE, FROM INFILE.
    """
    opening = next(tokens(text), None)
    if opening is None:
        if complete:
            raise ClickHouseError(SYNTAX_ERROR, "Syntax error: empty query")
        return None
    if opening.end == len(text) and not complete:
        return None
    if opening.kind != "word" and opening.text not in (b"(", b";"):
        raise ClickHouseError(
            SYNTAX_ERROR, f"Syntax error: failed at position {opening.start + 1}: no statement begins so"
        )
    if opening.keyword == "INSERT":
        return _read_insert(text, complete, 0)
    if opening.keyword == "WITH":
        # WITH … INSERT … may have data behind it, WITH … SELECT has none.
        verb: Token | None = None
        for token in tokens(text):
            if verb is not None and token.keyword == "INTO":
                return _read_insert(text, complete, verb.start)
            verb = token if token.depth == 0 and token.keyword == "INSERT" else None
    return _read_whole(text, opening) if complete else None


def _read_whole(text: bytes, opening: Token) -> Statement:
    end, outfile = len(text), False
    found: list[Token] = []  # the last two on the level of the statement
    after = ""
    candidate: tuple[Token, Token] | None = None  # FORMAT and its name, with nothing but SETTINGS behind
    ended = False
    before: Token | None = None
    for token in tokens(text):
        if ended:
            if token.text != b";":
                problem = f"Syntax error (Multi-statements are not allowed): failed at position {token.start + 1}"
                raise ClickHouseError(SYNTAX_ERROR, problem)
            continue
        if token.text == b";" and token.kind == "mark" and token.depth == 0:
            end, ended = token.start, True
            continue
        if token.depth > _DEEPEST:
            problem = f"Maximum parse depth ({_DEEPEST}) exceeded: brackets at position {token.start + 1}"
            raise ClickHouseError(306, problem, "TOO_DEEP_RECURSION")
        outfile = outfile or (token.keyword == "OUTFILE" and before is not None and before.keyword == "INTO")
        before = token
        if token.depth == 0:
            candidate = _format_clause(candidate, found, token)
            after = _kind_or_word(found[0]) if candidate is not None and candidate[1] is token else ""
            found = [*found[-1:], token]
    if outfile:
        raise ClickHouseError(INTO_OUTFILE_NOT_ALLOWED, "INTO OUTFILE is not allowed")
    sql, first = text[:end].rstrip(), opening.keyword or opening.text.decode("latin-1")
    kind: Literal["query", "rows", "command"]
    kind = "query" if first in _QUERY or first == "(" else "rows" if first in _ROWS else "command"
    if candidate is None:
        return Statement(kind=kind, sql=sql, first=first)
    return Statement(
        kind=kind, sql=sql, first=first, format=candidate[1].name, format_at=candidate[0].start, format_after=after
    )


def _kind_or_word(token: Token) -> str:
    return token.keyword or (token.text.decode("latin-1") if token.kind == "mark" else token.kind)


def _format_clause(
    candidate: tuple[Token, Token] | None, before: list[Token], token: Token
) -> tuple[Token, Token] | None:
    """The candidate for the clause FORMAT, after one more token of the statement's own level."""
    if before and before[-1].keyword == "FORMAT" and token.kind in ("word", "quoted"):
        return before[-1], token
    if candidate is None or candidate[1] is before[-1]:
        return candidate if candidate is not None and token.keyword == "SETTINGS" else None
    return candidate


def _read_insert(text: bytes, complete: bool, start: int) -> Statement | None:
    # A table may have any word for its name, so what follows is looked for behind the name only.
    before: Token | None = None
    name: list[Token] = []
    named = False
    selects = has_input = False
    settings = -1
    for token in tokens(text, start):
        if token.end == len(text) and not complete:
            return None
        previous, before = before, token
        if token.kind == "mark" and token.text == b";" and token.depth == 0:
            break
        if not named:
            if previous is None or (token.keyword in ("INTO", "TABLE", "FUNCTION") and not name):
                continue
            named = bool(name) and token.text != b"." and name[-1].text != b"."
            name.append(token)
            if not named:
                continue
            previous = None
        word = token.keyword if token.depth == 0 else ""
        after = previous.keyword if previous is not None and previous.depth == 0 else ""
        if selects:
            has_input = has_input or (token.text == b"(" and previous is not None and previous.keyword == "INPUT")
            if has_input and after == "FORMAT" and word and previous is not None:
                return _with_data("insert_input", text, previous.start, token, settings, complete)
        elif after == "FORMAT" and word and previous is not None:
            return _with_data("insert", text, previous.start, token, settings, complete)
        elif after == "FROM" and word == "INFILE":
            raise ClickHouseError(NOT_IMPLEMENTED, "FROM INFILE is for files of a client and is not available here")
        elif word == "VALUES":
            return _with_data("insert", text, token.start, token, settings, complete)
        elif word == "SETTINGS":
            settings = token.start
        elif word in ("SELECT", "WITH") or (token.text == b"(" and token.depth == 0 and _opens_query(text, token)):
            selects = True
    if not complete:
        return None
    opening = next(tokens(text))
    return Statement(kind="command", sql=_read_whole(text, opening).sql, first="INSERT")


def _with_data(
    kind: Literal["insert", "insert_input"], text: bytes, end: int, format_name: Token, settings: int, complete: bool
) -> Statement | None:
    behind = _BEFORE_DATA.match(text, format_name.end)
    assert behind is not None
    # The end of the head's line may still be on its way: taken for data, it would be an empty row of CSV or TSV.
    if not complete and not behind[0].endswith(b"\n") and text[behind.end() :] in (b"", b"\r"):
        return None
    sql = text[:end].rstrip()
    return Statement(
        kind=kind,
        sql=sql,
        first="INSERT",
        format=format_name.name,
        data=behind.end(),
        infile_at=len(sql) if settings < 0 else settings,
    )


def _opens_query(text: bytes, bracket: Token) -> bool:
    following = next(tokens(text, bracket.end), None)
    return following is not None and following.keyword in ("SELECT", "WITH", "FROM")


def changes_functions(sql: bytes) -> bool:
    """Whether the statement is CREATE FUNCTION or DROP FUNCTION."""
    head = [token.keyword for token in islice(tokens(sql), 4)]
    return head[:1] in (["CREATE"], ["DROP"]) and "FUNCTION" in head


def killed_query_id(sql: bytes) -> tuple[str, bytes] | None:
    """The id and the end of `KILL QUERY WHERE query_id = '…' [SYNC|ASYNC|TEST] [FORMAT …]`; None for others."""
    found = _KILL_ONE.fullmatch(sql)
    return (found[1].decode("utf-8", "replace"), found[2]) if found else None


def kill_condition(sql: bytes) -> bytes | None:
    """The condition of a KILL QUERY WHERE … (on `system.processes`); None for other statements."""
    begin: int | None = None
    end = len(sql)
    head: list[str] = []
    for token in tokens(sql):
        if begin is None:
            head.append(token.keyword)
            if token.keyword == "WHERE":
                begin = token.end
        elif token.depth == 0 and token.keyword in ("SYNC", "ASYNC", "TEST", "FORMAT"):
            end = min(end, token.start)
    return sql[begin:end] if begin is not None and head[:2] == ["KILL", "QUERY"] else None
