"""Damaged register files: whatever stands in them, each row counts or is listed, and nothing else happens."""

from __future__ import annotations

import gzip
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.registers.history import Point
from ingest.registers.plan import Options, Surroundings, plan
from ingest.registers.registers import ORGANISATIONS, PAGES, PLACES, Register
from ingest.registers.table_file import RegisterFileError, read_content, read_file

PLACE = {"05701000": (Point(date(1970, 1, 1), ("05701000", "В", "05000000", "Asia/Vladivostok", None, None, None)),)}
OWNER = ("7707329152", "7707329152", "Музей", None, "05701000", None, False, None)
AROUND = Surroundings({}, PLACE, {"7707329152": (Point(date(1970, 1, 1), OWNER),)})
SOUND = {
    "places": "ОКТМО;Наименование;Население;Год населения;Источник населения;valid_to\r\n5701000;В;1;2024;Р;\r\n",
    "organisations": "inn;name;place;exempt;exempt_reason;valid_from\r\n7702235133;Школа;5701000;да;нет;1.1.2026\r\n",
    "pages": 'network;native_id;name;place;organisation;class\r\nвк;1;"Му""зей";05701000;7707329152;визитка\r\n',
}
#: What breaks tables: delimiters, quotation marks, line ends, other zeros, huge numbers, text that is no text.
PIECES = st.sampled_from(
    ['"', ";", ",", "\t", "\r", "\n", "\0", "0", "²", "٣", "9" * 40, "-", ":", "\ufeff", "{", "NaN", " ", "é", "\x98"]
)


@pytest.mark.parametrize("register", [PLACES, ORGANISATIONS, PAGES], ids=lambda register: register.name)
@given(data=st.data())
def test_a_damaged_file_is_read_or_refused_in_one_sentence(register: Register, data: st.DataObject) -> None:
    content = SOUND[register.name] * data.draw(st.integers(1, 2))
    for _ in range(data.draw(st.integers(0, 4))):
        begin = data.draw(st.integers(0, len(content)))
        content = content[:begin] + data.draw(PIECES) + content[begin + data.draw(st.integers(0, 3)) :]
    encoding = data.draw(st.sampled_from(["utf-8", "cp1251", "utf-16"]))
    raw = content.encode(encoding, errors="replace")
    options = Options(today=date(2026, 11, 27), complete=data.draw(st.sampled_from([None, "all", "05000000"])))
    try:
        file = read_content(raw, "file", register)
    except RegisterFileError as error:
        assert "\n" not in str(error)
        return
    found = plan(register, file, AROUND, options)
    assert all(problem.line >= 1 and problem.reason for problem in found.problems)
    assert len({write.key for write in found.writes}) + len(found.problems) >= min(1, found.rows)


@given(st.binary(max_size=300))
def test_bytes_of_any_kind_do_not_break_the_reading(raw: bytes) -> None:
    for register in (PLACES, PAGES):
        try:
            plan(register, read_content(raw, "file", register), AROUND, Options(today=date(2026, 11, 27)))
        except RegisterFileError as error:
            assert str(error).startswith("file")


def test_packed_files_are_read_and_foreign_ones_named(tmp_path: Path) -> None:
    packed = tmp_path / "pages.csv.gz"
    packed.write_bytes(gzip.compress(SOUND["pages"].encode("cp1251")))
    assert len(read_file(packed, PAGES).rows) == 1
    for name, content, said in (
        ("pages.csv", b"PK\x03\x04", "Excel workbook"),
        ("pages.csv.gz", packed.read_bytes()[:-12], "cut off"),
        ("empty.csv", b"", "is empty"),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(RegisterFileError, match=said):
            read_file(tmp_path / name, PAGES)
