"""``gospulse partitions``: where every partition stands, and the explicit decision to go on where one stands still."""

from __future__ import annotations

import argparse
from typing import Final

from clickhouse_connect.driver.client import Client

from deploy.cli.tables import show
from deploy.clickhouse.client import clickhouse
from deploy.errors import FAILURE, GOOD, WRONG_USE, UserError
from deploy.settings import Settings
from schemas.clickhouse.generations import NoGenerationError, active_generation, definition_of
from streams.bookkeeping.decisions import ACCEPT_REFUSALS, SKIP_GAP, record
from streams.bookkeeping.offsets import KafkaOffsets, KafkaUnavailableError, PartitionRange
from streams.bookkeeping.progress import folded_offsets
from streams.definition import DefinitionError, decode_definition
from streams.positions import Partition, TopicPartition
from streams.worker.start_rule import Known, refuse_resume

NAME = "partitions"
HELP = "show where partitions stand, or decide that one goes on behind a gap"
EXAMPLES = """
  gospulse partitions list
  gospulse partitions resume --log 1 --partition 3 --from 65536 --why "disk of broker 2 was lost"
  gospulse partitions resume --log 1 --partition 3 --accept-refusals-until 120000 --why "feed x sent rubbish"
"""

_HEADERS: Final = ("log", "topic", "partition", "folded", "end", "lag", "worker", "seen s ago", "stands still because")


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the subcommands and their options."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    shown = actions.add_parser("list", help="where every partition stands, as its worker said last")
    resume = actions.add_parser("resume", help="record the decision to go on where a partition stands still")
    for action in (shown, resume):
        action.add_argument("--generation", type=int, metavar="N", help="generation (default: the active one)")
    resume.add_argument(
        "--log", type=int, required=True, metavar="L", help="number of the log, as the message names it"
    )
    resume.add_argument("--partition", type=int, required=True, metavar="P", help="partition of the log")
    how = resume.add_mutually_exclusive_group(required=True)
    how.add_argument(
        "--from",
        type=int,
        dest="offset",
        metavar="OFFSET",
        help="go on at OFFSET, a boundary of chunks, with an empty window: what lies before it is given up",
    )
    how.add_argument(
        "--accept-refusals-until",
        type=int,
        dest="accepted",
        metavar="OFFSET",
        help="go on although most records before OFFSET are refused: they stay refused",
    )
    resume.add_argument("--why", default="", metavar="TEXT", help="recorded with the decision")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Exit code 1 where the decision would write wrong numbers, 2 for wrong use."""
    with clickhouse(settings.clickhouse) as client:
        try:
            generation = active_generation(client) if args.generation is None else args.generation
            if args.action == "list":
                return _list(client, generation)
            return _resume(args, settings, client, generation)
        except (NoGenerationError, DefinitionError, KafkaUnavailableError) as error:
            raise UserError(str(error)) from error


def _list(client: Client, generation: int) -> int:
    rows = client.query(
        "SELECT log, any(name), part, max(folded), max(latest) AS last, last.end, last.worker, "
        "dateDiff('second', last.heartbeat, now64(3)), last.stopped "
        f"FROM gospulse_data.progress_g{generation} AS p LEFT JOIN "
        "(SELECT min(log) AS log, min(topic) AS name FROM gospulse_data.logs GROUP BY topic_id) AS l USING log "
        "GROUP BY log, part ORDER BY log, part"
    ).result_rows
    show(
        _HEADERS,
        [
            (log, topic, part, folded, end, max(0, end - folded), worker, seen, stopped)
            for log, topic, part, folded, _, end, worker, seen, stopped in rows
        ],
    )
    return GOOD


def _resume(args: argparse.Namespace, settings: Settings, client: Client, generation: int) -> int:
    log, part = args.log, args.partition
    topic = _topic(settings, client, log)
    with KafkaOffsets(settings.kafka) as offsets:
        held = offsets.ranges([topic]).get(TopicPartition(topic, part))
    if held is None:
        raise UserError(f"{topic} has no partition {part}", WRONG_USE)
    if args.accepted is not None:
        record(
            client, ACCEPT_REFUSALS, generation=generation, log=log, part=part, offset=args.accepted, detail=args.why
        )
        print(f"Recorded: refusals before offset {args.accepted} of {topic}/{part} (log {log}) are accepted.")
        return GOOD
    refused = _refusal(client, generation, log, part, held, args.offset)
    if refused is not None:
        raise UserError(refused, FAILURE)
    record(client, SKIP_GAP, generation=generation, log=log, part=part, offset=args.offset, detail=args.why)
    print(f"Recorded: {topic}/{part} (log {log}) goes on at offset {args.offset}; its worker begins within seconds.")
    return GOOD


def _topic(settings: Settings, client: Client, log: int) -> str:
    rows = client.query(
        "SELECT topic_id, min(topic) FROM gospulse_data.logs GROUP BY topic_id HAVING min(log) = %(log)s",
        parameters={"log": log},
    ).result_rows
    if not rows:
        raise UserError(f"no log {log} is registered; `gospulse partitions list` shows those that are", WRONG_USE)
    topic_id, topic = (str(cell) for cell in rows[0])
    with KafkaOffsets(settings.kafka) as offsets:
        if offsets.topic_ids([topic]).get(topic) != topic_id:
            raise UserError(f"log {log} is gone: {topic} was deleted or is another log now")
    return topic


def _refusal(client: Client, generation: int, log: int, part: int, held: PartitionRange, offset: int) -> str | None:
    definition = decode_definition(definition_of(client, generation))
    known = Known(
        log=log,
        part=part,
        committed=None,
        folded=folded_offsets(client, generation).get(Partition(log, part)),
        log_start=held.begin,
        log_end=held.end,
        cut=definition.cut_of(log, part),
    )
    return refuse_resume(known, offset, chunk=definition.chunk)
