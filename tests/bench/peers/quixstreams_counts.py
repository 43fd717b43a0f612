"""Peer: Quix Streams counting the same page-hours, without a sink."""

from __future__ import annotations

import argparse
import json
import logging
import tempfile
import time
from collections import defaultdict
from typing import Any

import orjson
from quixstreams import Application

HOUR_MS = 3_600_000


def main() -> None:
    """Count page-hours of ``--count`` records and print the figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bootstrap", required=True)
    parser.add_argument("--topic", required=True)
    parser.add_argument("--count", type=int, required=True)
    given = parser.parse_args()
    logging.disable(logging.WARNING)
    app = Application(
        broker_address=given.bootstrap,
        consumer_group=f"quix-{time.time_ns()}",
        auto_offset_reset="earliest",
        state_dir=tempfile.mkdtemp(),
        loglevel="ERROR",
    )
    counts: dict[tuple[str, int, str], int] = defaultdict(int)
    clock = {"started": 0.0, "ended": 0.0}
    seen = 0

    def count(raw: Any) -> None:
        nonlocal seen
        if not seen:
            clock["started"] = time.perf_counter()
        event = orjson.loads(raw)
        counts[event.get("page", ""), event["at"] // HOUR_MS, event["kind"]] += event.get("amount", 1)
        seen += 1
        if seen == given.count:
            clock["ended"] = time.perf_counter()
            app.stop()

    frame = app.dataframe(app.topic(given.topic, value_deserializer="bytes", key_deserializer="bytes"))
    frame.update(count)
    app.run()
    print(json.dumps({"events": seen, "seconds": clock["ended"] - clock["started"], "cells": len(counts)}))


if __name__ == "__main__":
    main()
