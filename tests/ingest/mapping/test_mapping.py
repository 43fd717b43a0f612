"""A mapping says what is wrong with it before a row is read: one sentence that names the key."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from ingest.mapping.file import load_mapping
from ingest.mapping.mapping import MappingError
from tests.ingest.builders.sample_mappings import APPEALS, TOTALS, made


def changed(tables: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    result = copy.deepcopy(tables)
    *parents, last = path.split(".")
    table: Any = result
    for name in parents:
        table = table[int(name)] if isinstance(table, list) else table[name]
    if value is None:
        del table[last]
    else:
        table[last] = value
    return result


@pytest.mark.parametrize(
    ("tables", "path", "value", "sentence"),
    [
        (APPEALS, "colour", "red", "unknown key `colour`"),
        (APPEALS, "name", "x", "unknown key `name`"),
        (APPEALS, "fields.author", {"column": "who"}, r"unknown key `fields\.author`"),
        (APPEALS, "fields.place.colum", "x", r"unknown key `fields\.place\.colum`"),
        (APPEALS, "events.0.kind", "appeal_lost", r"key `events\[0\]\.kind`"),
        (APPEALS, "source", None, "key `source` is missing"),
        (APPEALS, "fields.channel", None, r"key `fields\.channel` is missing"),
        (APPEALS, "source", "with space", "key `source` must be letters"),
        (APPEALS, "key", [], "key `key`"),
        (APPEALS, "time", None, r"key `time\.zone` is missing"),
        (APPEALS, "time.zone", "Europe/Atlantis", r"key `time\.zone`: there is no time zone Europe/Atlantis"),
        (APPEALS, "time.format", "dd.mm.yyyy", r"key `time\.format` must be iso"),
        (APPEALS, "time.format", "%Q", r"key `time\.format`"),
        (APPEALS, "events.0.format", "hh:mm", r"key `events\[0\]\.format`"),
        (
            APPEALS,
            "fields.entrance.values.call",
            "telephone",
            r"key `fields\.entrance`: 'telephone' is not possible.*phone",
        ),
        (APPEALS, "fields.entrance.unlisted", "", r"an empty entrance is not possible"),
        (APPEALS, "fields.channel", {"constant": ""}, r"an empty channel is not possible"),
        (APPEALS, "fields.topic.values.cold", "heating", r"key `fields\.topic`: 'heating' is not possible"),
        (APPEALS, "fields.place", {"constant": "Moscow"}, r"key `fields\.place`: 'Moscow'"),
        (APPEALS, "fields.place", {}, "exactly one of constant, column and template"),
        (APPEALS, "fields.place", {"column": "a", "template": "{b}"}, "exactly one of"),
        (APPEALS, "fields.place.template", "nothing", "names no column in braces"),
        (APPEALS, "fields.place.unlisted", "test:x", r"needs `fields\.place\.values`"),
        (APPEALS, "fields.channel", {"constant": "x", "empty": "y"}, "a constant has no values"),
        (APPEALS, "file", {"encoding": "utf-16"}, "cannot be read line by line"),
        (APPEALS, "file", {"encoding": "klingon"}, "klingon is not a text encoding"),
        (APPEALS, "file", {"encoding": "base64"}, "is not a text encoding"),
        (APPEALS, "file", {"delimiter": '"'}, r"key `file\.delimiter`"),
        (APPEALS, "events", [], "key `events` is missing"),
        (APPEALS, "events.1.kind", "appeal_received", "appeal_received may be there once only"),
        (APPEALS, "total", {"period": "day"}, "key `total` belongs to the shape totals"),
        (TOTALS, "total", None, "key `total` is missing"),
        (TOTALS, "events", APPEALS["events"], "belong to the shape appeals"),
        (TOTALS, "fields.urgent", {"column": "x"}, r"key `fields\.urgent` belongs to the shape appeals"),
        (TOTALS, "fields.topic", {"column": "about"}, "must name the column about too"),
        (TOTALS, "total.observed_at", {}, "exactly one of column and constant"),
        (TOTALS, "total.length", "week", r"key `total\.length`"),
    ],
)
def test_what_cannot_work_is_named(tables: dict[str, Any], path: str, value: Any, sentence: str) -> None:
    with pytest.raises(MappingError, match=sentence):
        made(changed(tables, path, value))


def test_a_mapping_reads_each_column_once() -> None:
    assert sorted(made(APPEALS).columns) == ["about", "came", "closed", "district", "how", "id", "who"]
    assert made(TOTALS).columns == ("line", "place", "day", "n")


def test_files_that_are_no_mapping(tmp_path: Path) -> None:
    with pytest.raises(MappingError, match=r"There is no mapping .* counted-calls, service-requests-311"):
        load_mapping(tmp_path / "absent.toml")
    for content in (b"shape = ", b"\xff\xfe"):
        (tmp_path / "bad.toml").write_bytes(content)
        with pytest.raises(MappingError, match="is not TOML in UTF-8"):
            load_mapping(tmp_path / "bad.toml")
