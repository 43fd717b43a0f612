"""``gospulse rejected``: what was rejected and why; the structure of one original; mended records sent again."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec
from clickhouse_connect.driver.client import Client

from deploy.cli.tables import show
from deploy.clickhouse.client import clickhouse
from deploy.errors import FAILURE, GOOD, WRONG_USE, UserError
from deploy.settings import Settings
from ingest.kafka.publisher import Publisher, PublishError
from schemas.clickhouse.generations import NoGenerationError, active_generation
from schemas.contract.topics import EVENTS, READINGS
from streams.bookkeeping.decisions import MENDED, record
from streams.bookkeeping.offsets import KafkaOffsets, KafkaUnavailableError
from streams.positions import Position, TopicPartition
from streams.rejected.mending import Mended, MendingError, parse_line, parse_origin, structure
from streams.rejected.original import Original, OriginalUnreadableError, read_original

NAME = "rejected"
HELP = "rejected records: list them, look at one, send mended ones again"
EXAMPLES = """
  gospulse rejected list                       counts by reason, and the newest
  gospulse rejected show 1:3:4711              structure of the original at log:partition:offset, values masked
  gospulse rejected show 1:3:4711 --raw        the original itself; it may hold personal data
  gospulse rejected replay mended.jsonl        send mended records, one a line:
      {"origin": "1:3:4711", "record": {"v": 1, "kind": "comment_added", "at": 1790845200000, ...}}

A mended record is sent under an id derived from its origin: the same file again adds nothing. Its origin stays rejected
in every later generation.
"""

_BEGUN: Final = "begun"
_SENT: Final = "sent"


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the subcommands and their options."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    listed = actions.add_parser("list", help="counts by reason, and the newest rejections")
    listed.add_argument("--limit", type=int, default=10, metavar="N", help="newest rejections to show (10)")
    listed.add_argument("--json", action="store_true", help="print as JSON")
    shown = actions.add_parser("show", help="structure of one original, values masked")
    shown.add_argument("origin", metavar="LOG:PARTITION:OFFSET")
    shown.add_argument("--raw", action="store_true", help="print the original itself")
    replay = actions.add_parser("replay", help="send mended records again")
    replay.add_argument("file", type=Path, metavar="FILE", help="JSON lines of mended records")
    replay.add_argument("--dry-run", action="store_true", help="check the file and send nothing")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Exit code 1 where a line of a replay could not be sent, 2 for wrong use."""
    with clickhouse(settings.clickhouse) as client:
        try:
            generation = active_generation(client)
            if args.action == "list":
                return _list(client, generation, args.limit, args.json)
            if args.action == "show":
                return _show(client, settings, generation, parse_origin(args.origin), args.raw)
            return _replay(client, settings, generation, args.file, args.dry_run)
        except MendingError as error:
            raise UserError(str(error), WRONG_USE) from error
        except (NoGenerationError, KafkaUnavailableError, OriginalUnreadableError, PublishError) as error:
            raise UserError(str(error)) from error


def _list(client: Client, generation: int, limit: int, as_json: bool) -> int:
    if limit < 0:
        raise UserError("--limit is not negative", WRONG_USE)
    table = f"gospulse_data.rejected_g{generation}"
    counts = client.query(
        f"SELECT stage, field, reason, count() AS records, toString(max(appended)) FROM {table} FINAL "
        "GROUP BY stage, field, reason ORDER BY records DESC, reason LIMIT 50"
    ).result_rows
    newest = client.query(
        "SELECT format('{}:{}:{}', toString(r.log), toString(r.part), toString(r.off)) AS origin, toString(appended), "
        f"stage, source, r.origin, size, reason, m.off IS NOT NULL FROM {table} AS r FINAL LEFT JOIN "
        "(SELECT DISTINCT log, part, toNullable(off) AS off FROM gospulse_data.decisions WHERE kind = 'mended') AS m "
        f"ON r.log = m.log AND r.part = m.part AND r.off = m.off ORDER BY appended DESC, r.off DESC LIMIT {limit}"
    ).result_rows
    if as_json:
        names = ("origin", "appended", "stage", "source", "source_origin", "size", "reason", "mended")
        content = {
            "generation": generation,
            "counts": [
                dict(zip(("stage", "field", "reason", "records", "newest"), row, strict=True)) for row in counts
            ],
            "newest": [dict(zip(names, (*row[:-1], bool(row[-1])), strict=True)) for row in newest],
        }
        print(msgspec.json.format(msgspec.json.encode(content)).decode())
        return GOOD
    if not counts:
        print(f"Nothing is rejected in generation {generation}.")
        return GOOD
    show(("stage", "field", "reason", "records", "newest (UTC)"), counts, right=("records",))
    show(
        ("origin", "appended (UTC)", "stage", "feed", "its own place", "bytes", "reason", "mended"),
        [(*row[:-1], "yes" if row[-1] else "") for row in newest],
        right=("bytes",),
        title="Newest",
    )
    return GOOD


