"""Each row is judged alone: whatever one line holds, its neighbours come as they would without it."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from ingest.files.lines import FileError, open_lines
from ingest.files.rows import NOT_CSV, NOT_JSON, OTHER_WIDTH, TOO_LONG, open_rows
from schemas.contract.rejected import Rejected
from tests.ingest.builders.sample_mappings import APPEALS, COLUMNS, made

HEADER = COLUMNS.encode() + b"\n"
GOOD = b"1,call,5,cold,2026-10-01,,\n"

Found = list[tuple[int, Sequence[str] | Rejected]]


def rows(folder: Path, content: bytes, name: str = "a.csv", **file: Any) -> Found:
    path = folder / name
    path.write_bytes(content)
    lines = open_lines(path)
    try:
        return list(open_rows(lines, made(APPEALS, file=file)))
    finally:
        lines.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("rows")


def test_columns_come_in_the_mappings_order_and_trimmed(folder: Path) -> None:
    content = b"who,extra,closed,came,about,district,how,id\n w ,x,,2026-10-01, cold , 5,call , 1\r\n"
    assert rows(folder, content) == [(2, ["1", "call", "5", "cold", "2026-10-01", "", "w"])]


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl"])
@given(noise=st.lists(st.binary(max_size=60).map(lambda line: line.replace(b"\n", b"")), max_size=6))
def test_any_bytes_leave_the_neighbours_alone(folder: Path, name: str, noise: list[bytes]) -> None:
    good = (
        GOOD
        if name == "a.csv"
        else b'{"id":1,"how":"call","district":5,"about":"cold","came":"2026-10-01","closed":"","who":""}\n'
    )
    head = HEADER if name == "a.csv" else good
    quiet = rows(folder, head + good, name)[-1][1]
    found = rows(folder, head + good + b"".join(line + b"\n" + good for line in noise), name)
    fate = dict(found)
    assert all(fate[line] == quiet for line in range(2, 2 * len(noise) + 3, 2))


@given(st.lists(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\r\n")), min_size=7, max_size=7)))
def test_what_a_csv_writer_writes_is_read(folder: Path, table: list[list[str]]) -> None:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([COLUMNS.split(","), *table])
    found = rows(folder, text.getvalue().encode())
    order = [COLUMNS.split(",").index(column) for column in made(APPEALS).columns]
    assert [cells for _, cells in found] == [[row[i].strip() for i in order] for row in table if any(row)]


@given(
    st.lists(
        st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\r")), min_size=7, max_size=7), max_size=5
    )
)
def test_line_breaks_in_cells_are_read_where_the_mapping_says_so(folder: Path, table: list[list[str]]) -> None:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL).writerows([COLUMNS.split(","), *table])
    found = rows(folder, text.getvalue().encode(), multiline=True)
    order = [COLUMNS.split(",").index(column) for column in made(APPEALS).columns]
    assert [cells for _, cells in found] == [[row[i].strip() for i in order] for row in table if any(row)]


def test_a_missing_quotation_mark_rejects_one_line_only(folder: Path) -> None:
    bad = b'2,"call,5,cold,2026-10-01,,\n'
    content = HEADER + GOOD + bad + GOOD * 600 + b'3,"ca\nll",5,cold,2026-10-01,,\n' + GOOD
    found = dict(rows(folder, content, multiline=True))
    assert found.pop(3) == NOT_CSV
    assert found.pop(604) == ["3", "ca\nll", "5", "cold", "2026-10-01", "", ""]
    assert len(found) == 602 and {tuple(cells) for cells in found.values() if not isinstance(cells, Rejected)} == {
        ("1", "call", "5", "cold", "2026-10-01", "", "")
    }


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b"1,call,5", OTHER_WIDTH),
        (b"1,call,5,cold,2026-10-01,,,,x", OTHER_WIDTH),
        (b'1,"call,5,cold,2026-10-01,,', NOT_CSV),
        (b'1,"call"x,5,cold,2026-10-01,,', NOT_CSV),
        (b"x" * (2 << 20), TOO_LONG),
        (b"1,call,5,\xff,2026-10-01,,", Rejected("", "The line is not text in utf-8 (the mapping's `file.encoding`).")),
    ],
)
def test_lines_that_are_no_rows(folder: Path, line: bytes, why: Rejected) -> None:
    assert dict(rows(folder, HEADER + GOOD + line + b"\n\n" + GOOD)) | {3: why} == dict(
        rows(folder, HEADER + GOOD + line + b"\n\n" + GOOD)
    )


@pytest.mark.parametrize("line", [b"{", b"[1]", b'"x"', b"null", b"{}x", b"\xff", b"[" * 100_000, b'{"id":"\\ud800"}'])
def test_lines_that_are_no_objects(folder: Path, line: bytes) -> None:
    good = json.dumps(dict.fromkeys(COLUMNS.split(","), "1")).encode()
    assert dict(rows(folder, good + b"\n" + line + b"\n" + good, "a.jsonl"))[2] == NOT_JSON


def test_values_of_json_are_the_texts_of_a_csv(folder: Path) -> None:
    row = {"id": 12345678901234567890, "how": "call", "district": 5.0, "about": None, "came": 1.5, "closed": True}
    content = json.dumps({**dict.fromkeys(COLUMNS.split(","), ""), **row}) + "\n" + json.dumps({**row, "who": ["x"]})
    first, second = rows(folder, content.encode(), "a.ndjson")
    assert first[1] == ["12345678901234567890", "call", "5", "", "1.5", "true", ""]
    assert second[1] == Rejected("who", "Column `who` is not a plain value.")


def test_encodings_delimiters_and_byte_order_marks(folder: Path) -> None:
    text = COLUMNS.replace(",", ";") + "\n1;call;5;Отопление;2026-10-01;;\n"
    row = ["1", "call", "5", "Отопление", "2026-10-01", "", ""]
    assert rows(folder, text.encode("cp1251"), delimiter=";", encoding="cp1251") == [(2, row)]
    assert rows(folder, b"\xef\xbb\xbf" + text.encode(), delimiter=";") == [(2, row)]


@pytest.mark.parametrize(
    ("content", "name", "sentence"),
    [
        (b"id,how\n1,call\n", "a.csv", r"has no column district, about, came, closed, who, which the mapping reads"),
        (COLUMNS.replace(",", ";").encode(), "a.csv", "separated by another character"),
        (HEADER.replace(b"who", b"id") + GOOD, "a.csv", "has no column who"),
        (HEADER.replace(b"who", b"who,who") + GOOD, "a.csv", "has the column who twice"),
        (
            "как;".encode("cp1251") + HEADER,
            "a.csv",
            r'not text in utf-8\. Name the file.s encoding in the mapping: probably `file\.encoding = "cp1251"`\.',
        ),
        (b'"id,how\n', "a.csv", "does not name columns"),
        (b"x" * (2 << 20), "a.csv", "longer than 1 MiB"),
        (b'{"id":1,"how":"call"}\n', "a.jsonl", "has no column district, about, came, closed, who"),
        (b'[{"id":1}]', "a.json", r"is one JSON document, .* `jq -c '\.\[\]' FILE"),
        (b'{"requests": [{"id":1}]}', "a.json", r"is one JSON document, .* `jq -c '\.\[\"requests\"\]\[\]' FILE"),
        (b'{\n "total": 1,\n "requests": [\n {\n"id":1}]}', "a.json", r"jq -c '\.\[\"requests\"\]\[\]'"),
        (b'{"id":1,"a":[{}]}\n{"id":2,"a":[{}]}\n', "a.jsonl", "has no column how, district"),
        (COLUMNS.replace(",", "\t").encode(), "a.csv", r'set `file\.delimiter = "\\t"`'),
        (HEADER.replace(b"who", "кто".encode()), "a.csv", "has no column who"),
        (HEADER, "a.dat", r"does not tell whether this is CSV or JSON lines\. Set `file\.format`"),
    ],
)
def test_files_that_do_not_fit_the_mapping(folder: Path, content: bytes, name: str, sentence: str) -> None:
    with pytest.raises(FileError, match=sentence):
        rows(folder, content, name)


def test_a_file_in_utf_8_with_a_mapping_in_cp1251_is_told(folder: Path) -> None:
    with pytest.raises(FileError, match=r'The file is in UTF-8, and the mapping says `file.encoding = "cp1251"`'):
        rows(folder, HEADER.replace(b"who", "кто".encode()), encoding="cp1251")


ROW = ["1", "call", "5", "cold", "2026-10-01", "", ""]


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz", "a.csv.zst"])
def test_lines_may_end_with_a_carriage_return_alone(folder: Path, name: str) -> None:
    content = (HEADER + GOOD + b"\n" + GOOD).replace(b"\n", b"\r")
    pack = {"gz": gzip.compress, "zst": zstandard.ZstdCompressor().compress}.get(name.split(".")[-1], bytes)
    assert rows(folder, pack(content), name) == [(2, ROW), (4, ROW)]


def test_empty_cells_beyond_the_columns_are_ignored(folder: Path) -> None:
    content = HEADER + GOOD.replace(b"\n", b",,, ,\r\n") + b",,,,,,\r\n" + GOOD
    assert rows(folder, content) == [(2, ROW), (4, ROW)]
    content = HEADER.replace(b"\n", b",,\n") + GOOD.replace(b"\n", b",,\n") + GOOD
    assert rows(folder, content) == [(2, ROW), (3, ROW)]


@pytest.mark.parametrize("name", ["a.tsv", "a.TSV", "a.tsv.gz"])
def test_cells_of_a_tsv_are_separated_by_tabs(folder: Path, name: str) -> None:
    content = (HEADER + GOOD).replace(b",", b"\t")
    packed = gzip.compress(content) if name.endswith(".gz") else content
    assert rows(folder, packed, name) == [(2, ROW)]
    assert rows(folder, HEADER + GOOD, "a.tsv", delimiter=",") == [(2, ROW)]


@pytest.mark.parametrize("sep", [b"sep=;\r\n", b"\xef\xbb\xbfSEP=;\n", b'"sep=;"\n'])
def test_a_first_line_names_the_delimiter_as_excel_writes_it(folder: Path, sep: bytes) -> None:
    assert rows(folder, sep + (HEADER + GOOD).replace(b",", b";")) == [(3, ROW)]


@pytest.mark.parametrize("encoding", ["cp1251", "koi8-r", "cp866", "mac-cyrillic"])
def test_a_line_of_another_encoding_names_the_likely_one(folder: Path, encoding: str) -> None:
    bad = "2,call,5,Нет отопления во дворе,2026-10-01,,Управа района\n".encode(encoding)
    found = dict(rows(folder, HEADER + GOOD + bad + bad))
    assert (
        found[3]
        == found[4]
        == Rejected("", f"The line is not text in utf-8 (the mapping's `file.encoding`); it is probably {encoding}.")
    )
