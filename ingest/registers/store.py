"""The registers in ClickHouse: histories read whole, changed points written, and the pages for ingest's memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from typing import Any, Final, Protocol

from ingest.registers.history import Point, Write
from ingest.registers.page_register import PageRegister, PageRow
from ingest.registers.plan import Histories
from ingest.registers.registers import Register
from schemas.clickhouse.generations import Result

_DATA: Final = "gospulse_data"
_ROWS_OF_AN_INSERT: Final = 100_000


class Client(Protocol):
    """The part of a clickhouse-connect client that the registers need."""

    def query(self, query: str) -> Result: ...

    def insert(self, table: str, data: Sequence[Sequence[Any]], column_names: Sequence[str]) -> Any: ...


def read_histories(client: Client, register: Register) -> Histories:
    """All histories of a register, by key."""
    columns = ", ".join(register.columns)
    rows = client.query(
        f"SELECT valid_from, state = 'in force', {columns} FROM {_DATA}.{register.name} FINAL "
        f"WHERE state != 'cancelled' ORDER BY {register.columns[0]}, valid_from"
    ).result_rows
    histories: dict[str, list[Point]] = {}
    for day, in_force, *cells in rows:
        histories.setdefault(cells[0], []).append(Point(day, tuple(cells) if in_force else None))
    return {key: tuple(points) for key, points in histories.items()}


def write_points(client: Client, register: Register, writes: Sequence[Write], now: datetime) -> None:
    """Write points, each of which replaces what was written of its key and day before.

    Every point stands alone, so a run that ends in the middle is finished by the same import. ``now`` (UTC) becomes
    the version, or a later one where the register holds a version of a clock that is ahead.
    """
    version = max(_nanoseconds(now), _latest_version(client, register) + 1)
    names = ("valid_from", "state", "written_at", *register.columns)
    for begin in range(0, len(writes), _ROWS_OF_AN_INSERT):
        rows = [
            (write.valid_from, write.state, version, *write.entry)
            for write in writes[begin : begin + _ROWS_OF_AN_INSERT]
        ]
        client.insert(f"{_DATA}.{register.name}", rows, column_names=names)


def read_page_register(client: Client, before: PageRegister | None = None) -> PageRegister:
    """The register of pages for ingest: every page with all its validities.

    ``before`` is a register that was read earlier; it is the result where ClickHouse holds the same rows still.
    """
    # Merges leave it as it is, and so does a row that is written again.
    digest = f"SELECT groupBitXor(cityHash64(page, valid_from, written_at)) FROM {_DATA}.pages FINAL"
    version = int(client.query(digest).result_rows[0][0])
    if before is not None and before.version == version:
        return before
    return PageRegister(_page_rows(client), version)


def _page_rows(client: Client) -> Iterator[PageRow]:
    rows = client.query(
        "SELECT page, valid_from, valid_to, place, organisation, kind FROM gospulse.page_history "
        "ORDER BY page, valid_from"
    ).result_rows
    return (PageRow(*row) for row in rows)


def _latest_version(client: Client, register: Register) -> int:
    rows = client.query(f"SELECT toUnixTimestamp64Nano(max(written_at)) FROM {_DATA}.{register.name}").result_rows
    return int(rows[0][0])


def _nanoseconds(moment: datetime) -> int:
    elapsed = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (elapsed.days * 86_400 + elapsed.seconds) * 1_000_000_000 + elapsed.microseconds * 1000


def moscow_today(client: Client) -> date:
    """Today by Moscow's calendar and the server's clock, by which views decide what is in force."""
    today = client.query("SELECT toDate(now('Europe/Moscow'))").result_rows[0][0]
    assert isinstance(today, date)
    return today
