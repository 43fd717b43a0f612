"""Sessions: choose the engine's connection for a request and restore its settings afterwards."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Final

from msgspec import Struct

from deploy.clickhouse_endpoint.engine.engine import Engine, EngineConnection
from deploy.clickhouse_endpoint.errors import (
    SESSION_IS_LOCKED,
    SESSION_NOT_FOUND,
    TOO_MANY_SIMULTANEOUS_QUERIES,
    ClickHouseError,
)
from deploy.clickhouse_endpoint.sql.quoting import identifier, literal


class _Session(Struct):
    connection: EngineConnection
    timeout: float
    busy: bool
    idle_since: float


#: What a connection was prepared with: the database, the settings but for the tag of the request.
_Prepared = tuple[str, frozenset[tuple[str, str]]]
#: Connections that wait for a further request. Opening one, and its first query, take longer than a small query.
_MOST_IDLE: Final = 8
#: The setting that holds the tag of a request.
_TAG: Final = "log_comment"


class Lease:
    """A connection for one request. Its methods block in the engine, so call them in a thread.

    ``reusable``: the connection may serve a further request. Then ``give_back`` for reuse does not block, and belongs
    into the event loop.
    """

    def __init__(
        self,
        connection: EngineConnection,
        session: _Session | None,
        close: bool,
        clock: Callable[[], float],
        keep: Callable[[EngineConnection], None] | None = None,
        prepared: bool = False,
    ) -> None:
        self.connection = connection
        self.reusable = keep is not None
        self._session = session
        self._close = close
        self._clock = clock
        self._keep = keep
        self._prepared = prepared
        self._restore: list[str] = []

    def prepare(self, settings: Mapping[str, str], database: str, leaves_database: bool) -> None:
        """Apply a request's settings and database. In a named session ``give_back`` restores them.

        Args:
            leaves_database: the statement is USE, so ``give_back`` keeps the new database.

        Raises:
            ClickHouseError: an unknown setting or database, a value out of bounds.
        """
        if self._prepared:
            settings = {name: value for name, value in settings.items() if name == _TAG}
        if self._session is not None and settings:
            names = list(settings)
            values = self.connection.run(
                "SELECT " + ", ".join(f"toString(getSetting({literal(n)}))" for n in names), "TSVRaw"
            )
            before = values.payload.decode("utf-8", "surrogateescape").rstrip("\n").split("\t")
            if len(before) == len(names):
                self._restore.append(
                    "SET " + ", ".join(f"{n} = {literal(v)}" for n, v in zip(names, before, strict=True))
                )
        if self._session is not None and database and not leaves_database:
            current = self.connection.run("SELECT currentDatabase()", "TSVRaw").payload.decode().rstrip("\n")
            self._restore.append(f"USE {identifier(current)}")
        if database:
            self.connection.run(f"USE {identifier(database)}")
        if settings:
            self.connection.run("SET " + ", ".join(f"{name} = {literal(value)}" for name, value in settings.items()))

    def time_limit(self) -> float:
        """`max_execution_time` in force, in seconds; 0 for none."""
        return float(self.connection.run("SELECT toFloat64(getSetting('max_execution_time'))", "TSVRaw").payload)

    def give_back(self, reuse: bool = False) -> None:
        """End the request: close the connection, or restore and unlock the session.

        Args:
            reuse: keep a reusable connection for a further request.
        """
        if reuse and self._keep is not None:
            self._keep(self.connection)
            return
        if self._session is None:
            self.connection.close()
            return
        try:
            for statement in self._restore:
                self.connection.run(statement)
        finally:
            self._session.idle_since = self._clock()
            self._session.busy = False
            if self._close:
                self._session.timeout = 0.0


class Sessions:
    """Named sessions by login. Used from the event loop only, except for the leases it gives."""

    def __init__(self, engine: Engine, most: int = 1000, clock: Callable[[], float] = time.monotonic) -> None:
        self._engine = engine
        self._most = most
        self._clock = clock
        self._sessions: dict[tuple[str, str], _Session] = {}
        self._idle: list[tuple[_Prepared, EngineConnection]] = []

    def fresh(self) -> Lease:
        """A lease on a connection of its own."""
        return Lease(self._engine.connect(), None, True, self._clock)

    def plain(self, database: str, settings: Mapping[str, str]) -> Lease:
        """A lease for a statement that leaves nothing behind: on a connection that had the same settings, if any waits.

        For the login that writes.
        """
        key = database, frozenset((name, value) for name, value in settings.items() if name != _TAG)

        def keep(connection: EngineConnection) -> None:
            self._idle.append((key, connection))
            if len(self._idle) > _MOST_IDLE:
                self._idle.pop(0)[1].close()

        for index in reversed(range(len(self._idle))):
            if self._idle[index][0] == key:
                connection = self._idle.pop(index)[1]
                return Lease(connection, None, True, self._clock, keep, prepared=True)
        return Lease(self._engine.connect(), None, True, self._clock, keep)

    def named(self, login: str, name: str, timeout: float, must_exist: bool, close: bool) -> Lease:
        """A lease on a named session, which is made if absent and lives ``timeout`` seconds after its last request.

        Raises:
            ClickHouseError: 372 when it must exist and does not, 373 while another request uses it.
        """
        session = self._sessions.get((login, name))
        if session is not None and not session.busy and self._is_over(session):
            self._end((login, name))
            session = None
        if session is None:
            if must_exist:
                raise ClickHouseError(SESSION_NOT_FOUND, f"Session {name} is not found: it never was or has timed out")
            if len(self._sessions) >= self._most:
                raise ClickHouseError(TOO_MANY_SIMULTANEOUS_QUERIES, f"Too many sessions: {self._most}")
            session = self._sessions[(login, name)] = _Session(self._engine.connect(), timeout, False, self._clock())
        if session.busy:
            raise ClickHouseError(SESSION_IS_LOCKED, f"Session {name} is locked by a concurrent client")
        session.busy = True
        session.timeout = timeout
        return Lease(session.connection, session, close, self._clock)

    def sweep(self) -> None:
        """Close the sessions whose time is over."""
        for key in [key for key, session in self._sessions.items() if not session.busy and self._is_over(session)]:
            self._end(key)

    def close(self) -> None:
        """Close all that are idle; the busy ones must have been given back before."""
        while self._idle:
            self._idle.pop()[1].close()
        for key in [key for key, session in self._sessions.items() if not session.busy]:
            self._end(key)

    def _is_over(self, session: _Session) -> bool:
        return self._clock() - session.idle_since >= session.timeout

    def _end(self, key: tuple[str, str]) -> None:
        self._sessions.pop(key).connection.close()
