"""The first answer to clickhouse-go: names of the server, and revision 0 of the Native format.

clickhouse-go opens with `SELECT displayName(), version(), revision(), timezone()` and reads the answer as revision
54460 writes it (block information before the columns, a byte of serialization kind behind each type); whatever comes
later it reads as the revision reported here writes it. The engine writes blocks of revision 0, so that is reported.
(clickhouse-go: conn_http.go, lib/proto/block.go)
"""

from __future__ import annotations

import re
import struct

_QUESTION = re.compile(
    rb"\s*SELECT\s+displayName\(\)\s*,\s*version\(\)\s*,\s*revision\(\)\s*,\s*timezone\(\)\s*;?\s*", re.IGNORECASE
)
# Field 1: is_overflows = 0; field 2: bucket_num = -1; end of fields.
_BLOCK_INFO = b"\x01\x00\x02\xff\xff\xff\xff\x00"


def is_hello(sql: bytes) -> bool:
    """Whether this is the opening question."""
    return _QUESTION.fullmatch(sql) is not None


def hello_block(display_name: str, version: str, zone: str) -> bytes:
    """The answer: one row of String, String, UInt32 (revision 0), String, as revision 54460 writes a block."""
    columns = (
        _column("displayName()", "String", _text(display_name)),
        _column("version()", "String", _text(version)),
        _column("revision()", "UInt32", struct.pack("<I", 0)),
        _column("timezone()", "String", _text(zone)),
    )
    return _BLOCK_INFO + _number(len(columns)) + _number(1) + b"".join(columns)


def _column(name: str, kind: str, data: bytes) -> bytes:
    return _text(name) + _text(kind) + b"\x00" + data


def _text(text: str) -> bytes:
    data = text.encode()
    return _number(len(data)) + data


def _number(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