def _show(client: Client, settings: Settings, generation: int, origin: Position, raw: bool) -> int:
    known = _rejection(client, generation, origin)
    if known is not None:
        print(f"{origin}: rejected at stage {known[0]}: {known[1]}")
    original = _original(client, settings, origin)
    if original is None or original.value is None:
        print("The log holds no value at this position (any more).")
        return FAILURE
    print(f"{len(original.value):,} bytes, key of {len(original.key or b''):,} bytes")
    if raw:
        print("The original follows; it may hold personal data: do not pass it on.")
        print(original.value.decode("utf-8", errors="backslashreplace"))
        return GOOD
    fields = structure(original.value)
    if fields is None:
        print("It is not JSON in UTF-8 (--raw prints it).")
        return GOOD
    show(("field", "type", "length"), [(f.path, f.type, f.length) for f in fields], right=("length",))
    return GOOD


def _replay(client: Client, settings: Settings, generation: int, file: Path, dry_run: bool) -> int:
    good: list[Mended] = []
    bad = 0
    sent_before = 0
    for number, line in _lines(file):
        try:
            mended = parse_line(line)
            if _rejection(client, generation, mended.origin) is None:
                raise MendingError(f"generation {generation} holds no rejected record at {mended.origin}")
        except MendingError as error:
            print(f"line {number}: {error}")
            bad += 1
            continue
        if _was_sent(client, mended.origin):
            sent_before += 1
        else:
            good.append(mended)
    if not dry_run:
        _send(client, settings, good)
    done = "would be sent" if dry_run else "sent"
    print(f"{len(good)} mended records {done}, {sent_before} were sent before, {bad} lines cannot be used")
    return FAILURE if bad else GOOD


def _send(client: Client, settings: Settings, records: list[Mended]) -> None:
    if not records:
        return
    # Recorded before it is sent: a later generation that would accept the origin must know of the mended copy.
    for mended in records:
        _decide(client, mended, _BEGUN)
    with Publisher(settings.kafka) as publisher:
        for mended in records:
            original = _original(client, settings, mended.origin, (EVENTS, READINGS))
            key = original.key.decode("utf-8", "replace") if original and original.key else mended.key
            publisher.publish(mended.topic, key, mended.value)
        publisher.flush()
    for mended in records:
        _decide(client, mended, _SENT)


def _decide(client: Client, mended: Mended, state: str) -> None:
    origin = mended.origin
    detail = f"{state} as {mended.id}"
    record(client, MENDED, generation=0, log=origin.log, part=origin.part, offset=origin.off, detail=detail)


def _was_sent(client: Client, origin: Position) -> bool:
    rows = client.query(
        "SELECT count() FROM gospulse_data.decisions WHERE kind = %(kind)s AND log = %(log)s AND part = %(part)s "
        "AND off = %(off)s AND startsWith(JSONExtractString(detail, 'why'), %(sent)s)",
        parameters={"kind": MENDED, "log": origin.log, "part": origin.part, "off": origin.off, "sent": _SENT},
    ).result_rows
    return bool(rows[0][0])


def _rejection(client: Client, generation: int, origin: Position) -> tuple[Any, ...] | None:
    rows = client.query(
        f"SELECT stage, reason FROM gospulse_data.rejected_g{generation} WHERE log = %(log)s AND part = %(part)s "
        "AND off = %(off)s LIMIT 1",
        parameters={"log": origin.log, "part": origin.part, "off": origin.off},
    ).result_rows
    return tuple(rows[0]) if rows else None


def _original(
    client: Client, settings: Settings, origin: Position, topics: tuple[str, ...] | None = None
) -> Original | None:
    """The record at the origin; None where its topic is gone, is not one of ``topics``, or was trimmed."""
    rows = client.query(
        "SELECT topic_id, min(topic) FROM gospulse_data.logs GROUP BY topic_id HAVING min(log) = %(log)s",
        parameters={"log": origin.log},
    ).result_rows
    if not rows:
        raise MendingError(f"no log {origin.log} is registered; `gospulse topics list` shows those that are")
    topic_id, topic = (str(cell) for cell in rows[0])
    if topics is not None and topic not in topics:
        return None
    with KafkaOffsets(settings.kafka) as offsets:
        if offsets.topic_ids([topic]).get(topic) != topic_id:
            return None
        held = offsets.ranges([topic]).get(TopicPartition(topic, origin.part))
    if held is None or not held.begin <= origin.off < held.end:
        return None
    return asyncio.run(read_original(settings.kafka, topic, origin.part, origin.off))


def _lines(file: Path) -> Iterator[tuple[int, bytes]]:
    try:
        with file.open("rb") as stream:
            for number, line in enumerate(stream, 1):
                if line.strip():
                    yield number, line
    except OSError as error:
        raise UserError(f"{file} cannot be read: {error.strerror}", WRONG_USE) from error
