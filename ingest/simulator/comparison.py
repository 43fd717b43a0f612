"""Comparison: the truth of a run against the documented views, every cell of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import polars as pl
from msgspec import Struct

from ingest.simulator.lives import LIVES
from ingest.simulator.pages import pages_of
from ingest.simulator.truth import Truth
from schemas.contract.events import APPEAL_KINDS, KINDS

#: Runs one SQL statement and gives its rows as sequences of Python values.
Query = Callable[[str], Sequence[Sequence[Any]]]

#: Cells that are asked for at a time.
_CELLS_AT_ONCE: Final = 200_000
#: Relative error allowed to the sketches of audiences (uniqCombined64; exact for small sets), and the absolute one.
_SKETCH_ERROR: Final = 0.02
_SKETCH_SLACK: Final = 1.0
#: Stands for a reading that is not there.
_NONE: Final = -1
#: Columns of the view page_hour: engagement by its kind, what happens to appeals under names of its own.
_VIEW_COLUMN: Final = {
    "appeal_received": "appeals",
    "appeal_interim": "answers_interim",
    "appeal_answered": "answers_final",
    "appeal_closed": "closings",
    "appeal_reopened": "reopenings",
    "appeal_withdrawn": "withdrawals",
    "appeal_removed": "withdrawals",
}
_COLUMNS: Final = (*dict.fromkeys(_VIEW_COLUMN.values()), *(kind for kind in KINDS if kind not in APPEAL_KINDS))
#: Repeats that counters count again; facts never.
_AGAIN: Final = ("between", "beyond")


class Difference(Struct, frozen=True):
    """A figure that is not what it must be. ``expected`` is a range where the grid's place decides."""

    figure: str
    where: str
    expected: str
    found: str

    def __str__(self) -> str:
        return f"{self.figure}, {self.where}: {self.found} instead of {self.expected}"


def compare(truth: Truth, query: Query) -> list[Difference]:
    """Every difference between the truth and what the views of the database ``gospulse`` show; empty when equal.

    Engagement must show first copies and repeats beyond the window (``truth.summary.repeats.beyond`` reports those),
    and may show repeats at its edge. Appeals, their lives, answers, posts and readings must be equal. Audiences are
    sketches: two per cent are allowed. Only figures of this run's source, pages and places are asked for; the run must
    be the only one of its seed there. States of appeals follow within seconds.
    """
    return [
        *_appeals(truth, query),
        *_cells(truth, query),
        *_people(truth, query),
        *_readings(truth, query),
        *_lives(truth, query),
        *_answers(truth, query),
        *_posts(truth, query),
    ]


def _appeals(truth: Truth, query: Query) -> Iterable[Difference]:
    summary = truth.summary
    where = f"WHERE source = '{summary.source}'"
    rows = query(
        "SELECT count(), uniqExact(appeal), "
        f"groupBitXor(reinterpretAsUInt64(reverse(unhex(substring(appeal, 1, 16))))) FROM gospulse.appeals {where}"
    )
    count, distinct, xor = (int(value) for value in rows[0])
    for figure, expected, found in (
        ("appeals", str(summary.appeals), str(count)),
        ("distinct appeals", str(summary.appeals), str(distinct)),
        ("identities of appeals", summary.appeals_xor, f"{xor:016x}"),
    ):
        if expected != found:
            yield Difference(figure, summary.source, expected, found)
    rows = query(
        "SELECT toString(toDate(received_at, 'Europe/Moscow')) AS day, entrance, channel, place, count() "
        f"FROM gospulse.appeals {where} GROUP BY day, entrance, channel, place"
    )
    key = ["day", "entrance", "channel", "place"]
    found_frame = _frame(rows, {**dict.fromkeys(key, pl.String), "found": pl.Int64})
    exact = truth.appeals.rename({"count": "low"}).with_columns(pl.col("low").alias("high"))
    yield from _outside("appeals", key, exact, found_frame)


