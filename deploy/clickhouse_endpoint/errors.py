"""ClickHouse errors: number, name, text and HTTP status."""

from __future__ import annotations

import re

_ENGINE_TEXT = re.compile(r"Code: (\d+)\. DB::\w*Exception: (.*)", re.DOTALL)
_NAME_AT_END = re.compile(r"\(([A-Z][A-Z0-9_]+)\)\s*(?:\(version [^)]*\)*)?\s*\.?\s*$")
_VERSION = re.compile(r" \(version [0-9.]+(?: \(official build\))?\)")

SYNTAX_ERROR = 62
NETWORK_ERROR = 210
NOT_IMPLEMENTED = 48
READONLY = 164
TOO_MANY_SIMULTANEOUS_QUERIES = 202
QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING = 216
SESSION_NOT_FOUND = 372
SESSION_IS_LOCKED = 373
INTO_OUTFILE_NOT_ALLOWED = 358
QUERY_WAS_CANCELLED = 394
CANNOT_DECOMPRESS = 271
SOCKET_TIMEOUT = 209
TOO_LARGE = 307
ACCESS_DENIED = 497
AUTHENTICATION_FAILED = 516
BAD_ARGUMENTS = 36
SETTING_CONSTRAINT_VIOLATION = 452

_NAMES = {
    SYNTAX_ERROR: "SYNTAX_ERROR",
    NETWORK_ERROR: "NETWORK_ERROR",
    NOT_IMPLEMENTED: "NOT_IMPLEMENTED",
    READONLY: "READONLY",
    TOO_MANY_SIMULTANEOUS_QUERIES: "TOO_MANY_SIMULTANEOUS_QUERIES",
    QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING: "QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING",
    SESSION_NOT_FOUND: "SESSION_NOT_FOUND",
    SESSION_IS_LOCKED: "SESSION_IS_LOCKED",
    INTO_OUTFILE_NOT_ALLOWED: "INTO_OUTFILE_NOT_ALLOWED",
    QUERY_WAS_CANCELLED: "QUERY_WAS_CANCELLED",
    SOCKET_TIMEOUT: "SOCKET_TIMEOUT",
    TOO_LARGE: "TOO_MANY_BYTES",
    CANNOT_DECOMPRESS: "CANNOT_DECOMPRESS",
    ACCESS_DENIED: "ACCESS_DENIED",
    AUTHENTICATION_FAILED: "AUTHENTICATION_FAILED",
    BAD_ARGUMENTS: "BAD_ARGUMENTS",
    SETTING_CONSTRAINT_VIOLATION: "SETTING_CONSTRAINT_VIOLATION",
}

# A server's own table (HTTPHandler, exceptionCodeToHTTPStatus); what is not listed is 500.
_STATUS = {
    **dict.fromkeys((6, 16, 26, 27, 36, 38, 41, 43, 44, 53, 62, 69, 70, 72, 117, 119, 321), 400),
    **dict.fromkeys((192, 193, 497, AUTHENTICATION_FAILED), 403),
    **dict.fromkeys((46, 47, 50, 56, 60, 63, 73, 78, 81, 115, 372), 404),
    NOT_IMPLEMENTED: 501,
    SOCKET_TIMEOUT: 408,
    TOO_LARGE: 413,
}


class ClickHouseError(Exception):
    """An error with ClickHouse's number (``code``), name and message; ``text`` is what goes over the wire."""

    def __init__(self, code: int, message: str, name: str | None = None) -> None:
        self.code = code
        self.name = name or _NAMES.get(code, "UNKNOWN_EXCEPTION")
        self.message = message
        super().__init__(f"Code: {code}. DB::Exception: {message}. ({self.name})")

    @property
    def status(self) -> int:
        """The HTTP status that a server answers with."""
        return _STATUS.get(self.code, 500)

    def text(self, version: str) -> str:
        """The body of the answer, worded as a server words it."""
        text = f"Code: {self.code}. DB::Exception: {self.message}. ({self.name}) (version {version})\n"
        return text.encode("utf-8", "replace").decode()  # bytes of a header that are not UTF-8


def from_engine(error: BaseException) -> ClickHouseError:
    """The ClickHouse error inside a text that the engine raised; 1002 (UNKNOWN_EXCEPTION) where there is none."""
    # A text that quotes bytes of the SQL need not be UTF-8.
    said = error.object.decode("utf-8", "replace") if isinstance(error, UnicodeDecodeError) else str(error)
    text = _VERSION.sub("", said).strip()
    found = _ENGINE_TEXT.search(text)
    if found is None:
        return ClickHouseError(1002, text or type(error).__name__, "UNKNOWN_EXCEPTION")
    code, message = int(found[1]), found[2]
    name: str | None = None
    while named := _NAME_AT_END.search(message):
        name, message = named[1], message[: named.start()].rstrip().removesuffix(".")
    # The engine wraps some errors into themselves.
    while again := _ENGINE_TEXT.match(message):
        code, message = int(again[1]), again[2]
    return ClickHouseError(code, message, name)
