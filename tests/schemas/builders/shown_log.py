"""A small log that the views read: its records, and the generation that it is stored in."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from clickhouse_connect.driver.client import Client

from schemas.clickhouse.generations import FIRST
from schemas.clickhouse.migrate import show_generation
from schemas.clickhouse.sql_files import Rendering
from streams.bookkeeping.progress import Progress
from streams.refresh.refresher import Refresher
from tests.streams.builders.records import HOUR, T0, event, hex32
from tests.streams.builders.stored_log import StoredLog, clear

MINUTE = HOUR // 60
DAY = 24 * HOUR
MOSCOW, YAKUTSK, LOS_ANGELES = "45382000", "98701000", "la:cd-4"
GENERATION = FIRST
#: Two due appeals are enough for a rank.
RENDERING = Rendering(minimum_sample=2)


class Shown(StoredLog):
    """The generation that the views read, without any row of an earlier test."""

    def __init__(self, client: Client, **definition: object) -> None:
        clear(client, GENERATION)
        super().__init__(client, GENERATION, **definition)
        show_generation(client, GENERATION, RENDERING)

    def refresh(self) -> None:
        """Bring roll-ups and lives up to date."""
        Refresher(self.client, self.generation).drain()


def moment(at: int) -> datetime:
    return datetime.fromtimestamp(at / 1000, UTC).replace(tzinfo=None)


def received(name: str, at: int = T0, **fields: Any) -> bytes:
    return event(("received", name), "appeal_received", **({"appeal": hex32(name), "at": at} | fields))


def told(kind: str, name: str | None, at: int, **fields: Any) -> bytes:
    appeal = hex32(name) if name is not None else None
    return event((kind, name, at), f"appeal_{kind}", **({"appeal": appeal, "at": at} | fields))


def total(name: str, value: int, begin: int, hours: float = 24, observed: int = T0, **fields: Any) -> bytes:
    """A reading of appeals that another system counted."""
    record = {
        "v": 1,
        "id": hex32(("reading", name, value, observed)),
        "object": name,
        "metric": "appeals",
        "value": value,
        "period_from": begin,
        "period_to": begin + int(hours * HOUR),
        "observed_at": observed,
        "source": "elsewhere",
        "place": MOSCOW,
        "channel": "phone",
        "entrance": "phone",
    }
    return json.dumps(record | fields).encode()


def progress(folded: int, end: int, heartbeat: int, complete: int, part: int = 0, stopped: str = "") -> Progress:
    return Progress(
        log=1,
        part=part,
        folded=folded,
        complete=complete,
        heartbeat=heartbeat,
        end=end,
        worker="worker-1",
        stopped=stopped,
    )