def _cells(truth: Truth, query: Query) -> Iterable[Difference]:
    """Pages by hour: engagement with its repeats beyond the window, what happens to appeals without."""
    of_appeals = pl.col("kind").is_in(APPEAL_KINDS)
    counted = truth.cells.with_columns(
        pl.when(of_appeals).then(0).otherwise(pl.col(name)).alias(name) for name in _AGAIN
    )
    key = ["hour", "place", "page", "kind"]
    cells = (
        counted.with_columns(pl.col("kind").replace(_VIEW_COLUMN))
        .filter(pl.col("kind").is_in(_COLUMNS))
        .group_by(key)
        .agg(
            (pl.col("first") + pl.col("beyond")).sum().alias("low"),
            (pl.col("first") + pl.col("beyond") + pl.col("between")).sum().alias("high"),
        )
    )
    figures = ", ".join(f"('{column}', {column})" for column in _COLUMNS)
    places = _texts(cells["place"].unique())
    for begin, end in _hour_ranges(cells):
        rows = query(
            "SELECT at, place, on_page, counted.1, counted.2 FROM ("
            f"SELECT toUnixTimestamp(hour) AS at, place, ifNull(page, '') AS on_page, [{figures}] AS figures "
            f"FROM gospulse.page_hour WHERE hour >= toDateTime({begin}) AND hour < toDateTime({end}) "
            f"AND (match(on_page, '{_pages(truth)}') OR on_page = '' AND place IN ({places}))"
            ") ARRAY JOIN figures AS counted WHERE counted.2 > 0"
        )
        schema = {"hour": pl.Int64, **dict.fromkeys(key[1:], pl.String), "found": pl.Int64}
        part = cells.filter((pl.col("hour") >= begin) & (pl.col("hour") < end))
        yield from _outside("page_hour", key, part, _frame(rows, schema))


def _people(truth: Truth, query: Query) -> Iterable[Difference]:
    rows = query(
        f"SELECT toString(day), place, page, accounts FROM gospulse.people_day WHERE match(page, '{_pages(truth)}')"
    )
    key = ["day", "place", "page"]
    found = _frame(rows, {**dict.fromkeys(key, pl.String), "found": pl.Int64})
    slack = pl.max_horizontal(pl.lit(_SKETCH_SLACK), pl.col("accounts") * _SKETCH_ERROR)
    # The view is by page; who wrote without one is in the views by place.
    rough = truth.people.filter(pl.col("page") != "").select(
        *key,
        (pl.col("accounts") - pl.col("perhaps") - slack).alias("low"),
        (pl.col("accounts") + slack).alias("high"),
    )
    yield from _outside("people_day", key, rough, found)


def _readings(truth: Truth, query: Query) -> Iterable[Difference]:
    where = f"WHERE source = '{truth.summary.source}'"
    rows = query(
        f"SELECT metric, object, toUnixTimestamp64Milli(period_from), value FROM gospulse.page_readings {where} "
        "UNION ALL SELECT 'appeals', object, toUnixTimestamp64Milli(period_from), value "
        f"FROM gospulse.outside_totals {where}"
    )
    schema = {"metric": pl.String, "object": pl.String, "period_from": pl.Int64, "found": pl.Int64}
    key = list(schema)[:3]
    # Whether a source is up is no figure of a page or a total.
    shown = truth.readings.filter(pl.col("metric") != "source_up")
    exact = shown.select(*key, pl.col("value").alias("low"), pl.col("value").alias("high"))
    found = _frame(rows, schema).filter(pl.col("metric") != "source_up")
    # A level of 0 is another thing than no level.
    yield from _outside("readings", key, exact, found, absent=_NONE)


def _lives(truth: Truth, query: Query) -> Iterable[Difference]:
    """What became of each appeal."""
    figures = ", ".join(
        f"ifNull(toString(toUnixTimestamp64Milli({name})), '')"
        if name.endswith("_at")
        else f"ifNull(toString({name}), '')"
        for name in LIVES
    )
    rows = query(f"SELECT {figures} FROM gospulse.appeals WHERE source = '{truth.summary.source}'")
    yield from _unequal("lives", "appeal", truth.lives, rows)


