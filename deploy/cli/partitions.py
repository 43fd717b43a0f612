"""``gospulse partitions``: the state of every partition, and the decision to go on where one is stopped."""

from __future__ import annotations

import argparse
import asyncio
import sys
from datetime import UTC, datetime
from typing import Final

from clickhouse_connect.driver.client import Client

from deploy.cli.tables import show
from deploy.clickhouse.client import clickhouse
from deploy.errors import FAILURE, GOOD, WRONG_USE, UserError
from deploy.settings import Settings
from schemas.clickhouse.generations import NoGenerationError, active_generation, definition_of
from schemas.contract.topics import EVENTS, TOPICS
from streams.bookkeeping.decisions import (
    ACCEPT_GAPS,
    ACCEPT_REJECTIONS,
    SKIP_GAP,
    Decision,
    Kind,
    decisions,
    record,
    together,
    undo,
)
from streams.bookkeeping.offsets import KafkaOffsets, KafkaUnavailableError
from streams.bookkeeping.partition_state import PartitionState, partition_states
from streams.definition import Definition, DefinitionError, decode_definition
from streams.positions import Partition
from streams.verify.recount.log import LogUnreadableError, count_records
from streams.worker.start_rule import Known, Stop, decide_start, reject_resume

NAME = "partitions"
HELP = "show the state of partitions, or let a stopped one go on"
EXAMPLES = """
  gospulse partitions list
  gospulse partitions resume --log 1 --partition 3 --from 65500 --why "disk of broker 2 was lost"
  gospulse partitions resume --log 1 --partition 3 --accept-gaps-until 4720 --why "the topic was compacted"
  gospulse partitions resume --log 1 --partition 3 --accept-rejections-until 120000 --why "feed x sent garbage"
  gospulse partitions undo --log 1 --partition 3

A stopped partition names the command that lets it go on. The command says first how many records it gives up.
"""

