"""From a file to topics on a real broker: what arrives, what is rejected, what a stop or a failure leaves."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ingest.files.importer import Importer
from ingest.files.job import ImportJob, ImportUseError, Summary
from ingest.files.lines import FileError
from ingest.files.rejects import MAX_RECORDS
from ingest.kafka.publisher import Publisher, PublishError
from schemas.connections import KafkaConnection
from schemas.contract.topics import EVENTS, READINGS, REJECTED
from tests.ingest.builders.sample_mappings import APPEALS, COLUMNS, KEY, NOW_MS, TOTALS, made
from tests.ingest.conftest import Records
from tests.servers.ports import free_port

Read = Callable[[str], Records]
SECRET = "Иван-Петров"


def row(number: int, how: str = "call", closed: str = "2026-10-03") -> str:
    return f"{number},{how},{number % 15},cold,2026-10-01T09:00:00,{closed},Agency\n"


def write(path: Path, rows: list[str], header: str = COLUMNS + "\n") -> Path:
    content = (header + "".join(rows)).encode()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


class Runs:
    """Runs imports into the test's topics, their state in a folder of the test."""

    def __init__(self, kafka: KafkaConnection, folder: Path) -> None:
        self.kafka = kafka
        self.folder = folder

    def __call__(self, file: Path, stop_after: int | None = None, tables: Any = APPEALS, **options: Any) -> Summary:
        now_ms = options.pop("now_ms", NOW_MS)
        job = ImportJob(file=file, mapping=made(tables), state=self.folder / "imports", **options)
        importer = Importer(job, KEY, now_ms=now_ms)
        asked = iter(range(1, 10**9))
        try:
            return importer.run(
                lambda delivered: Publisher(self.kafka, timeout=10, on_delivered=delivered),
                report=lambda _: None,
                stop=lambda: next(asked) == stop_after,
            )
        finally:
            importer.close()


@pytest.fixture
def run(topics: KafkaConnection, tmp_path: Path) -> Runs:
    return Runs(topics, tmp_path)


def ids(records: Records) -> list[str]:
    return sorted(json.loads(value)["id"] for _, _, value in records)


def test_a_file_arrives_whole_and_its_repetition_is_the_same_facts(run: Runs, read_topic: Read, tmp_path: Path) -> None:
    rows = [row(number) for number in range(500)]
    first = run(write(tmp_path / "a.csv", rows))
    assert (first.rows, first.events, first.rejected, first.failure) == (500, 1_000, 0, None)
    records = read_topic(EVENTS)
    assert len(set(ids(records))) == 1_000
    # The records of one appeal lie in one partition, so that copies meet.
    places = {(json.loads(value)["appeal"], partition) for partition, _, value in records}
    assert len(places) == 500

    random.Random(1).shuffle(rows)
    second = run(write(tmp_path / "later and elsewhere.csv.gz", rows), load="again", now_ms=NOW_MS + 10**9)
    both = read_topic(EVENTS)
    assert second.events == 1_000 and len(both) == 2_000
    assert set(ids(both)) == set(ids(records))
    assert {(json.loads(value)["id"], partition) for partition, _, value in both} == {
        (json.loads(value)["id"], partition) for partition, _, value in records
    }


def test_the_load_is_the_same_for_the_same_file(run: Runs, tmp_path: Path) -> None:
    loads = [run(write(tmp_path / name, [row(1)])).load for name in ("a.csv", "b.csv")]
    other = run(write(tmp_path / "a.csv", [row(2)])).load
    assert loads[0] == loads[1] != other and loads[0].startswith("test-")


