"""Parameters of a request, as ClickHouse's HTTP interface defines them."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping

from msgspec import Struct

from deploy.clickhouse_endpoint.errors import BAD_ARGUMENTS, ClickHouseError
from deploy.clickhouse_endpoint.wire.logins import Login

# Meant for the transport, not for the engine.
_TRANSPORT = frozenset(
    (
        *("query", "query_id", "database", "default_format", "user", "password", "quota_key", "role"),
        *("session_id", "session_timeout", "session_check", "close_session", "client_protocol_version"),
        *("compress", "decompress", "wait_end_of_query", "buffer_size", "stacktrace", "readonly"),
        *("enable_http_compression", "http_zlib_compression_level", "send_progress_in_http_headers"),
        *("http_headers_progress_interval_ms", "cancel_http_readonly_queries_on_client_close"),
        "http_native_compression_disable_checksumming_on_decompress",
    )
)
_SETTING = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*")
_LONGEST_SESSION = 3600


class Wish(Struct, kw_only=True):
    """The parameters of one request.

    Attributes:
        sql: the part of the SQL in the URL; the body follows it.
        settings: for the engine, for this request only. parameters: query parameters, in TSV escaping.
        hold: send nothing before the query has ended (``wait_end_of_query``).
        block_answer, block_body: ClickHouse's own compressed framing (``compress``, ``decompress``).
        modern_native: the client named a protocol version, as clickhouse-go does.
        session_timeout: seconds.
    """

    login: Login
    method: str
    sql: bytes
    query_id: str
    database: str
    default_format: str
    settings: dict[str, str]
    parameters: dict[str, str]
    compression_enabled: bool
    block_answer: bool
    block_body: bool
    hold: bool
    modern_native: bool
    session_id: str
    session_timeout: float
    session_check: bool
    close_session: bool

    def add_field(self, name: str, value: str) -> None:
        """Take a field of a form as if it stood in the URL.

        Raises:
            ClickHouseError: the name is no setting's name.
        """
        if name == "query":
            self.sql += value.encode("utf-8", "surrogateescape")
        elif name.startswith("param_"):
            self.parameters[name.removeprefix("param_")] = value
        elif name == "database":
            self.database = value
        elif name not in _TRANSPORT:
            self.settings[_checked(name)] = value


def read_wish(
    login: Login, method: str, query: Mapping[str, str], headers: Mapping[str, str], not_settings: frozenset[str]
) -> Wish:
    """Sort the URL's parameters.

    Args:
        not_settings: names that belong to something else here (external tables' structures).

    Raises:
        ClickHouseError: a value that cannot be.
    """
    wish = Wish(
        login=login,
        method=method,
        sql=query.get("query", "").encode("utf-8", "surrogateescape"),
        query_id=_printable(
            "query_id", query.get("query_id") or headers.get("X-ClickHouse-Query-Id") or str(uuid.uuid4())
        ),
        database=_printable("database", query.get("database") or headers.get("X-ClickHouse-Database", "")),
        default_format=query.get("default_format") or headers.get("X-ClickHouse-Format") or "TabSeparated",
        settings={},
        parameters={},
        compression_enabled=_flag(query, "enable_http_compression"),
        block_answer=_flag(query, "compress"),
        block_body=_flag(query, "decompress"),
        hold=_flag(query, "wait_end_of_query"),
        modern_native="client_protocol_version" in query,
        session_id=_printable("session_id", query.get("session_id", "")),
        session_timeout=_seconds(query.get("session_timeout", "60")),
        session_check=_flag(query, "session_check"),
        close_session=_flag(query, "close_session"),
    )
    for name, value in query.items():
        if name not in _TRANSPORT and name not in not_settings:
            wish.add_field(name, value)
    return wish


def external_names(query: Mapping[str, str]) -> frozenset[str]:
    """Parameters that describe external tables (``name_structure``, ``name_types``, ``name_format``)."""
    tables = {name.rpartition("_")[0] for name in query if name.endswith(("_structure", "_types"))}
    return frozenset(name for name in query if name.rpartition("_")[0] in tables)


def _flag(query: Mapping[str, str], name: str) -> bool:
    return query.get(name, "0").lower() in ("1", "true", "yes")


def _printable(name: str, value: str) -> str:
    # A byte of a header that is not UTF-8 arrives as half of a surrogate pair, which is not printable either.
    if not value.isprintable():
        raise ClickHouseError(BAD_ARGUMENTS, f"The {name} holds characters that cannot be printed: {value!a}")
    return value


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise ClickHouseError(
            BAD_ARGUMENTS, f"Invalid session timeout {text!r}: a number of seconds is needed"
        ) from None
    if not 0 <= value <= _LONGEST_SESSION:
        raise ClickHouseError(
            374, f"Session timeout {text} is larger than the longest of {_LONGEST_SESSION} s", "INVALID_SESSION_TIMEOUT"
        )
    return value


def _checked(name: str) -> str:
    if not _SETTING.fullmatch(name):
        raise ClickHouseError(115, f"Unknown setting {name!r}", "UNKNOWN_SETTING")
    return name
