"""Makes the golden log (once, by hand) and the rows that the current fold gives for it.

python -m tests.streams.fold.golden.made log     writes log.jsonl anew
python -m tests.streams.fold.golden.made rows    writes rows.jsonl anew; refused where rows differ but FOLD does not
"""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path
from typing import Any

from schemas.contract.events import ANSWER_KINDS, FACT_KINDS, FORMATS, KINDS, MESSAGE_KINDS, NATURES, POST_KINDS
from schemas.contract.topics import EVENTS, READINGS, REJECTED
from streams.definition import FOLD, Definition, Stamp
from streams.fold.batch import Batch
from streams.fold.events import EventFold
from streams.fold.readings import ReadingFold
from streams.fold.rejections import RejectionFold
from streams.positions import Position
from tests.streams.builders.records import HOUR, T0, event, hex32, reading, report

FOLDER = Path(__file__).parent
LOG = FOLDER / "log.jsonl"
ROWS = FOLDER / "rows.jsonl"

#: The zones' fingerprint is no part of what is pinned here: another release of tzdata is another generation anyway.
DEFINITION = Definition(
    generation=1,
    fold=FOLD,
    chunk=32,
    window_chunks=2,
    zones="",
    stamps=(Stamp("vk:3", T0, T0 + 2 * HOUR, "98701000"),),
    excluded_loads=("import:bad",),
    mended=(Position(5, 2, 70),),
)


def make_log(seed: int = 20_260_302) -> list[dict[str, Any]]:
    """The lines of the golden log, all topics."""
    draw = random.Random(seed)
    return [*_events(draw, 240), *_readings(draw, 24), *_rejections()]


def _events(draw: random.Random, records: int) -> list[dict[str, Any]]:
    """Every kind, repeats within and beyond the window, rejections of every sort, several zones, several feeds."""
    lines = []
    for n in range(records):
        name = n if draw.random() < 0.7 else max(0, n - draw.choice([1, 5, 40, 70, 120]))
        fields: dict[str, Any] = {
            "at": T0 + draw.randrange(14 * HOUR),
            "page": draw.choice(["vk:1", "vk:2", "vk:3", "ok:7", None]),
            "place": draw.choice(["45382000", "98701000", "44701000", "la:cd-4", "nhs:qoc", "00000000"]),
            "author": draw.choice([None, *map(hex32, "abcdef")]),
            "amount": draw.choice([1, 1, 1, 2, 1_000_000]),
            "source": draw.choice(["vk-callback", "import:golden"]),
            "load": draw.choice([None, None, None, "import:good", "import:bad"]),
            "thread": draw.choice([None, hex32("thread")]),
        }
        line: dict[str, Any] = {"topic": EVENTS, "appended": T0 + 13 * HOUR + n}
        odd = draw.random()
        if odd < 0.04:
            line["hex"] = draw.randbytes(draw.randrange(12)).hex()
        elif odd < 0.05:
            line["null"] = True
        elif odd < 0.10:
            fields |= draw.choice([{"kind": "liked"}, {"v": 2}, {"amount": 0}, {"place": "here"}, {"author": "me"}])
            line["text"] = event(name, **fields).decode()
        else:
            fields |= {"new_field": 1} if odd < 0.12 else {}
            kind = KINDS[n % len(KINDS)]
            line["text"] = event(name, kind, **(fields | _of_facts(draw, kind))).decode()
        lines.append(line)
    return lines


def _of_facts(draw: random.Random, kind: str) -> dict[str, Any]:
    """What facts say beside other events; now and then an amount that the contract rejects."""
    if kind not in FACT_KINDS:
        return {}
    said: dict[str, Any] = {"amount": draw.choice([1] * 19 + [2])}
    if kind in POST_KINDS:
        post = draw.randrange(5)
        return said | {"page": f"vk:{post % 2}", "object": f"vk:{post % 2}_{post}", "format": draw.choice([*FORMATS])}
    said["nature"] = draw.choice([None, *NATURES])
    names = {name: draw.choice([None, hex32((name, draw.randrange(3)))]) for name in ("message", "reply_to", "appeal")}
    said |= {name: named for name, named in names.items() if named is not None}
    if kind in ANSWER_KINDS or (kind in MESSAGE_KINDS and "message" in said):
        said |= {"appeal": names["appeal"]}
    return said


def _readings(draw: random.Random, records: int) -> list[dict[str, Any]]:
    """Two objects, later and earlier observations, observations of one moment, a rejected one."""
    return [
        {
            "topic": READINGS,
            "appended": T0 + HOUR + n,
            "text": reading(
                n,
                object=draw.choice(["vk:1", "vk:2"]),
                metric=draw.choice(["subscribers", "reach", "liked"]),
                value=draw.randrange(1_000_000),
                observed_at=T0 + draw.randrange(3),
            ).decode(),
        }
        for n in range(records)
    ]


def _rejections() -> list[dict[str, Any]]:
    texts = [report(origin="line 7").decode(), report(load="import:bad").decode(), "not a report"]
    return [{"topic": REJECTED, "appended": T0 + n, "text": text} for n, text in enumerate(texts)]


def read_log(topic: str) -> Batch:
    """The golden log of a topic as one batch from offset 0 on."""
    values: list[bytes | None] = []
    appended = []
    for line in LOG.read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        if record["topic"] != topic:
            continue
        appended.append(record["appended"])
        if "null" in record:
            values.append(None)
        else:
            values.append(record["text"].encode() if "text" in record else bytes.fromhex(record["hex"]))
    return Batch(0, values, appended)


def fold_log() -> list[str]:
    """The rows of all tables, a line of JSON each, in an order of their own; the first line names the fold."""
    lines = []
    folds = (EventFold(5, 2, 0, DEFINITION), ReadingFold(6, 2, 0, DEFINITION), RejectionFold(7, 2, 0, DEFINITION))
    for fold, topic in zip(folds, (EVENTS, READINGS, REJECTED), strict=True):
        fold.fold(read_log(topic))
        rows = fold.flush()
        assert rows is not None
        for table, frame in rows.tables.items():
            lines += [json.dumps({"table": table} | _plain(row), default=str) for row in frame.to_dicts()]
    return [json.dumps({"fold": FOLD}), *sorted(lines)]


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    """A row without zero counts (they are most of it), and with authors in ascending order."""
    kept = {name: value for name, value in row.items() if name not in KINDS or value}
    return kept | ({"people": sorted(row["people"])} if "people" in row else {})


def main(what: str) -> int:
    """Write what is asked for; 1 where that would hide a change of the fold."""
    if what == "log":
        LOG.write_text("".join(json.dumps(line) + "\n" for line in make_log()), encoding="utf-8")
        return 0
    lines = fold_log()
    before = ROWS.read_text(encoding="utf-8").splitlines() if ROWS.exists() else []
    if before and before[0] == lines[0] and before != lines:
        print("The rows changed, but FOLD in streams/definition.py did not: raise it first.", file=sys.stderr)
        return 1
    ROWS.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
