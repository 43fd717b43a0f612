"""Damaged calls over HTTP: each is answered, the service stays up, and its memory does not grow."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from pathlib import Path

import pytest

from schemas.connections import KafkaConnection
from tests.ingest.platforms.builders.mutations import mutated
from tests.ingest.platforms.builders.vk_calls import body, message
from tests.ingest.webhook.builders.running import Service, running
from tests.servers.reference_data import reference_folder

#: What Python's memory may grow by between the first tenth of the calls and the end.
ALLOWED_MB = 24.0


async def send(service: Service, seed: int, count: int) -> Counter[int]:
    calls = mutated(seed, count, reference_folder("payloads/vk/callback"))
    statuses: Counter[int] = Counter()

    async def work() -> None:
        for raw in calls:
            statuses[(await service.post(raw))[0]] += 1

    await asyncio.gather(*(work() for _ in range(16)))
    return statuses


def resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / (1 << 20)


@pytest.mark.parametrize(
    "count", [2_000, pytest.param(20_000, marks=[pytest.mark.chaos, pytest.mark.timeout(600)])], ids=["small", "large"]
)
async def test_damaged_calls_leave_the_service_as_it_was(topics: KafkaConnection, tmp_path: Path, count: int) -> None:
    async with running(topics, tmp_path) as service:
        statuses = await send(service, 1, count // 10)
        before = resident_mb()
        statuses += await send(service, 2, count - count // 10)
        grown = resident_mb() - before
        assert sum(statuses.values()) == count
        assert set(statuses) <= {200, 400, 403, 503}, statuses
        assert await service.metric('defects_total{platform="vk"}') == 0
        assert (await service.post(body("message_new", message())))[:2] == (200, "ok")
    assert grown < ALLOWED_MB, f"{grown:.1f} MB"
