"""Reading: what the typical questions to each view cost on a synthetic national year."""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

from clickhouse_connect.driver.client import Client
from msgspec import Struct

from deploy import passwords
from deploy.clickhouse.asking import asking
from deploy.clickhouse.client import clickhouse
from deploy.machine.clickhouse_process import STOP_PATIENCE_S, start_clickhouse
from deploy.machine.processes import Process, stop
from schemas.clickhouse.migrate import migrate
from schemas.clickhouse.sql_files import Rendering
from schemas.connections import ClickHouseConnection
from streams.definition import current_definition, encode_definition
from tests.bench.national_year import Size, compute_answers, fill, settle, stop_merges
from tests.bench.panels import panel_questions
from tests.bench.speed import cpu_seconds
from tests.servers.machine import ROOT
from tests.servers.ports import free_port

HOST: Final = "127.0.0.1"
#: A dashboard answers at once below this, in seconds.
TARGET_S: Final = 0.3
_RANGES: Final = {"now": 1 / 24, "24 h": 1, "30 d": 30, "year": 365}
_LAST: Final = "toStartOfHour(now('UTC'))"


class Reading(Struct, frozen=True):
    """One question in one state of the tables: median seconds of the runs, and processor seconds of a run."""

    state: str
    view: str
    question: str
    median_s: float
    cpu_s: float


def measure(note: Callable[[str], None], size: Size, kept: Path | None, runs: int) -> list[Reading]:
    """Fill the year, ask every question right after a rebuild and after the merges of a quiet quarter of an hour.

    ``kept``: a folder for the tables. A folder that holds a year already is measured as it is, in the merged state; a
    new one is filled, merged and left, and nothing is measured.
    """
    if kept is None:
        with tempfile.TemporaryDirectory(dir=ROOT / ".cache") as folder:
            return _measured(Path(folder), note, size, ("fill", "unmerged", "merge", "merged"), runs)
    if kept.exists():
        return _measured(kept, note, size, ("merged",), runs)
    kept.mkdir(parents=True)
    return _measured(kept, note, size, ("fill", "merge"), runs)


def _measured(folder: Path, note: Callable[[str], None], size: Size, steps: Sequence[str], runs: int) -> list[Reading]:
    found: list[Reading] = []
    process, connection = _started(folder)
    try:
        with clickhouse(connection, timeout_s=1800) as client:
            migrate(client, Rendering(), encode_definition(current_definition(1)), note=lambda _line: None)
            if "fill" not in steps:
                compute_answers(client, note)
            for step in steps:
                if step == "fill":
                    stop_merges(client)
                    fill(client, size, note)
                    compute_answers(client, note)
                elif step == "merge":
                    settle(client, note)
                else:
                    for view, question, sql in _all_questions(client):
                        found.append(_asked(client, process, (step, view, question), sql, runs))
                        note(f"{step}, {view}, {question}: {found[-1].median_s:.3f} s, CPU {found[-1].cpu_s:.3f} s")
    finally:
        stop([process], STOP_PATIENCE_S)
    return found


def _all_questions(client: Client) -> Iterator[tuple[str, str, str]]:
    yield from questions()
    ((now,),) = client.query(f"SELECT toUnixTimestamp({_LAST})").result_rows
    yield from panel_questions(asking(client), int(now) * 1000)


def _started(folder: Path) -> tuple[Process, ClickHouseConnection]:
    passwords.generate(folder)
    port = free_port()
    process = start_clickhouse(
        folder / "data",
        HOST,
        port,
        passwords=passwords.passwords_directory(folder),
        run=folder / "run",
        log=folder / "clickhouse.log",
        environ=os.environ | {"PYTHONPATH": str(ROOT), "TZ": "UTC"},
        memory_mb=6_000,
        fsync=False,
    )
    password = passwords.read_generated(folder, passwords.WRITER)
    assert password is not None
    return process, ClickHouseConnection(host=HOST, port=port, username=passwords.WRITER, password=password)


def _asked(client: Client, process: Process, of: tuple[str, str, str], sql: str, runs: int) -> Reading:
    client.query(sql)
    seconds = []
    before = cpu_seconds(process.pid)
    for _ in range(runs):
        begin = time.perf_counter()
        client.query(sql)
        seconds.append(time.perf_counter() - begin)
    cpu = (cpu_seconds(process.pid) - before) / runs
    return Reading(*of, statistics.median(seconds), cpu)


