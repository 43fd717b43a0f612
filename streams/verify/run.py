"""One verification: the order in which it reads, the parallel partitions, and the comparisons of the whole log."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

from schemas.connections import ClickHouseConnection, KafkaConnection
from schemas.contract import topics
from streams.bookkeeping.offsets import KafkaOffsets, PartitionRange
from streams.positions import Partition, TopicPartition
from streams.verify.compare.derived import compare_derived
from streams.verify.compare.facts import HOURS as FACT_HOURS
from streams.verify.compare.facts import RANGE_BYTES, FactTally, compare_facts
from streams.verify.compare.people import TABLE as PEOPLE
from streams.verify.compare.people import compare_people, spill_stored_people, uncertain_days
from streams.verify.compare.readings import TABLE as READINGS
from streams.verify.compare.readings import compare_readings
from streams.verify.extents import Extent, Extents
from streams.verify.findings import Findings
from streams.verify.partition_check import PartitionCheck, PartitionResult, PartitionTask
from streams.verify.recount.rules import Rules
from streams.verify.recount.spill import SpillReader, step_for
from streams.verify.report import PartitionReport, Reconciliation, RepeatReport, Report
from streams.verify.stored.facts import FACT_KEY
from streams.verify.stored.marks import StoredMarks, stored_marks
from streams.verify.stored.retention import Limits, limits
from streams.verify.stored.tables import StoredRows

#: Fewer records than this are read faster by one process than two take to start.
ONE_PROCESS_BELOW: Final = 400_000


class VerifyConfig(Struct, frozen=True, kw_only=True):
    """What to verify and with what. ``scratch`` is an existing empty folder for spill files."""

    kafka: KafkaConnection
    clickhouse: ClickHouseConnection
    rules: Rules
    scratch: Path
    #: Differences of each table that are kept.
    limit: int = 10
    processes: int = 2
    #: How long to wait for the refresher to bring the roll-ups up to date, where nothing else changes.
    rollup_patience_s: float = 5.0


class NotRegisteredError(Exception):
    """A topic exists whose id was never recorded as a log; the message says what to do."""


#: Told (records read so far, records to read in all).
OnProgress = Callable[[int, int], None]


def verify(config: VerifyConfig, on_progress: OnProgress = lambda _done, _total: None) -> Report:
    """Recount the log and compare every row of the generation.

    Raises ``KafkaUnavailableError``, ``LogUnreadableError``, ``StoreUnreadableError`` and :class:`NotRegisteredError`.
    """
    with StoredRows(config.clickhouse, config.rules.generation) as stored:
        with KafkaOffsets(config.kafka) as offsets:
            logs = _current_logs(offsets, stored)
            ranges = offsets.ranges(logs)
            # Lower bounds first: every row up to these must be there from now on.
            acknowledged = stored.progress()
            committed = offsets.committed(config.kafka.group(config.rules.generation))
        kept = limits(stored)
        findings = Findings(limit=config.limit)
        step = step_for(sum(held.end - held.begin for held in ranges.values()))
        tasks = list(_tasks(config, logs, ranges, acknowledged, stored, step, kept))
        _check_commits(findings, logs, acknowledged, committed)
        # Sketches carry no positions: they are read before the ends of the log are, so that the recount is above them.
        spill_stored_people(stored, _folder(config.scratch, "stored"), step)
        results = _run(config, tasks, stored, on_progress)
        spilled = SpillReader([*(result.directory for result in results), config.scratch / "stored"], step)
        return _conclude(config, findings, results, spilled, logs, stored, kept)


def _current_logs(offsets: KafkaOffsets, stored: StoredRows) -> dict[str, int]:
    recorded = dict(stored.values("SELECT topic_id, min(log) FROM gospulse_data.logs GROUP BY topic_id"))
    logs: dict[str, int] = {}
    for topic, topic_id in offsets.topic_ids(topic.name for topic in topics.TOPICS).items():
        if topic_id not in recorded:
            raise NotRegisteredError(
                f"The topic {topic} is not registered as a log: run `gospulse topics apply` first."
            )
        logs[topic] = recorded[topic_id]
    return logs


def _tasks(
    config: VerifyConfig,
    logs: Mapping[str, int],
    ranges: Mapping[TopicPartition, PartitionRange],
    acknowledged: Mapping[Partition, int],
    stored: StoredRows,
    step: int,
    limits: Limits,
) -> Iterable[PartitionTask]:
    skipped = {Partition(log, part): off for log, part, off in stored.skipped_to()}
    marks = stored_marks(stored)
    for (topic, part), held in sorted(ranges.items()):
        log = logs[topic]
        partition = Partition(log, part)
        yield PartitionTask(
            kafka=config.kafka,
            clickhouse=config.clickhouse,
            rules=config.rules,
            topic=topic,
            log=log,
            part=part,
            begin=held.begin,
            skipped_to=skipped.get(partition, 0),
            acknowledged=acknowledged.get(partition, 0),
            directory=_folder(config.scratch, f"{topic}-{part}"),
            step=step,
            limit=config.limit,
            limits=limits,
            marks=marks.get(partition, StoredMarks()),
        )


def _check_commits(
    findings: Findings,
    logs: Mapping[str, int],
    acknowledged: Mapping[Partition, int],
    committed: Mapping[TopicPartition, int],
) -> None:
    """Compare commits with progress: a commit beyond progress means rows that were not acknowledged."""
    for (topic, part), offset in sorted(committed.items()):
        written = acknowledged.get(Partition(logs[topic], part), 0) if topic in logs else offset
        findings.count(findings.compared, "commits")
        if offset > written:
            findings.differ("commits", f"{topic} partition {part}", f"at most {written} (acknowledged)", offset)


class _Shared:
    """What the processes of one verification share: how many records were read."""

    counter: Any = None


def _begin_process(counter: Any) -> None:
    _Shared.counter = counter
    # Ctrl-C reaches every process of a terminal: the parent decides. It may also be killed: nobody outlives it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _count_records(number: int) -> None:
    with _Shared.counter.get_lock():
        _Shared.counter.value += number


def _check(task: PartitionTask) -> PartitionResult:
    with StoredRows(task.clickhouse, task.rules.generation) as stored:
        return asyncio.run(PartitionCheck(task, stored, _count_records).run())


def _run(
    config: VerifyConfig, tasks: list[PartitionTask], stored: StoredRows, on_progress: OnProgress
) -> list[PartitionResult]:
    total = sum(max(0, task.acknowledged - task.read_from) for task in tasks)
    if config.processes < 2 or total < ONE_PROCESS_BELOW:
        read = 0

        def count(records: int) -> None:
            nonlocal read
            read += records
            on_progress(read, max(total, read))

        return [asyncio.run(PartitionCheck(task, stored, count).run()) for task in tasks]
    context = multiprocessing.get_context("spawn")
    counter = context.Value("q", 0)
    # The largest first: the last one to end then keeps nobody waiting.
    ordered = sorted(tasks, key=lambda task: task.acknowledged - task.read_from, reverse=True)
    with ProcessPoolExecutor(config.processes, context, initializer=_begin_process, initargs=(counter,)) as pool:
        pending: set[Future[PartitionResult]] = {pool.submit(_check, task) for task in ordered}
        finished: list[PartitionResult] = []
        try:
            while pending:
                done, pending = wait(pending, timeout=0.5, return_when=FIRST_COMPLETED)
                finished += [future.result() for future in done]
                on_progress(counter.value, max(total, counter.value))
        except BaseException:
            # A partition that cannot be read, or Ctrl-C: what the others still do is of no use, and may take minutes.
            pool.shutdown(wait=False, cancel_futures=True)
            for process in multiprocessing.active_children():
                process.terminate()
            raise
    return sorted(finished, key=lambda result: (result.topic, result.part))


def _conclude(
    config: VerifyConfig,
    findings: Findings,
    results: list[PartitionResult],
    spilled: SpillReader,
    logs: Mapping[str, int],
    stored: StoredRows,
    kept: Limits,
) -> Report:
    findings.add(result.findings for result in results)
    extents = Extents({Partition(r.log, r.part): Extent(r.judged_from, r.end) for r in results})
    known_logs = set(logs.values())
    deleted = sorted(log for log in stored.logs() if log not in known_logs)
    tallies: dict[str, FactTally] = {}
    if topics.EVENTS in logs:
        for table in FACT_KEY:
            tallies[table] = compare_facts(
                findings,
                table,
                logs[topics.EVENTS],
                spilled,
                stored,
                extents,
                kept.seconds(table),
                kept.seconds(FACT_HOURS),
            )
    readings = compare_readings(
        findings, logs.get(topics.READINGS, 0), spilled, stored, extents, kept.seconds(READINGS)
    )
    gone = [(r.log, r.part, -(-r.judged_from // config.rules.chunk)) for r in results if r.judged_from]
    uncertain = uncertain_days(stored.days_before(gone, deleted))
    compare_people(findings, spilled, stored, uncertain, kept.day(PEOPLE))
    _check_unknown_partitions(findings, results, known_logs, stored)
    after = stored.progress()
    quiet = all(r.acknowledged == r.end == max(after.get(Partition(r.log, r.part), 0), r.judged_from) for r in results)
    report = Report(
        generation=config.rules.generation,
        records=sum(result.records for result in results),
        partitions=[PartitionReport(r.topic, r.log, r.part, r.judged_from, r.acknowledged, r.end) for r in results],
        findings=findings,
        facts={table: tally.facts for table, tally in tallies.items()} | {"readings": readings.readings},
        repeats=_repeats(tallies, results, spilled),
        appeals_in_several_hours=tallies["appeals"].several_hours if "appeals" in tallies else 0,
        reconciliation=None,
        quiet=quiet,
        deleted_logs=deleted,
        kept_from={table: f"{moment:%Y-%m-%d %H:%M}Z" for table, moment in sorted(kept.before.items())},
    )
    report.unjudged = _unjudged(results, stored)
    if quiet:
        report.rollups_behind = compare_derived(findings, stored, kept, config.rollup_patience_s)
        whole = not any(findings.expired.get(table) for table in ("appeals", "page_hour"))
        if whole and not deleted and not any(result.judged_from for result in results) and "appeals" in tallies:
            report.reconciliation = _reconciliation(stored, tallies["appeals"])
    return report


def _unjudged(results: list[PartitionResult], stored: StoredRows) -> list[str]:
    """Stopped partitions, whose records nobody counts, and records that were given up by a decision."""
    stopped = stored.stopped()
    skipped = {Partition(log, part): off for log, part, off in stored.skipped_to()}
    sentences = []
    for result in results:
        partition = Partition(result.log, result.part)
        name = f"{result.topic} partition {result.part}"
        if partition in stopped:
            waiting = max(0, result.end - max(result.acknowledged, result.judged_from))
            sentences.append(f"{name} is stopped; {waiting:,} offsets wait. {stopped[partition]}")
        if partition in skipped:
            sentences.append(
                f"{name} goes on at offset {skipped[partition]:,} by decision: nothing before it was judged, nor were "
                "the counters of the rest of its chunk. A rebuilt generation counts what the log holds."
            )
    return sentences


def _check_unknown_partitions(
    findings: Findings, results: list[PartitionResult], known_logs: set[int], stored: StoredRows
) -> None:
    known = {(result.log, result.part) for result in results}
    for table in ("page_hour", "rejected", "progress"):
        for log, part, rows in stored.rows_by_partition(table):
            if log in known_logs and (log, part) not in known:
                findings.differ(table, f"log {log} partition {part}", "no such partition", f"{rows} rows")
            elif log not in known_logs:
                findings.count(findings.gone, table, rows)


def _repeats(tallies: Mapping[str, FactTally], results: list[PartitionResult], spilled: SpillReader) -> RepeatReport:
    return RepeatReport(
        fact_copies={table: tally.copies - tally.facts for table, tally in tallies.items()},
        dropped_by_window=sum(result.dropped for result in results),
        counted_again_appeals=_counted_again(spilled, "counted_appeal_records"),
        counted_again_engagement=_counted_again(spilled, "counted_engagement"),
    )


def _counted_again(spilled: SpillReader, kind: str) -> int:
    """Counted records whose identity was counted before, in whatever partition."""
    again = 0
    for buckets in spilled.ranges(kind, RANGE_BYTES):
        identities = list(spilled.identities(kind, buckets))
        again += len(identities) - len(set(identities))
    return again


def _reconciliation(stored: StoredRows, tally: FactTally) -> Reconciliation:
    facts, counted = stored.appeals_by_both_routes()
    return Reconciliation(facts, counted, tally.copies - tally.within_window - tally.facts)


def _folder(scratch: Path, name: str) -> Path:
    folder = scratch / name
    folder.mkdir()
    return folder
