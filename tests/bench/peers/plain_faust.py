"""Peer: a plain Faust agent that does the whole job as Faust's documentation would have it, one event at a time.

It decodes and validates, drops repeats by id, counts page-hours, gathers authors and appeals, and inserts into
ClickHouse about once a second. It is *not* exact (that is why Gospulse is built otherwise); it is here for its speed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import tempfile
import time
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import clickhouse_connect
import faust

from schemas.contract.events import ACTIVE_KINDS, Event, EventValidator

HOUR_MS = 3_600_000
TABLES = """
CREATE DATABASE IF NOT EXISTS peer;
CREATE OR REPLACE TABLE peer.page_hour (hour DateTime('UTC'), page String, place String, kind String, amount UInt64)
ENGINE = SummingMergeTree ORDER BY (hour, place, page, kind);
CREATE OR REPLACE TABLE peer.people (day Date, page String, place String, author String)
ENGINE = ReplacingMergeTree ORDER BY (day, place, page, author);
CREATE OR REPLACE TABLE peer.appeals (appeal String, at DateTime64(3, 'UTC'), page String, place String)
ENGINE = ReplacingMergeTree ORDER BY appeal;
"""


class Job:
    """What the agent gathers between two inserts."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self.validate = EventValidator()
        self.seen: set[str] = set()
        self.counts: dict[tuple[int, str, str, str], int] = defaultdict(int)
        self.people: set[tuple[int, str, str, str]] = set()
        self.appeals: list[tuple[str, datetime, str, str]] = []

    def take(self, raw: bytes) -> None:
        """Fold one event."""
        event = self.validate(raw)
        if not isinstance(event, Event):
            return
        page = event.page or ""
        if event.kind == "appeal_received" and event.appeal:
            self.appeals.append((event.appeal, datetime.fromtimestamp(event.at / 1000, UTC), page, event.place))
        if event.id in self.seen:
            return
        self.seen.add(event.id)
        self.counts[event.at - event.at % HOUR_MS, page, event.place, event.kind] += event.amount
        if event.author is not None and event.kind in ACTIVE_KINDS:
            self.people.add((event.at // 86_400_000, page, event.place, event.author))

    def insert(self) -> None:
        """Write what was gathered."""
        counts, people, appeals = self.counts, self.people, self.appeals
        self.counts, self.people, self.appeals = defaultdict(int), set(), []
        if len(self.seen) > 1_300_000:
            self.seen.clear()
        if counts:
            rows = [
                [datetime.fromtimestamp(h / 1000, UTC) for h, _, _, _ in counts],
                [p for _, p, _, _ in counts],
                [p for _, _, p, _ in counts],
                [k for _, _, _, k in counts],
                list(counts.values()),
            ]
            self.client.insert("peer.page_hour", rows, column_oriented=True)
        if people:
            days = [datetime.fromtimestamp(d * 86_400, UTC).date() for d, _, _, _ in people]
            columns = [days, *([row[i] for row in people] for i in (1, 2, 3))]
            self.client.insert("peer.people", columns, column_oriented=True)
        if appeals:
            self.client.insert("peer.appeals", appeals)


def main() -> None:
    """Run the peer until it has folded ``--count`` events, then print its figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bootstrap", required=True)
    parser.add_argument("--topic", required=True)
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--clickhouse-port", type=int, required=True)
    parser.add_argument("--password-file", type=Path, required=True)
    given = parser.parse_args()
    password = given.password_file.read_text().strip()
    client = clickhouse_connect.get_client(
        host="127.0.0.1", port=given.clickhouse_port, username="gospulse", password=password, compress=False
    )
    for statement in TABLES.split(";\n"):
        if statement.strip():
            client.command(statement)
    app = faust.App(
        f"plain-faust-{os.getpid()}",
        broker=f"kafka://{given.bootstrap}",
        store="memory://",
        web_enabled=False,
        topic_disable_leader=True,
        consumer_auto_offset_reset="earliest",
        stream_wait_empty=False,
        datadir=tempfile.mkdtemp(),
    )
    topic = app.topic(given.topic, value_type=bytes, value_serializer="raw")
    job = Job(client)

    @app.agent(topic)
    async def fold(stream: Any) -> None:
        seen, started, flushed = 0, 0.0, 0.0
        async for raw in stream:
            if not started:
                started = flushed = time.perf_counter()
            job.take(raw)
            seen += 1
            if seen % 256 == 0 or seen == given.count:
                now = time.perf_counter()
                if now - flushed >= 1 or seen == given.count:
                    await asyncio.to_thread(job.insert)
                    flushed = now
            if seen == given.count:
                print(json.dumps({"events": seen, "seconds": time.perf_counter() - started}), flush=True)
                os._exit(0)

    worker = faust.Worker(app, loglevel="ERROR", redirect_stdouts=False, quiet=True)
    worker.execute_from_commandline()


if __name__ == "__main__":
    main()