def test_rejected_rows_stop_nothing_and_show_no_content(run: Runs, read_topic: Read, tmp_path: Path) -> None:
    bad = [row(2, how=SECRET), f"3,call,5,{SECRET}\n", f"4,call,5,cold,{SECRET},,\n"]
    summary = run(write(tmp_path / "a.csv", [row(1), *bad, row(5)]), load="with-bad-rows")
    assert (summary.rows, summary.events, summary.rejected, summary.failure) == (5, 4, 3, None)
    lines = [json.loads(line) for line in summary.rejects.read_text().splitlines()]
    assert [(line["line"], line["field"]) for line in lines] == [(3, "entrance"), (4, ""), (5, "at")]
    assert all(line["reason"] for line in lines)
    rejected = [json.loads(value) for _, _, value in read_topic(REJECTED)]
    assert [(r["origin"], r["load"], r["at"]) for r in rejected] == [
        (f"line {line}", "with-bad-rows", NOW_MS) for line in (3, 4, 5)
    ]
    everything = summary.rejects.read_bytes() + b"".join(
        value for t in (EVENTS, REJECTED) for _, _, value in read_topic(t)
    )
    assert "Петров".encode() not in everything and b"\\u041f" not in everything.lower()


def test_many_rejections_are_sent_one_by_one_up_to_a_bound(run: Runs, read_topic: Read, tmp_path: Path) -> None:
    summary = run(write(tmp_path / "a.csv", [row(n, how="?") for n in range(MAX_RECORDS + 7)] + [row(0)]))
    assert summary.rejected == MAX_RECORDS + 7 and len(summary.rejects.read_text().splitlines()) == MAX_RECORDS + 7
    records = read_topic(REJECTED)
    assert len(records) == MAX_RECORDS + 1
    assert json.loads(records[-1][2])["reason"].startswith("7 more rows")


def test_a_stopped_import_goes_on_where_it_ended(run: Runs, read_topic: Read, tmp_path: Path) -> None:
    rows = [row(n) for n in range(100)]
    rows[10] = row(10, how="?")
    rows[90] = row(90, how="?")
    file = write(tmp_path / "a.csv.gz", rows)
    stopped = run(file, stop_after=40)
    assert stopped.stopped and stopped.confirmed_line == 41
    assert len(read_topic(EVENTS)) == 39 * 2
    resumed = run(file, resume=True)
    assert (resumed.resumed_after, resumed.rows, resumed.stopped) == (41, 60, False)
    assert len(set(ids(read_topic(EVENTS)))) == len(read_topic(EVENTS)) == 98 * 2
    assert [json.loads(line)["line"] for line in resumed.rejects.read_text().splitlines()] == [12, 92]
    assert run(file, resume=True).already_done
    assert len(read_topic(EVENTS)) == 98 * 2


def test_only_the_same_import_goes_on(run: Runs, tmp_path: Path) -> None:
    file = write(tmp_path / "a.csv", [row(n) for n in range(10)])
    with pytest.raises(ImportUseError, match="leave --resume out"):
        run(file, resume=True)
    run(file, stop_after=3, load="mine")
    with pytest.raises(ImportUseError, match="another file, mapping, source"):
        run(write(file, [row(1)]), load="mine", resume=True)


def test_a_broker_that_goes_away_leaves_a_place_to_go_on_from(run: Runs, read_topic: Read, tmp_path: Path) -> None:
    file = write(tmp_path / "a.csv", [row(n) for n in range(300)])
    sent = 0

    class Failing(Publisher):
        """Its connection breaks for good after 250 records."""

        def publish(self, topic: str, key: str, value: bytes, token: object = None) -> None:
            nonlocal sent
            sent += 1
            if sent > 250:
                self._call(self._producer.close())
            super().publish(topic, key, value, token)

    job = ImportJob(file=file, mapping=made(APPEALS), state=tmp_path / "imports")
    importer = Importer(job, KEY, now_ms=NOW_MS)
    summary = importer.run(
        lambda delivered: Failing(run.kafka, timeout=2, on_delivered=delivered),
        report=lambda _: None,
        stop=lambda: False,
    )
    importer.close()
    assert summary.failure is not None and "did not confirm" in summary.failure
    assert summary.confirmed_line < 300
    resumed = run(file, resume=True)
    assert resumed.resumed_after == summary.confirmed_line
    assert len(set(ids(read_topic(EVENTS)))) == 600


