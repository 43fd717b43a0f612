"""``gospulse trim``: deletes whole chunks of the log that no generation needs any more."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping
from typing import Final

from clickhouse_connect.driver.client import Client

from deploy.cli.tables import show
from deploy.clickhouse.client import clickhouse
from deploy.errors import FAILURE, GOOD, WRONG_USE, UserError
from deploy.settings import Settings
from schemas.clickhouse.generations import generations, has_table
from schemas.contract.topics import TOPICS
from streams.bookkeeping.decisions import TRIM, record
from streams.bookkeeping.logs import recorded_logs, unregistered
from streams.bookkeeping.offsets import KafkaOffsets, KafkaUnavailableError, PartitionRange
from streams.bookkeeping.progress import folded_offsets
from streams.definition import DefinitionError, decode_definition
from streams.positions import TopicPartition
from streams.rebuild import trim

NAME = "trim"
HELP = "delete whole chunks of the log that no generation needs"
EXAMPLES = """
  gospulse trim --dry-run                       what no generation needs, by partition; nothing is deleted
  gospulse trim --keep-days 400                 ask, then delete
  gospulse trim --before-offset 5000000 --topic events --yes

Deleted records can never be recounted: run `gospulse verify` first. Rows in ClickHouse stay. A later rebuild begins at
a cut and carries finished counters over (`gospulse rebuild --from-cut`).
"""

_DAY_S: Final = 86_400


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the options."""
    how = parser.add_mutually_exclusive_group()
    how.add_argument(
        "--keep-days", type=float, metavar="D", help="keep records that were appended within the last D days"
    )
    how.add_argument("--before-offset", type=int, metavar="N", help="delete records before offset N in each partition")
    parser.add_argument(
        "--topic", action="append", choices=[topic.name for topic in TOPICS], help="only this topic (default: all)"
    )
    parser.add_argument("--partition", type=int, metavar="P", help="only this partition")
    parser.add_argument("--dry-run", action="store_true", help="show the table and delete nothing")
    parser.add_argument("--yes", action="store_true", help="do not ask")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Exit code 0 also if no record may be deleted."""
    if (args.keep_days is not None and args.keep_days < 0) or (
        args.before_offset is not None and args.before_offset < 0
    ):
        raise UserError("--keep-days and --before-offset are not negative", WRONG_USE)
    if not (args.dry_run or args.yes or sys.stdin.isatty()):
        raise UserError(
            "records would be deleted for ever: confirm with --yes, or look first with --dry-run", WRONG_USE
        )
    with clickhouse(settings.clickhouse) as client:
        try:
            with KafkaOffsets(settings.kafka) as offsets:
                return _trim(args, settings, client, offsets)
        except (DefinitionError, KafkaUnavailableError) as error:
            raise UserError(str(error)) from error


def _trim(args: argparse.Namespace, settings: Settings, client: Client, offsets: KafkaOffsets) -> int:
    logs = _logs(settings, client, offsets, args.topic or [topic.name for topic in TOPICS])
    ranges = offsets.ranges(logs)
    wanted = _wanted(args, offsets, ranges)
    reaches = _reaches(settings, client, offsets)
    cuts = trim.plan(logs, ranges, reaches, wanted)
    _show(cuts)
    going = [cut for cut in cuts if cut.records]
    if not going:
        print("No record can be deleted: the options keep every whole chunk, or a generation still needs it.")
        return GOOD
    total = sum(cut.records for cut in going)
    if args.dry_run:
        print(f"{total:,} records would be deleted (--dry-run: nothing was).")
        return GOOD
    if not args.yes and input(f"Delete {total:,} records for ever? [y/N] ").strip().lower() not in ("y", "yes"):
        print("Nothing was deleted.")
        return FAILURE
    for cut in going:
        record(client, TRIM, generation=0, log=cut.log, part=cut.part, offset=cut.before, detail=f"trim of {cut.topic}")
    # The decision is recorded before the generations are read again. So a rebuild that begins now either sees the
    # decision, or is found here.
    arrived = trim.unlike(
        [reach.definition.generation for reach in reaches],
        [reach.definition.generation for reach in _reaches(settings, client, offsets)],
    )
    if arrived:
        for cut in going:
            _decide(client, cut, cut.begin, "trim given up")
        names = ", ".join(map(str, sorted(arrived)))
        raise UserError(f"generation {names} was started meanwhile: no record was deleted. Run the command again.")
    offsets.delete_before({TopicPartition(cut.topic, cut.part): cut.before for cut in going})
    print(f"{total:,} records deleted.")
    return GOOD


def _decide(client: Client, cut: trim.Cut, offset: int, what: str) -> None:
    """The latest decision of a partition stands."""
    detail = f"{what} of {cut.topic}"
    record(client, TRIM, generation=0, log=cut.log, part=cut.part, offset=offset, detail=detail)


def _logs(settings: Settings, client: Client, offsets: KafkaOffsets, topics: list[str]) -> dict[str, int]:
    recorded = recorded_logs(client)
    ids = offsets.topic_ids(topics)
    for topic in topics:
        if ids.get(topic) not in recorded:
            raise UserError(unregistered(settings.kafka.topic(topic), ids.get(topic), False))
    return {topic: recorded[ids[topic]] for topic in topics}


def _wanted(
    args: argparse.Namespace, offsets: KafkaOffsets, ranges: Mapping[TopicPartition, PartitionRange]
) -> dict[TopicPartition, int]:
    chosen = [partition for partition in ranges if args.partition in (None, partition[1])]
    if not chosen:
        raise UserError(f"there is no partition {args.partition}", WRONG_USE)
    if args.before_offset is not None:
        return dict.fromkeys(chosen, args.before_offset)
    if args.keep_days is None:
        return {partition: ranges[partition].end for partition in chosen}
    since = int((time.time() - args.keep_days * _DAY_S) * 1000)
    first = offsets.first_since(chosen, since)
    return {
        partition: ranges[partition].end if first[partition] is None else first[partition] or 0 for partition in chosen
    }


def _reaches(settings: Settings, client: Client, offsets: KafkaOffsets) -> list[trim.Reach]:
    return [
        trim.Reach(
            decode_definition(recorded.definition),
            # A generation without tables has folded nothing yet: it needs every record.
            folded_offsets(client, recorded.number) if has_table(client, f"progress_g{recorded.number}") else {},
            offsets.committed(settings.kafka.group(recorded.number)),
        )
        for recorded in generations(client)
        if recorded.state != "retired"
    ]


def _show(cuts: list[trim.Cut]) -> None:
    rows = [
        (
            cut.topic,
            cut.part,
            f"{cut.begin:,}",
            f"{cut.end:,}",
            f"{cut.needed_from:,} (generation {cut.needed_by})",
            f"{cut.before:,}" if cut.records else None,
            f"{cut.records:,}",
        )
        for cut in cuts
    ]
    headers = ("topic", "partition", "begins", "ends", "needed from", "would begin", "records to delete")
    show(headers, rows, right=("partition", "begins", "ends", "needed from", "would begin", "records to delete"))