_HEADERS: Final = ("log", "topic", "partition", "folded", "end", "lag", "worker", "heartbeat s ago", "stopped because")
#: More offsets than this are not counted one by one before a decision.
_COUNTED: Final = 5_000_000


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the subcommands and their options."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    listed = actions.add_parser("list", help="the state of every partition")
    resume = actions.add_parser("resume", help="decide that a stopped partition goes on")
    undone = actions.add_parser("undo", help="undo the latest decision on a partition")
    for action in (listed, resume, undone):
        action.add_argument("--generation", type=int, metavar="N", help="generation (default: the active one)")
    for action in (resume, undone):
        action.add_argument("--log", type=int, required=True, metavar="L", help="number of the log, as `list` shows it")
        action.add_argument("--partition", type=int, required=True, metavar="P", help="partition of the log")
        action.add_argument("--why", default="", metavar="TEXT", help="recorded with the decision")
        action.add_argument("--yes", action="store_true", help="do not ask")
    how = resume.add_mutually_exclusive_group(required=True)
    how.add_argument("--from", type=int, dest="offset", metavar="OFFSET", help="go on at OFFSET with an empty window")
    how.add_argument(
        "--accept-gaps-until", type=int, dest="gaps", metavar="OFFSET", help="pass over offsets without a record"
    )
    how.add_argument(
        "--accept-rejections-until",
        type=int,
        dest="rejections",
        metavar="OFFSET",
        help="go on although most records before OFFSET are rejected: they stay rejected",
    )


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Exit code 1 where the decision would write wrong numbers or the partition is not stopped, 2 for wrong use."""
    if args.action != "list" and not (args.yes or sys.stdin.isatty()):
        raise UserError("a decision changes what is counted: confirm it with --yes", WRONG_USE)
    with clickhouse(settings.clickhouse) as client:
        try:
            generation = active_generation(client) if args.generation is None else args.generation
            with KafkaOffsets(settings.kafka) as offsets:
                names = [topic.name for topic in TOPICS]
                states = partition_states(client, offsets, generation, names, datetime.now(UTC))
                committed = offsets.committed(settings.kafka.group(generation))
            if args.action == "list":
                return _list(states)
            state = _chosen(states, args.log, args.partition)
            if args.action == "undo":
                return _undo(args, client, generation, state)
            definition = decode_definition(definition_of(client, generation))
            made = decisions(client, generation).get(Partition(args.log, args.partition), [])
            known = _known(state, committed.get(state.name), definition, made)
            return _resume(args, settings, client, definition, state, known)
        except (NoGenerationError, DefinitionError, KafkaUnavailableError, LogUnreadableError) as error:
            raise UserError(str(error)) from error


def _list(states: list[PartitionState]) -> int:
    rows = [
        (
            state.log,
            state.topic,
            state.part,
            state.folded,
            state.end,
            state.lag,
            state.worker,
            None if state.heartbeat_age_s is None else round(state.heartbeat_age_s),
            state.stopped,
        )
        for state in states
    ]
    show(_HEADERS, rows, right=("log", "partition", "folded", "end", "lag", "heartbeat s ago"))
    return GOOD


def _chosen(states: list[PartitionState], log: int, part: int) -> PartitionState:
    of_log = [state for state in states if state.log == log]
    if not of_log:
        raise UserError(f"no topic is log {log} now; `gospulse partitions list` shows the logs", WRONG_USE)
    for state in of_log:
        if state.part == part:
            return state
    raise UserError(f"{of_log[0].topic} has no partition {part}", WRONG_USE)


def _known(state: PartitionState, committed: int | None, definition: Definition, made: list[Decision]) -> Known:
    assert state.log is not None
    return Known(
        log=state.log,
        part=state.part,
        committed=committed,
        folded=state.folded,
        log_start=state.begin,
        log_end=state.end,
        cut=definition.cut_of(state.log, state.part),
        resume_from=together(made).resume_from,
    )


def _resume(
    args: argparse.Namespace,
    settings: Settings,
    client: Client,
    definition: Definition,
    state: PartitionState,
    known: Known,
) -> int:
    generation = definition.generation
    window = definition.window_chunks if state.topic == EVENTS else 0
    cannot_start = isinstance(decide_start(known, chunk=definition.chunk, window_chunks=window), Stop)
    if state.stopped is None and not cannot_start:
        raise UserError(f"{state.name} (log {state.log}) is not stopped: there is nothing to decide", FAILURE)
    if args.offset is not None:
        wrong = reject_resume(known, args.offset, chunk=definition.chunk)
        if wrong is not None:
            raise UserError(wrong, FAILURE)
        return _decide(
            args, client, generation, state, SKIP_GAP, args.offset, _loss(settings, known, args.offset, state)
        )
    if args.gaps is not None:
        loss = f"Offsets before {args.gaps:,} at which Kafka gives no record are passed over. No record is given up."
        return _decide(args, client, generation, state, ACCEPT_GAPS, args.gaps, loss)
    loss = f"However many records before offset {args.rejections:,} are rejected: `gospulse rejected list` shows them."
    return _decide(args, client, generation, state, ACCEPT_REJECTIONS, args.rejections, loss)


def _loss(settings: Settings, known: Known, offset: int, state: PartitionState) -> str:
    """What going on at an offset gives up, in words."""
    begin, end = max(known.folded or 0, known.cut, known.log_start), min(offset, known.log_end)
    if end <= begin:
        held = "no record that the log holds"
    elif end - begin > _COUNTED:
        held = f"up to {end - begin:,} records that the log holds from {begin:,} on"
    else:
        counted = asyncio.run(count_records(settings.kafka, state.topic, state.part, begin, end))
        held = f"{counted:,} records that the log holds from {begin:,} on"
    future = max(0, offset - known.log_end)
    later = f", and the next {future:,} records that arrive" if future else ""
    gone = max(0, min(known.log_start, offset) - (known.folded or known.cut))
    lost = f" {gone:,} offsets before the log's start were never counted." if gone else ""
    return f"Going on at offset {offset:,} gives up {held}{later}.{lost}"


def _decide(
    args: argparse.Namespace,
    client: Client,
    generation: int,
    state: PartitionState,
    kind: Kind,
    offset: int,
    loss: str,
) -> int:
    print(loss)
    if not _agreed(args, f"Let {state.name} (log {state.log}) go on?"):
        print("Nothing was decided.")
        return FAILURE
    record(
        client,
        kind,
        generation=generation,
        log=args.log,
        part=args.partition,
        offset=offset,
        detail=args.why,
        facts={"folded": state.folded},
    )
    print(f"Recorded. {state.name} goes on within seconds; until then `gospulse partitions undo` undoes it.")
    return GOOD


def _undo(args: argparse.Namespace, client: Client, generation: int, state: PartitionState) -> int:
    partition = Partition(args.log, args.partition)
    made = decisions(client, generation).get(partition, [])
    if not made:
        raise UserError(f"no decision on {state.name} (log {args.log}) is in force in generation {generation}")
    latest = made[-1]
    if latest.kind != ACCEPT_REJECTIONS and latest.folded != state.folded:
        raise UserError(
            f"{state.name} has gone on: records up to offset {state.folded} are counted without those that were given "
            "up. To count them as well, start the next generation with `gospulse rebuild`: it knows no such decision"
        )
    print(f"Latest decision: {latest.kind} at offset {latest.offset:,}, {latest.decided_at:%Y-%m-%d %H:%M:%S} UTC.")
    if not _agreed(args, "Undo it?"):
        print("Nothing was undone.")
        return FAILURE
    undo(client, latest, generation=generation, partition=partition, why=args.why)
    print("Undone.")
    return GOOD


def _agreed(args: argparse.Namespace, question: str) -> bool:
    return args.yes or input(f"{question} [y/N] ").strip().lower() in ("y", "yes")
