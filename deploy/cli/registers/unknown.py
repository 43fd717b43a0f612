"""Pages that the register does not know, and the stamp set that gives past events the places of today's register."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from clickhouse_connect.driver.client import Client

from deploy.cli.tables import show
from deploy.errors import GOOD, UserError
from ingest.registers.page_register import PageRegister
from ingest.registers.stamps import HOUR_MS, PlaceStamp, Stamped, stamp_set
from ingest.registers.store import read_page_register
from schemas.clickhouse.generations import NoGenerationError, active_generation, definition_of
from schemas.contract.events import KINDS
from schemas.contract.identifiers import UNKNOWN_PLACE
from streams.definition import Stamp, decode_definition
from streams.rebuild.stamp_file import write_stamps


def show_unknown(client: Client, limit: int, *, as_json: bool) -> int:
    """Lists pages with events under place 00000000, the busiest first."""
    columns = ("page", "events", "appeals", "first_hour", "last_hour", "place_now")
    found = unknown_pages(client)
    shown = found if limit == 0 else found[:limit]
    if as_json:
        rows = [dict(zip(columns, row, strict=True)) for row in shown]
        print(msgspec.json.format(msgspec.json.encode(rows)).decode())
        return GOOD
    if not found:
        print("Every page that events came from has a place.")
        return GOOD
    show(columns, shown, right=("events", "appeals"))
    if len(shown) < len(found):
        print(f"{len(found) - len(shown):,} more pages are not shown (--limit 0 shows all).")
    known = sum(1 for row in found if row[-1] is not None)
    print(
        f"{len(found):,} pages have events under place {UNKNOWN_PLACE}; the register now knows {known:,} of them. "
        "Import the others, then `gospulse pages stamps FILE` and `gospulse rebuild --restamp FILE`."
    )
    return GOOD


def unknown_pages(client: Client) -> list[tuple[Any, ...]]:
    """Page, events, appeals, first and last hour (UTC), the place that the register gives it now (None: none)."""
    generation = active_generation(client)
    kinds = [kind for kind in KINDS if kind != "appeal_received"]
    cells = client.query(
        f"SELECT page, sum({' + '.join(kinds)}), min(hour), max(hour) FROM "
        f"(SELECT page, hour, {', '.join(f'max({kind}) AS {kind}' for kind in kinds)} "
        f"FROM gospulse_data.page_hour_g{generation} WHERE place = '{UNKNOWN_PLACE}' AND page != '' "
        "GROUP BY page, hour, log, part, chunk) GROUP BY page"
    ).result_rows
    received = client.query(
        f"SELECT page, count() FROM gospulse.appeals WHERE place = '{UNKNOWN_PLACE}' AND page IS NOT NULL GROUP BY page"
    ).result_rows
    register = read_page_register(client)
    appeals = {str(row[0]): int(row[1]) for row in received}
    found = [
        (page, events + appeals.get(page, 0), appeals.get(page, 0), first, last, _latest_place(register, page))
        for page, events, first, last in cells
    ]
    return sorted(found, key=lambda row: (-row[1], row[0]))


def write_stamp_set(client: Client, file: Path) -> int:
    """Writes the whole stamp set: stamps in force included where they are still needed."""
    try:
        generation = active_generation(client)
        decided = decode_definition(definition_of(client, generation)).stamps
    except NoGenerationError as error:
        raise UserError(str(error)) from error
    before = [PlaceStamp(each.page, each.from_ms, each.to_ms, each.place) for each in decided]
    stamps = stamp_set(
        _stamped(client, generation), read_page_register(client), before, now_ms=time.time_ns() // 1_000_000
    )
    try:
        write_stamps(file, [Stamp(page=s.page, from_ms=s.from_ms, to_ms=s.to_ms, place=s.place) for s in stamps])
    except OSError as error:
        raise UserError(f"{file} cannot be written: {error.strerror}") from error
    if not stamps:
        print(f"No stamp is needed: stored places agree with the register. {file} holds its head line only.")
        return GOOD
    pages = len({stamp.page for stamp in stamps})
    print(f"{len(stamps):,} stamps of {pages:,} pages were written to {file}.")
    print(f"Apply them with `gospulse rebuild --restamp {file}`.")
    return GOOD


def _stamped(client: Client, generation: int) -> list[Stamped]:
    rows = client.query(
        "SELECT page, toString(place), min(hour), max(hour) "
        f"FROM gospulse_data.page_hour_g{generation} WHERE page != '' GROUP BY page, place"
    ).result_rows
    return [Stamped(page, place, _ms(first), _ms(last) + HOUR_MS) for page, place, first, last in rows]


def _ms(moment: datetime) -> int:
    return round(moment.replace(tzinfo=UTC).timestamp() * 1000)


def _latest_place(register: PageRegister, page: str) -> str | None:
    validities = register.validities(page)
    return validities[-1].place if validities else None
