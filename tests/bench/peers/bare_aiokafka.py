"""Peer: a bare aiokafka loop that only decodes. The upper bound of what a Python worker could read."""

from __future__ import annotations

import argparse
import asyncio
import json
import time

import orjson
from aiokafka import AIOKafkaConsumer


async def read(bootstrap: str, topic: str, count: int) -> float:
    """Decode ``count`` records of ``topic`` from its start; seconds from the first batch to the last record."""
    consumer = AIOKafkaConsumer(
        topic, bootstrap_servers=bootstrap, group_id=None, auto_offset_reset="earliest", enable_auto_commit=False
    )
    await consumer.start()
    seen, started, loads = 0, 0.0, orjson.loads
    try:
        while seen < count:
            batches = await consumer.getmany(timeout_ms=1000, max_records=20_000)
            if batches and not started:
                started = time.perf_counter()
            for records in batches.values():
                for record in records:
                    loads(record.value)
                seen += len(records)
    finally:
        await consumer.stop()
    return time.perf_counter() - started


def main() -> None:
    """Run the peer and print its figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bootstrap", required=True)
    parser.add_argument("--topic", required=True)
    parser.add_argument("--count", type=int, required=True)
    given = parser.parse_args()
    seconds = asyncio.run(read(given.bootstrap, given.topic, given.count))
    print(json.dumps({"events": given.count, "seconds": seconds}))


if __name__ == "__main__":
    main()
