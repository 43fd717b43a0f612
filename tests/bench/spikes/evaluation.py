"""How long the detector learns and evaluates, from ClickHouse to ClickHouse.

90 days of appeals of 2,300 places are written by SQL into the facts; then a night is learnt and moments are evaluated.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from clickhouse_connect.driver.client import Client

from deploy.clickhouse.client import clickhouse as open_clickhouse
from deploy.machine.processes import stop
from deploy.passwords import generate
from schemas.clickhouse.flat_appeals import FLAT, flat
from streams.spikes.service import Detector, Knobs
from tests.conftest import ClickHouseServer
from tests.schemas.builders.shown_log import GENERATION, Shown
from tests.servers.ports import free_port
from tests.streams.builders.records import event, hex32

PLACES: Final = 2300
DAYS: Final = 90
MOST_S: Final = 5.0
_BATCH: Final = 500_000
_RANK: Final = "toUInt32(exp(log({{places:UInt32}}) * ({random})))"
_PLACE: Final = "concat(leftPad(toString(1 + rank % 85), 2, '0'), '7', leftPad(toString(rank), 4, '0'), '0')"


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the times; exit code 1 where an evaluation takes more than 5 s of a processor."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.spikes.evaluation", description=__doc__)
    parser.add_argument("--appeals", type=int, default=2_000_000, metavar="N", help="appeals in 90 days (2,000,000)")
    chosen = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        generate(Path(folder))
        server = ClickHouseServer(Path(folder), free_port())
        server.start()
        try:
            server.prepare()
            with open_clickhouse(server.connection, timeout_s=600) as client:
                return _measure(client, server.process.pid, chosen.appeals)
        finally:
            stop([server.process], 20.0)


def _measure(client: Client, pid: int, appeals: int) -> int:
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    _fill(client, Shown(client), now, appeals)
    detector = Detector(client, lambda _client: GENERATION, Knobs())
    worst = 0.0
    for at in range(4):
        wall, own, engine = time.monotonic(), time.process_time(), _processor_s(pid)
        detector.evaluate(now + timedelta(minutes=5 * at), hold_late=False)
        wall, own, engine = time.monotonic() - wall, time.process_time() - own, _processor_s(pid) - engine
        what = "night and first evaluation" if at == 0 else "evaluation"
        print(
            f"{what}: {own + engine:.2f} s of a processor (detector {own:.2f}, ClickHouse {engine:.2f}), {wall:.1f} s"
        )
        worst = max(worst, own + engine) if at else worst
    ((series, tested),) = client.query(
        "SELECT series, tested FROM gospulse_data.spike_evaluations ORDER BY evaluated LIMIT 1"
    ).result_rows
    print(f"{series:,} series, {tested:,} tested")
    print(f"{'ok' if worst <= MOST_S else 'NOT'}: at most {worst:.2f} s an evaluation (accepted <= {MOST_S:.0f})")
    if tested < PLACES:
        print("NOT: fewer series are tested than there are places, so the times say nothing")
    return 0 if worst <= MOST_S and tested >= PLACES else 1


def _fill(client: Client, log: Shown, now: datetime, appeals: int) -> None:
    """Appeals at random moments of 90 days, the busiest places first (level inverse to the rank).

    They stand as facts and in their flat form, as the refresher leaves them. The last hour comes through the fold and
    waits for the refresher, as live appeals do.
    """
    facts = f"gospulse_data.appeals_g{GENERATION}"
    for begin in range(0, appeals, _BATCH):
        client.command(
            f"INSERT INTO {facts} (appeal, first, hours, names) SELECT appeal, "
            "tuple(1, 0, number, at, at, appeal, concat('vk:', toString(rank % 9000)), place, 'vk', 'comment', NULL, "
            "'bench', NULL, NULL, NULL, NULL, lower(hex(MD5(toString(number % 100000)))), NULL, NULL, NULL, false), "
            "[toUInt32(intDiv(toUnixTimestamp(at), 3600) * 3600)], [] FROM (SELECT number, "
            "lower(hex(MD5(toString(number)))) AS appeal, "
            f"{_RANK.format(random='rand(1) / 4294967296.0')} AS rank, {_PLACE} AS place, "
            "toDateTime64({end:UInt32} - {days:UInt32} * 86400 * (rand(2) / 4294967296.0), 3, 'UTC') AS at "
            f"FROM numbers({begin}, {min(_BATCH, appeals - begin)}))",
            parameters={"places": PLACES, "days": DAYS, "end": int(now.timestamp()) - 3600},
        )
    columns = ", ".join(FLAT)
    rows = flat(facts, f"gospulse_data.lives_g{GENERATION}", f"(SELECT appeal FROM {facts})")
    client.command(
        f"INSERT INTO gospulse_data.appeal_rows_g{GENERATION} ({columns}, version, gone) "
        f"SELECT {columns}, 1, 0 FROM ({rows})"
    )
    last = max(1, appeals // DAYS // 24)
    places = client.query(
        f"SELECT {_RANK.format(random='rand() / 4294967296.0')} AS rank, {_PLACE} FROM numbers({last})",
        parameters={"places": PLACES},
    ).result_rows
    begin_ms = int(now.timestamp() - 3600) * 1000
    log.append(
        *(
            event(
                ("live", n), "appeal_received", at=begin_ms + n * 3_600_000 // last, place=place,
                page=f"vk:{rank % 9000}", author=hex32(("author", n)),
            )
            for n, (rank, place) in enumerate(places)
        )
    )  # fmt: skip
    client.command(
        f"INSERT INTO gospulse_data.place_zones_g{GENERATION} (place, zone) "
        f"SELECT DISTINCT tupleElement(first, 'place'), 'Europe/Moscow' FROM {facts}"
    )
    print(f"{appeals:,} appeals of {PLACES:,} places in {DAYS} days, {last:,} of the last hour live", flush=True)


def _processor_s(pid: int) -> float:
    """Seconds of a processor that a process has used."""
    import psutil

    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


if __name__ == "__main__":
    sys.exit(main())