def test_no_broker_at_all_loses_nothing(tmp_path: Path) -> None:
    away = Runs(KafkaConnection(bootstrap=(f"127.0.0.1:{free_port()}",)), tmp_path)
    file = write(tmp_path / "a.csv", [row(1)])
    job = ImportJob(file=file, mapping=made(APPEALS), state=tmp_path / "imports")
    importer = Importer(job, KEY, now_ms=NOW_MS)
    with pytest.raises(PublishError, match="gospulse up"):
        importer.run(
            lambda delivered: Publisher(away.kafka, connect_timeout=0.3, on_delivered=delivered),
            report=lambda _: None,
            stop=lambda: False,
        )
    importer.close()
    with pytest.raises(ImportUseError):
        away(file, resume=True)


def test_a_file_that_is_cut_off_gives_what_stands_before_the_cut(run: Runs, read_topic: Read, tmp_path: Path) -> None:
    rows = [f"{n},call,{random.Random(n).random()},cold,2026-10-01T09:00:00,,\n".replace(".", "") for n in range(3_000)]
    file = write(tmp_path / "a.csv.gz", rows)
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    summary = run(file)
    assert summary.failure is not None and "is cut off" in summary.failure
    assert 1_000 < summary.events == summary.rows == len(read_topic(EVENTS)) < 3_000
    assert summary.confirmed_line == summary.rows + 1 and f"after line {summary.confirmed_line:,}." in summary.failure


def counted(rows: list[tuple[str, str, str, int]]) -> list[str]:
    return [f"{line},{place},{day},{n}\n" for line, place, day, n in rows]


def test_totals_arrive_once_a_key_and_period(run: Runs, read_topic: Read, tmp_path: Path) -> None:
    rows = [("111", "a", "2026-10-01", 2), ("web", "a", "2026-10-01", 3), ("111", "a", "2026-10-01", 4)]
    file = write(tmp_path / "a.csv", counted(rows), header="line,place,day,n\n")
    summary = run(file, tables=TOTALS, as_of="2026-10-02T09:00")
    readings = [msgspec.json.decode(value) for _, _, value in read_topic(READINGS)]
    assert summary.readings == 2 and sorted((r["channel"], r["value"]) for r in readings) == [("111", 6), ("web", 3)]
    assert {r["observed_at"] for r in readings} == {1_790_928_000_000}
    run(file, tables=TOTALS, as_of="2026-10-02T09:00", now_ms=NOW_MS + 10**9)
    assert len({bytes(value) for _, _, value in read_topic(READINGS)}) == 2


def test_totals_of_half_a_file_are_not_sent(run: Runs, read_topic: Read, tmp_path: Path) -> None:
    rows = counted([("111", str(n), "2026-10-01", n * n % 7919) for n in range(3_000)])
    file = write(tmp_path / "a.csv.gz", rows, header="line,place,day,n\n")
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    summary = run(file, tables=TOTALS, as_of="2026-10-02")
    assert summary.failure is not None and summary.readings == 0 and read_topic(READINGS) == []


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"tables": TOTALS}, "The time of these counts is not known"),
        ({"tables": TOTALS, "as_of": "soon"}, "soon is not a time"),
        ({"tables": TOTALS, "as_of": "2027-10-01"}, "is not a possible time"),
        ({"as_of": "2026-10-01"}, "imports appeals one by one"),
        ({"load": "with space"}, "--load must be"),
        ({"source": "?"}, "--source must be"),
    ],
)
def test_wrong_use_is_told_before_anything_is_sent(tmp_path: Path, options: dict[str, Any], sentence: str) -> None:
    header = "line,place,day,n\n" if options.get("tables") is TOTALS else COLUMNS + "\n"
    file = write(tmp_path / "a.csv", [], header=header)
    tables = options.pop("tables", APPEALS)
    job = ImportJob(file=file, mapping=made(tables), state=tmp_path / "imports", **options)
    with pytest.raises(ImportUseError, match=sentence):
        Importer(job, KEY, now_ms=NOW_MS)


def test_missing_columns_are_named_before_anything_is_sent(tmp_path: Path) -> None:
    job = ImportJob(
        file=write(tmp_path / "a.csv", [row(1)], header="number," + COLUMNS.removeprefix("id,") + "\n"),
        mapping=made(APPEALS),
        state=tmp_path / "imports",
    )
    with pytest.raises(FileError, match="has no column id, which the mapping reads"):
        Importer(job, KEY, now_ms=NOW_MS)
