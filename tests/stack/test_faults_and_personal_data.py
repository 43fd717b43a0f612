"""No personal data: files full of marked names, phones and texts leave no mark in Kafka, ClickHouse, logs, metrics."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.servers.machine import Machine
from tests.stack.builders.folding import until
from tests.stack.builders.traces import everything_stored, metrics, raw_records, traces

#: What a person is known by; each is unlike anything that may stay.
pytestmark = pytest.mark.long

MARKS = ("Markova-Zvezdina", "Маркова-Звездина", "+79991234567", "9991234567", "mark@personal.example", "1234 567890")
STORY = "Меня зовут Маркова-Звездина, звоните +79991234567 или mark@personal.example, паспорт 1234 567890"

MAPPING = """
shape = "appeals"
source = "import:personal"
key = ["number"]
time = { zone = "Europe/Moscow" }
[fields]
channel = { constant = "counter" }
entrance = { column = "how", values = { "came" = "office" } }
place = { column = "oktmo" }
[[events]]
kind = "appeal_received"
at = "day"
"""


def files(folder: Path) -> list[Path]:
    """Good rows and rows that are rejected in every field, as CSV and as JSON lines, one with the key in the clear."""
    (folder / "p.toml").write_text(MAPPING)
    good = [f"{n},came,45000000,2026-10-01,Markova-Zvezdina {n},{STORY!r},+79991234567" for n in range(50)]
    bad = [
        f"b1,{MARKS[0]},45000000,2026-10-01,x,y,z",
        f"b2,came,{MARKS[2]},2026-10-01,x,y,z",
        f"b3,came,45000000,{MARKS[1]},x,y,z",
        f"b4,came,45000000,2026-10-01,{STORY!r}",
        f"{MARKS[4]},came,45000000,2026-10-01,{MARKS[0]},{STORY!r},1234 567890",
    ]
    table = folder / "rows.csv"
    # A comma in a story makes cells too many: such lines are rejected, and nothing of them is told.
    table.write_text("\n".join(["number,how,oktmo,day,who,text,phone", *good, *bad]).replace("'", '"') + "\n")
    lines = folder / "rows.jsonl"
    row = {"number": "j1", "how": "came", "oktmo": "45000000", "day": "2026-10-01", "who": MARKS[0], "text": STORY}
    lines.write_text(
        "".join(json.dumps(item, ensure_ascii=False) + "\n" for item in (row, row | {"number": "j2", "how": STORY}))
        + f'{{"number": "{MARKS[2]}", "how": "{STORY}\n'
    )
    return [table, lines]


def test_marks_of_people_stay_outside(stack: Machine) -> None:
    said = ""
    before = stack.folded() or 0
    for file in files(stack.folder):
        code, told = stack.outcome("import", "appeals", str(file), "--mapping", "p.toml")
        assert code == 0, told
        said += told
    kept = raw_records(stack)
    assert len([record for record in kept if b"import:personal" in record and b"appeal_received" in record]) == 52
    until(lambda: stack.folded() == before + 52, "the good rows are folded")
    kept_files = traces(stack)
    assert any(path.suffix == ".jsonl" for path in kept_files)
    for name, text in {
        "what the command said": said,
        "Kafka": b"\n".join(kept).decode(errors="replace"),
        "ClickHouse": everything_stored(stack),
        "metrics": metrics(stack),
        "report": stack.run("report"),
        "status": stack.run("status"),
        "rejected": stack.run("rejected", "list"),
        **{str(path): path.read_text(errors="replace") for path in kept_files},
    }.items():
        found = [mark for mark in MARKS if mark in text]
        assert not found, f"{name} holds {found}"
