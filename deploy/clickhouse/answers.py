"""Answers of ClickHouse, row by row with flat memory, and its errors as one sentence."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Final

import msgspec
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError
from msgspec import Struct
from urllib3.exceptions import HTTPError

#: Every row is a line that begins with a bracket. Another line is an error that came after the first rows.
_FORMAT: Final = "JSONCompactEachRowWithNamesAndTypes"
_SETTINGS: Final = {"output_format_json_quote_denormals": 1}
_CODE: Final = re.compile(r"Code: (?P<code>\d+)\. DB::Exception: (?P<what>.*)", re.DOTALL)
_NAME: Final = re.compile(r"\((?P<name>[A-Z][A-Z0-9_]+)\)")
#: The text after the sentence: the query's scope, what else was expected, the version, a stack trace.
_TAIL: Final = re.compile(
    r"(?:[.:]? [Ii]n scope |: while |\. Expected one of|\. Stack trace| ?\(version | ?\(for url).*", re.DOTALL
)


#: The connection was lost.
AWAY: Final = "The connection to ClickHouse was lost: see `gospulse status`, then run the query again."


class QueryError(Exception):
    """ClickHouse rejected a query or stopped it. The message is one sentence with ClickHouse's code."""


class Answer(Struct, frozen=True):
    """An answer: column names, their types in ClickHouse, and the rows (JSON values), read as they are asked for."""

    columns: tuple[str, ...]
    types: tuple[str, ...]
    rows: Iterator[list[Any]]


def ask(client: Client, sql: str) -> Answer:
    """Ask ``sql``. Raises :class:`QueryError`, also while the rows are read.

    JSON has no word for ``inf`` and ``nan``: they come as texts, so that they differ from NULL.
    """
    try:
        stream = client.raw_stream(sql, fmt=_FORMAT, settings=_SETTINGS)
    except ClickHouseError as error:
        raise QueryError(sentence(str(error)) if getattr(error, "code", None) is not None else AWAY) from error
    lines = _lines(stream)
    names, types = next(lines, None), next(lines, None)
    if names is None or types is None:
        return Answer((), (), iter(()))
    return Answer(tuple(names), tuple(types), lines)


def sentence(message: str) -> str:
    """ClickHouse's error as one sentence.

    >>> sentence("Code: 60. DB::Exception: Unknown table expression identifier 'x' in scope SELECT 1. (UNKNOWN_TABLE)")
    "ClickHouse error 60 (UNKNOWN_TABLE): Unknown table expression identifier 'x' in scope SELECT 1."
    """
    found = _CODE.search(message)
    if found is None:
        return " ".join(message.split())[:500]
    name = _NAME.findall(message)
    what = found["what"].replace(f"({name[-1]})", "") if name else found["what"]
    # The reader did not write the format of the answer.
    what = " ".join(_TAIL.sub("", what).replace(f"FORMAT {_FORMAT}", "").split()).rstrip(" .:")
    return f"ClickHouse error {found['code']}{f' ({name[-1]})' if name else ''}: {what[:400]}."


def _lines(stream: Any) -> Iterator[list[Any]]:
    decode = msgspec.json.Decoder(list[Any]).decode
    lines = stream_lines(stream)
    try:
        for line in lines:
            try:
                yield decode(line)
            except msgspec.DecodeError as error:
                text = b"\n".join([line, *_what_still_comes(lines)]).decode(errors="replace")
                raise QueryError(sentence(text) if _CODE.search(text) else AWAY) from error
    except (HTTPError, ClickHouseError, OSError) as error:
        raise QueryError(AWAY) from error


def _what_still_comes(lines: Iterator[bytes]) -> Iterator[bytes]:
    """The rest of an answer that ends in an error: behind it the server breaks off the transfer."""
    with suppress(HTTPError, OSError):
        yield from lines


def stream_lines(stream: Any) -> Iterator[bytes]:
    """The lines of a binary stream, without empty ones."""
    rest = b""
    # `read1` gives what has arrived: a server that fails in mid-answer sends its error and breaks off the transfer, and
    # `read` would throw the error away together with the incomplete chunk.
    while chunk := stream.read1(1 << 16):
        *whole, rest = (rest + chunk).split(b"\n")
        yield from (line for line in whole if line)
    if rest:
        yield rest
