"""Peer: Bytewax counting the same page-hours, without a sink."""

from __future__ import annotations

import argparse
import json
import time
from collections import defaultdict
from typing import Any

import bytewax.operators as op
import orjson
from bytewax.connectors.kafka import KafkaSource
from bytewax.connectors.stdio import StdOutSink
from bytewax.dataflow import Dataflow
from bytewax.testing import run_main
from confluent_kafka import OFFSET_BEGINNING  # type: ignore[import-not-found, unused-ignore]

HOUR_MS = 3_600_000


def main() -> None:
    """Count page-hours of ``--count`` records and print the figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bootstrap", required=True)
    parser.add_argument("--topic", required=True)
    parser.add_argument("--count", type=int, required=True)
    given = parser.parse_args()
    counts: dict[tuple[str, int, str], int] = defaultdict(int)
    clock = {"started": 0.0, "seen": 0}

    def count(batch: list[Any]) -> list[str]:
        if not clock["seen"]:
            clock["started"] = time.perf_counter()
        for message in batch:
            event = orjson.loads(message.value)
            counts[event.get("page", ""), event["at"] // HOUR_MS, event["kind"]] += event.get("amount", 1)
        clock["seen"] += len(batch)
        return []

    flow = Dataflow("page_hours")
    source: KafkaSource[Any] = KafkaSource(
        [given.bootstrap], [given.topic], tail=False, starting_offset=OFFSET_BEGINNING, batch_size=10_000
    )
    stream = op.input("events", flow, source)
    counted = op.flat_map_batch("count", stream, count)
    op.output("nothing", counted, StdOutSink())
    run_main(flow)
    seconds = time.perf_counter() - clock["started"]
    print(json.dumps({"events": clock["seen"], "seconds": seconds, "cells": len(counts)}))


if __name__ == "__main__":
    main()