def _answers(truth: Truth, query: Query) -> Iterable[Difference]:
    """The appeal that each official reply belongs to."""
    rows = query(f"SELECT id, ifNull(appeal, '') FROM gospulse.answers WHERE source = '{truth.summary.source}'")
    yield from _unequal("answers", "id", truth.answers, rows)


def _posts(truth: Truth, query: Query) -> Iterable[Difference]:
    rows = query(
        "SELECT post, page, place, ifNull(toString(toUnixTimestamp64Milli(published_at)), ''), "
        "ifNull(toString(toUnixTimestamp64Milli(removed_at)), ''), ifNull(format, '') "
        f"FROM gospulse.posts WHERE source = '{truth.summary.source}'"
    )
    yield from _unequal("posts", "post", truth.posts, rows)


def _unequal(figure: str, key: str, expected: pl.DataFrame, rows: Sequence[Sequence[Any]]) -> Iterable[Difference]:
    """Rows that differ from those of the truth, by their key; empty texts stand for NULL."""
    texts = expected.select(pl.all().cast(pl.String).fill_null(""))
    found = _frame(rows, dict.fromkeys(texts.columns, pl.String))
    wanted, seen = ({row[0]: row for row in frame.select(key, pl.exclude(key)).iter_rows()} for frame in (texts, found))
    for identity in sorted(wanted.keys() | seen.keys()):
        ours, theirs = wanted.get(identity), seen.get(identity)
        if ours != theirs:
            yield Difference(figure, identity, _said(ours, texts.columns), _said(theirs, texts.columns))


def _said(row: tuple[str, ...] | None, columns: list[str]) -> str:
    return (
        "none" if row is None else ", ".join(f"{name} {text or '-'}" for name, text in zip(columns, row, strict=True))
    )


def _outside(
    figure: str, key: list[str], expected: pl.DataFrame, found: pl.DataFrame, *, absent: int = 0
) -> Iterable[Difference]:
    """Cells whose found value does not lie in [low, high]; what stands on one side only is ``absent`` on the other."""
    joined = expected.join(found, on=key, how="full", coalesce=True).with_columns(
        pl.col(column).fill_null(absent) for column in ("low", "high", "found")
    )
    wrong = joined.filter((pl.col("found") < pl.col("low")) | (pl.col("found") > pl.col("high"))).sort(key)
    for row in wrong.iter_rows(named=True):
        low, high = _number(row["low"]), _number(row["high"])
        where = ", ".join(str(row[name]) or "no page" for name in key)
        yield Difference(figure, where, low if low == high else f"{low} to {high}", _number(row["found"]))


def _number(value: float) -> str:
    return "none" if value == _NONE else f"{value:.15g}"


def _hour_ranges(cells: pl.DataFrame) -> Iterable[tuple[int, int]]:
    """Ranges [begin, end) of hours, seconds since 1970, that hold some cells each and leave nothing out between."""
    by_hour = cells.group_by("hour").len().sort("hour")
    begin: int | None = None
    held = 0
    last = 0
    for hour, count in by_hour.iter_rows():
        if begin is None:
            begin = hour
        elif held >= _CELLS_AT_ONCE:
            yield begin, hour
            begin, held = hour, 0
        held += count
        last = hour
    if begin is not None:
        yield begin, last + 3600


def _pages(truth: Truth) -> str:
    return pages_of(truth.summary.spec.seed)


def _texts(texts: Iterable[str]) -> str:
    return ", ".join(f"'{text}'" for text in sorted(texts)) or "''"


def _frame(rows: Sequence[Sequence[Any]], schema: dict[str, type[pl.DataType]]) -> pl.DataFrame:
    columns = list(zip(*rows, strict=True)) if len(rows) else [()] * len(schema)
    return pl.DataFrame(
        [
            pl.Series(name, cells, dtype=kind, strict=False)
            for (name, kind), cells in zip(schema.items(), columns, strict=True)
        ]
    )
