"""Check that a result which ended without an error is complete.

The engine returns rows block by block. When it is stopped while computed rows wait for a slow reader, it drops them and
reports no error (seen in chDB 4.4.0: after KILL QUERY, and when `max_execution_time` passed).
"""

from __future__ import annotations

from deploy.clickhouse_endpoint.errors import QUERY_WAS_CANCELLED, ClickHouseError
from deploy.clickhouse_endpoint.sql.tokens import Token, tokens

_LIMIT = "max_execution_time"


def check_complete(sql: bytes, settings: dict[str, str], session_limit: float, seconds: float, killed: bool) -> None:
    """Reject a result that may lack rows.

    Args:
        sql: the statement, whose SETTINGS count, too.
        settings: those of the request.
        session_limit: `max_execution_time` of its session in seconds, 0 for none.
        seconds: how long the engine worked, measured from outside (so not less than the engine's own count).
        killed: the query was killed.

    Raises:
        ClickHouseError: 394 for killed ones, 159 when a limit of time has passed.
    """
    if killed:
        raise ClickHouseError(QUERY_WAS_CANCELLED, "Query was cancelled")
    limits = [limit for limit in (_number(settings.get(_LIMIT, "")), session_limit, *_inline_limits(sql)) if limit > 0]
    if limits and seconds >= min(limits):
        problem = f"Timeout exceeded: elapsed {seconds * 1000:.0f} ms, maximum: {min(limits) * 1000:.0f} ms"
        raise ClickHouseError(159, f"{problem}: rows may be missing", "TIMEOUT_EXCEEDED")


def _inline_limits(sql: bytes) -> list[float]:
    if _LIMIT.encode() not in sql.lower():
        return []
    limits: list[float] = []
    last: list[Token] = []
    for token in tokens(sql):
        last = [*last[-2:], token]
        if len(last) == 3 and last[0].name == _LIMIT and last[1].text == b"=":
            limits.append(_number(token.text.decode("latin-1").strip("'")))
    return limits


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0
