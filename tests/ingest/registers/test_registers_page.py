"""docs/registers.md names every column of the files, with its heading and meaning."""

from __future__ import annotations

from ingest.registers.registers import REGISTERS, VALIDITY
from tests.servers.machine import ROOT


def test_every_column_stands_in_the_document() -> None:
    page = (ROOT / "docs" / "registers.md").read_text(encoding="utf-8")
    for fields in (*(register.fields for register in REGISTERS.values()), VALIDITY):
        for field in fields:
            required = "yes" if field.required else ""
            assert f"| `{field.name}` | {field.heading} | {required} | {field.meaning} |".replace("|  |", "| |") in page
