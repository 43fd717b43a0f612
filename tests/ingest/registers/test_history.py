"""Histories as change points against a plain calendar of days, and exports that read back the same."""

from __future__ import annotations

import io
from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from ingest.registers import history
from ingest.registers.history import NOTHING, History, Point
from ingest.registers.plan import Options, Surroundings, plan
from ingest.registers.registers import ORGANISATIONS, PLACES
from ingest.registers.table_file import read_content, write_csv, write_json_lines, written_fields

BEGIN = date(2026, 1, 1)
DAYS = 30
Step = tuple[str, int, int | None, str]


def day(number: int) -> date:
    return BEGIN + timedelta(days=number)


steps = st.lists(
    st.tuples(
        st.sampled_from(["overlay", "end", "cancel"]),
        st.integers(0, DAYS - 2),
        st.none() | st.integers(1, DAYS - 1),
        st.sampled_from("abc"),
    ),
    max_size=8,
)


def built(taken: list[Step]) -> History:
    points: History = NOTHING
    for kind, begin, end, name in taken:
        if kind == "overlay" and (end is None or end > begin):
            points = history.overlay(points, day(begin), None if end is None else day(end), (name,))
        elif kind == "end":
            points = history.end(points, day(begin))
        elif kind == "cancel":
            points = history.cancel(points, day(begin))
    return points


@given(steps)
def test_a_validity_holds_on_its_own_days(taken: list[Step]) -> None:
    points = built(taken)
    for number in range(DAYS + 2):
        found = history.validity_at(points, day(number))
        assert (None if found is None else found.entry) == history.at(points, day(number))


@given(steps, st.integers(0, DAYS - 2), st.none() | st.integers(1, 10), st.sampled_from("abc"))
def test_a_row_changes_its_own_days_alone(taken: list[Step], begin: int, length: int | None, name: str) -> None:
    before = built(taken)
    end = None if length is None else begin + length
    after = history.overlay(before, day(begin), None if end is None else day(end), (name,))
    later = [point for point in before if point.valid_from > day(begin)]
    until = day(end) if end is not None else (later[0].valid_from if later else date.max)
    following = next((point.valid_from for point in before if point.valid_from >= until), date.max)
    for number in range(DAYS + 12):
        at = day(number)
        if day(begin) <= at < until:
            assert history.at(after, at) == (name,)
        elif end is not None and until <= at < following:
            # The row ends, and nothing else is known of these days.
            assert history.at(after, at) is None
        else:
            assert history.at(after, at) == history.at(before, at)


@given(steps, steps)
def test_the_points_written_make_the_new_history(old_steps: list[Step], new_steps: list[Step]) -> None:
    old, new = built(old_steps), built(old_steps + new_steps)
    points = {point.valid_from: point for point in old}
    for write in history.writes("key", old, new):
        points.pop(write.valid_from, None)
        if write.state != "cancelled":
            entry = write.entry if write.state == "in force" else None
            points[write.valid_from] = Point(write.valid_from, entry)
    assert tuple(sorted(points.values(), key=lambda point: point.valid_from)) == new
    assert not list(history.writes("key", new, new))


names = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=20).map(
    lambda text: text.strip() or "x"
)


@given(st.lists(st.tuples(names, st.integers(1, 400), st.none() | st.integers(1, 400)), min_size=1, max_size=5))
def test_an_export_of_any_history_reads_back_the_same(spans: list[tuple[str, int, int | None]]) -> None:
    places = {
        "05701000": (Point(date(1970, 1, 1), ("05701000", "В", "05000000", "Asia/Vladivostok", None, None, None)),)
    }
    points: History = NOTHING
    for name, begin, length in spans:
        entry = ("ключ", None, name, None, "05701000", None, False, None)
        points = history.overlay(points, day(begin), None if length is None else day(begin + length), entry)
    fields = written_fields(ORGANISATIONS, history=True)
    rows = [
        ORGANISATIONS.values(each.entry) | {"valid_from": each.valid_from, "valid_to": each.valid_to}
        for each in history.validities(points)
    ]
    for form in ("csv", "excel", "json"):
        stream = io.StringIO()
        if form == "json":
            write_json_lines(stream, fields, rows)
        else:
            write_csv(stream, fields, rows, excel=form == "excel")
        file = read_content(stream.getvalue().encode(), form, ORGANISATIONS)
        options = Options(today=day(0))
        found = plan(ORGANISATIONS, file, Surroundings({}, places), options)
        assert found.problems == []
        assert (
            tuple(history.Point(w.valid_from, w.entry if w.state == "in force" else None) for w in found.writes)
            == points
        )
        again = plan(ORGANISATIONS, file, Surroundings({"ключ": points}, places), options)
        assert (again.writes, again.problems) == ([], [])
    assert PLACES.name == "places"
