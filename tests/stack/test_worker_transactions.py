"""Producers that use transactions: their markers stop nobody, and what they abort does not count."""

from __future__ import annotations

import json

import pytest

from tests.stack.builders.folding import Folding, soon
from tests.streams.builders.plain_count import VOID
from tests.streams.builders.records import event


@pytest.mark.long
async def test_markers_are_passed_over_and_aborted_records_do_not_count(folding: Folding) -> None:
    folding.publish(400)
    folding.transaction(0, 3, commit=True)
    async with folding.worker():
        await soon(lambda: folding.folded() == folding.published(), "folded to the end, marker included")
        for commit in (False, True, False):
            folding.transaction(0, 70, commit=commit)
            folding.publish(80)
        await soon(lambda: folding.folded() == folding.published(), "folded behind aborted transactions")
        assert folding.stopped() == {}
    assert folding.differences() == []
    assert folding.committed() == folding.published()
    # The verifier reads past markers too, and leaves out what was aborted.
    verified = folding.command("verify", "--json")
    assert json.loads(verified.stdout)["green"], verified.stdout + verified.stderr
    # A worker that begins anew reads the window, with its voids, once more.
    folding.publish(80)
    async with folding.worker():
        await soon(lambda: folding.folded() == folding.published(), "folded by the next worker")
    assert folding.differences() == []


async def test_nothing_is_folded_behind_an_unfinished_transaction(folding: Folding) -> None:
    folding.publish(80)
    before = len(folding.values[0])
    async with folding.worker():
        await soon(lambda: folding.folded() == folding.published(), "folded")
        records = [event(("open", number), page="vk:9") for number in range(5)]
        with folding.unfinished(0, records) as producer:
            folding.publish(80)
            after = folding.values[0][before:]
            folding.values[0][before:] = []
            await soon(lambda: folding.folded() == folding.published(), "the other partitions are folded")
            assert folding.stopped() == {}
            producer.abort_transaction()
        # The producer's records came first, then those of others, then the marker.
        folding.values[0] += [VOID] * 5 + after + [VOID]
        await soon(lambda: folding.folded() == folding.published(), "folded when the transaction has ended")
    assert folding.differences() == []