def questions() -> Iterator[tuple[str, str, str]]:
    """View, question and SQL: each view by the ranges and areas that dashboards and analysts ask of it."""
    place, region, page = _example()
    areas = {"country": "1", "region": f"region = {region}", "place": f"place = {place}", "page": f"page = {page}"}
    for name, days in _RANGES.items():
        since = f"received_at >= {_LAST} - toIntervalSecond({int(days * 86_400)})"
        for area, where in areas.items():
            asked = f"WHERE {since} AND {where}"
            yield (
                "appeals",
                f"topics, {name}, {area}",
                _top(f"topic, count() AS n FROM gospulse.appeals {asked}", "topic"),
            )
        yield (
            "answer_times",
            f"in time, {name}, country",
            (
                f"SELECT count(), countIf(in_time), countIf(outcome = 'waiting') FROM gospulse.answer_times WHERE "
                f"{since}"
            ),
        )
        date = f"day > toDate({_LAST}) - {max(1, int(days))}"
        for area in ("country", "region", "place"):
            where = areas[area]
            yield (
                "network_day",
                f"engagement, {name}, {area}",
                (
                    f"SELECT network, sum(comment_added), sum(reaction_added) FROM gospulse.network_day "
                    f"WHERE {date} AND {where} GROUP BY network"
                ),
            )
            yield (
                "coverage",
                f"{name}, {area}",
                (
                    f"SELECT day, sum(pages_registered_heard) / sum(pages_registered) FROM gospulse.coverage "
                    f"WHERE {date} AND {where} GROUP BY day ORDER BY day"
                ),
            )
            yield (
                "place_day",
                f"appeals, {name}, {area}",
                (
                    f"SELECT day, sum(appeals) FROM gospulse.place_day WHERE {date} AND {where} GROUP BY day ORDER BY "
                    f"day"
                ),
            )
        for view, area in (("share_day", "place"), ("share_region_day", "region"), ("share_country_day", "country")):
            yield (
                view,
                f"{name}, {area}",
                (
                    f"SELECT day, numerator, denominator, share FROM gospulse.{view} WHERE {date} AND {areas[area]} "
                    f"ORDER BY day"
                ),
            )
    yield from _others(areas)


def _others(areas: dict[str, str]) -> Iterator[tuple[str, str, str]]:
    month = f"day > toDate({_LAST}) - 30"
    yield (
        "appeals_5min",
        "28 d, country",
        (
            f"SELECT time, sum(appeals) FROM gospulse.appeals_5min WHERE time >= {_LAST} - toIntervalDay(28) "
            "GROUP BY time ORDER BY time"
        ),
    )
    yield (
        "place_5min",
        "28 d, country",
        (
            f"SELECT time, sum(appeals) FROM gospulse.place_5min WHERE time >= {_LAST} - toIntervalDay(28) "
            "GROUP BY time ORDER BY time"
        ),
    )
    for view, area in (("share_month", "place"), ("share_region_month", "region"), ("share_region_month", "country")):
        yield view, f"year, {area}", f"SELECT * FROM gospulse.{view} WHERE {areas[area]} ORDER BY month"
    yield "region_rating", "year, country", "SELECT * FROM gospulse.region_rating ORDER BY month, rank"
    yield "appeals_waiting", "by age, country", "SELECT age, count() FROM gospulse.appeals_waiting GROUP BY age"
    yield "usual_hours", "8 d, country", "SELECT * FROM gospulse.usual_hours WHERE region IS NULL ORDER BY hour"
    yield (
        "topic_change",
        "7 d, country",
        ("SELECT topic, sum(appeals), sum(before) FROM gospulse.topic_change GROUP BY topic ORDER BY 2 DESC"),
    )
    yield (
        "region_hour",
        "30 d, country",
        (
            f"SELECT hour, sum(appeals) FROM gospulse.region_hour WHERE hour >= {_LAST} - toIntervalDay(30) "
            "GROUP BY hour ORDER BY hour"
        ),
    )
    yield (
        "place_hour",
        "24 h, region",
        (
            f"SELECT hour, sum(appeals) FROM gospulse.place_hour WHERE hour >= {_LAST} - toIntervalDay(1) "
            f"AND {areas['region']} GROUP BY hour ORDER BY hour"
        ),
    )
    for area in ("region", "place", "page"):
        yield (
            "page_day",
            f"pages by engagement, 30 d, {area}",
            _top(f"page, sum(comment_added) AS n FROM gospulse.page_day WHERE {month} AND {areas[area]}", "page"),
        )
    yield (
        "page_hour",
        "24 h, page",
        (
            f"SELECT hour, sum(comment_added) FROM gospulse.page_hour WHERE hour >= {_LAST} - toIntervalDay(1) "
            f"AND {areas['page']} GROUP BY hour ORDER BY hour"
        ),
    )
    yield "pages", "list, region", f"SELECT * FROM gospulse.pages WHERE {areas['region']}"
    yield "pages", "number, country", "SELECT count(), countIf(last_post_day >= today() - 7) FROM gospulse.pages"
    yield (
        "page_readings",
        "subscribers, page",
        (
            f"SELECT day, value FROM gospulse.page_readings WHERE metric = 'subscribers' AND object = "
            f"{areas['page'][7:]}"
        ),
    )
    for level, where in (("country", "1"), ("region", areas["region"]), ("place", areas["place"])):
        yield (
            f"people_{level}_day",
            "30 d",
            (f"SELECT day, network, accounts FROM gospulse.people_{level}_day WHERE {month} AND {where} ORDER BY day"),
        )
        yield (
            f"people_{level}_month",
            "year",
            (f"SELECT month, network, accounts FROM gospulse.people_{level}_month WHERE {where} ORDER BY month"),
        )
    for view in ("freshness", "sources", "rollups", "reconciliation"):
        yield view, "all", f"SELECT * FROM gospulse.{view}"


def _example() -> tuple[str, str, str]:
    """Literals of a municipality, its region and a page of it: the first ones that were filled."""
    return "'01001000'", "'01000000'", "'vk:0'"


def _top(select: str, by: str) -> str:
    return f"SELECT {select} GROUP BY {by} ORDER BY n DESC LIMIT 10"
