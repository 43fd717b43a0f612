"""What kind of statement a request carries, where its SQL ends and where the data of an INSERT begin."""

from __future__ import annotations

import re
from typing import Literal

from msgspec import Struct

from deploy.clickhouse_endpoint.errors import INTO_OUTFILE_NOT_ALLOWED, NOT_IMPLEMENTED, SYNTAX_ERROR, ClickHouseError
from deploy.clickhouse_endpoint.sql.tokens import Token, tokens

_ROWS = frozenset(("SHOW", "DESC", "DESCRIBE", "EXISTS", "EXPLAIN", "CHECK", "KILL"))
_QUERY = frozenset(("SELECT", "WITH", "FROM"))
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
        format_at: offset of the word FORMAT of a query, or -1.
    """

    kind: Literal["query", "rows", "command", "insert", "insert_input"]
    sql: bytes
    first: str
    format: str | None = None
    data: int = 0
    infile_at: int = 0
    format_at: int = -1


def read_statement(text: bytes, complete: bool) -> Statement | None:
    """Recognise the statement at the start of ``text``.

    Args:
        text: SQL, perhaps followed by an INSERT's data (of any bytes).
        complete: whether nothing follows.

    Returns:
        The statement, or None when more of the text is needed.

    Raises:
        ClickHouseError: empty text, several statements, INTO OUTFILE, FROM INFILE.
    """
    opening: list[Token] = []
    for token in tokens(text):
        if token.text == b"(" and not opening:
            break  # a query in brackets
        opening.append(token)
        if len(opening) == 2:
            break
    else:
        if not complete:
            return None
        if not opening and b"(" not in text:
            raise ClickHouseError(SYNTAX_ERROR, "Syntax error: empty query")
    if opening and opening[0].keyword == "INSERT":
        return _read_insert(text, complete)
    return _read_whole(text) if complete else None


def _read_whole(text: bytes) -> Statement:
    end, first, format_name, format_at = len(text), "", None, -1
    inserts, outfile = False, False
    before: Token | None = None
    after_end = False
    for token in tokens(text):
        if after_end:
            if token.text != b";":
                raise ClickHouseError(
                    SYNTAX_ERROR,
                    f"Syntax error (Multi-statements are not allowed): failed at position {token.start + 1}",
                )
            continue
        if token.text == b";" and token.kind == "mark" and token.depth == 0:
            end, after_end = token.start, True
            continue
        word = token.keyword
        if not first:
            first = word or token.text.decode("latin-1")
        if token.depth == 0 and before is not None and before.text not in (b".", b","):
            if before.keyword == "FORMAT" and token.kind in ("word", "quoted") and word != "SETTINGS":
                format_name, format_at = token.name, before.start
            inserts = inserts or (word == "INSERT" and first == "WITH")
        outfile = outfile or (word == "OUTFILE" and before is not None and before.keyword == "INTO")
        before = token
    if outfile:
        raise ClickHouseError(INTO_OUTFILE_NOT_ALLOWED, "INTO OUTFILE is not allowed")
    sql = text[:end].rstrip()
    if (first in _QUERY or first == "(") and not inserts:
        return Statement(kind="query", sql=sql, first=first, format=format_name, format_at=format_at)
    if first in _ROWS:
        return Statement(kind="rows", sql=sql, first=first, format=format_name)
    return Statement(kind="command", sql=sql, first=first)


def _read_insert(text: bytes, complete: bool) -> Statement | None:
    # A table may have any word for its name, so what follows is looked for behind the name only.
    before: Token | None = None
    name: list[Token] = []
    named = False
    selects = has_input = False
    settings = -1
    for token in tokens(text):
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
    return Statement(kind="command", sql=_read_whole(text).sql, first="INSERT")


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
