"""Where a worker starts, and when it must not: topics made anew, expired commits, logs whose start or end is gone."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from kafka import KafkaAdminClient, TopicPartition

from deploy import topics
from schemas.clickhouse.generations import FIRST
from schemas.connections import KafkaConnection
from schemas.contract.topics import EVENTS
from streams.bookkeeping.decisions import ACCEPT_REJECTIONS, record
from streams.worker.owned_partition import State
from streams.worker.worker import Worker
from tests.stack.builders.folding import DEFINITION, PARTITIONS, Folding, soon
from tests.streams.builders.plain_count import VOID


@pytest.fixture
def admin(kafka: KafkaConnection) -> Iterator[KafkaAdminClient]:
    client = KafkaAdminClient(bootstrap_servers=list(kafka.bootstrap))
    yield client
    client.close()


def folds_all(folding: Folding) -> bool:
    return folding.folded() == folding.published()


def reasons(worker: Worker) -> set[str]:
    return {partition.reason for partition in worker.ownership.partitions.values() if partition.state is State.STOPPED}


async def test_a_topic_made_anew_waits_for_its_number_and_hides_nothing(
    folding: Folding, admin: KafkaAdminClient, kafka: KafkaConnection
) -> None:
    folding.publish(800)
    async with folding.worker() as worker:
        await soon(lambda: folds_all(folding), "the first log folded")
        first, first_log = folding.start_anew(), folding.log
        admin.delete_topics([kafka.topic(EVENTS)])
        await soon(lambda: EVENTS not in topics.existing(kafka), "the broker has deleted the topic")
        topics.apply(kafka, 1)
        folding.publish(400)
        await soon(lambda: any("register it as a log" in reason for reason in reasons(worker)), "the worker stops")
        folding.log = folding.register()
        assert folding.log != first_log
        await soon(lambda: folds_all(folding), "the second log folded")
    assert folding.differences() == []
    folding.log, folding.values = first_log, first
    assert folding.differences() == []


async def test_without_a_commit_it_goes_on_where_progress_stands(folding: Folding, admin: KafkaAdminClient) -> None:
    folding.publish(1200)
    async with folding.worker():
        await soon(lambda: folds_all(folding), "folded")
    admin.delete_groups([folding.kafka.group(FIRST)])
    folding.publish(400)
    async with folding.worker() as worker:
        await soon(lambda: folds_all(folding), "folded further")
        started = {partition.fold_from for partition in worker.ownership.partitions.values()}
        assert started != {0}, "it began at the log's start"
    assert folding.differences() == []
    assert folding.committed() == folding.published()


@pytest.mark.long
async def test_a_log_whose_start_is_gone_waits_for_a_decision(folding: Folding, admin: KafkaAdminClient) -> None:
    folding.publish(4000)
    gone = 200
    part = next(part for part, values in enumerate(folding.values) if len(values) > 3 * DEFINITION.chunk)
    admin.delete_records({TopicPartition(folding.kafka.topic(EVENTS), part): gone})
    async with folding.worker():
        await soon(lambda: list(folding.stopped()) == [part], "one partition stops")
        reason = folding.stopped()[part]
        assert f"begins at offset {gone}" in reason
        assert f"--log {folding.log} --partition {part} --from {gone}`" in reason
        await soon(lambda: folding.folded() == folding.published() - len(folding.values[part]), "the others fold")
        healthy = (part + 1) % PARTITIONS
        assert "is not stopped" in await decide(folding, "resume", healthy, "--from", "200", code=1)
        assert "first possible offset is 200." in await decide(folding, "resume", part, "--from", "199", code=1)
        # A slip of the pen: everything that arrives would be given up. It is seen, and undone.
        end = len(folding.values[part])
        said = await decide(folding, "resume", part, "--from", str(end + 5000), code=0)
        assert f"gives up {end - gone:,} records that the log holds from {gone} on" in said
        assert "and the next 5,000 records that arrive" in said
        await soon(lambda: "partitions undo" in folding.stopped().get(part, ""), "it waits where it was decided")
        assert "Undone." in await decide(folding, "undo", part, code=0)
        # Inside a chunk: nothing is given up but the records that are gone.
        assert "gives up no record" in await decide(folding, "resume", part, "--from", str(gone), code=0)
        await soon(lambda: folds_all(folding), "it goes on behind the gap")
        assert "has gone on" in await decide(folding, "undo", part, code=1)
    folding.values[part][:gone] = [VOID] * gone
    assert folding.differences() == []


async def decide(folding: Folding, action: str, part: int, *options: str, code: int) -> str:
    """Run ``gospulse partitions``; what it says."""
    arguments = ["--log", str(folding.log), "--partition", str(part), *options, "--yes"]
    done = await asyncio.to_thread(folding.command, "partitions", action, *arguments)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


async def test_a_log_that_ends_below_what_was_acknowledged_stops(folding: Folding) -> None:
    folding.publish(400)
    beyond = len(folding.values[0]) + 10
    folding.client.command(
        "INSERT INTO gospulse_data.progress_g1 (log, part, folded, latest) SELECT "
        f"{folding.log}, 0, {beyond}, tuple(now64(3), {beyond}, 'former', '')"
    )
    async with folding.worker():
        await soon(lambda: 0 in folding.stopped(), "the partition stops")
        assert f"{beyond} was acknowledged: records were lost" in folding.stopped()[0]


async def test_a_flood_of_rejections_stops_until_it_is_accepted(folding: Folding) -> None:
    folding.publish(0, [b'{"v": 2}'] * 1200 * 8)
    async with folding.worker():
        await soon(lambda: len(folding.stopped()) == 8, "every partition brakes")
        assert "the deployment is wrong" in folding.stopped()[0]
        written = folding.client.query(f"SELECT count() FROM gospulse_data.rejected_g1 WHERE log = {folding.log}")
        assert written.result_rows[0][0] < 8 * 1200
        for part in range(8):
            record(
                folding.client, ACCEPT_REJECTIONS, generation=FIRST, log=folding.log, part=part, offset=1200, detail=""
            )
        await soon(lambda: folds_all(folding), "the rejections are written")
    assert folding.differences() == []
