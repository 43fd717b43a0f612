"""Totals that other systems counted, the precedence among sources, and the share with its denominator."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import pytest

from tests.schemas.builders.shown_log import DAY, MINUTE, MOSCOW, YAKUTSK, Shown, moment, received, total
from tests.streams.builders.records import HOUR, T0, reading

KAMCHATKA, KALININGRAD, LONDON, LOS_ANGELES = "30701000", "27701000", "nhs:x", "la:cd-4"
#: Midnight of 2 March in Moscow.
MIDNIGHT = T0 - 11 * HOUR
#: Midnight of 1 March in Moscow.
MONTH = MIDNIGHT - DAY


@pytest.fixture(autouse=True)
def no_precedence(log: Shown) -> Iterator[None]:
    yield
    log.client.command("TRUNCATE TABLE gospulse_data.precedence")


def prefer(log: Shown, *rules: tuple[str, str, str, str, int | None]) -> None:
    """Write rules (entrance, prefix of places, source, valid from, rank); the refresher follows them."""
    rows = ", ".join(
        f"('appeals', '{entrance}', '{prefix}', '{source}', '{since}', {'NULL' if rank is None else rank})"
        for entrance, prefix, source, since, rank in rules
    )
    log.client.command(
        "INSERT INTO gospulse_data.precedence (metric, entrance, place_prefix, source, valid_from, rank) VALUES " + rows
    )
    log.refresh()


@pytest.mark.parametrize(
    ("place", "begin", "hours", "day"),
    [
        (KAMCHATKA, "2026-01-14T12:00:00", 24, date(2026, 1, 15)),
        # Periods of an hour: the first and the last one of the local day.
        (KAMCHATKA, "2026-01-14T12:00:00", 1, date(2026, 1, 15)),
        (KAMCHATKA, "2026-01-15T11:00:00", 1, date(2026, 1, 15)),
        (LOS_ANGELES, "2026-01-15T08:00:00", 1, date(2026, 1, 15)),
        # Days of Moscow for places in other zones.
        (KAMCHATKA, "2026-01-14T21:00:00", 24, date(2026, 1, 15)),
        (KALININGRAD, "2026-01-14T21:00:00", 24, date(2026, 1, 15)),
        (MOSCOW, "2026-01-14T21:00:00", 24, date(2026, 1, 15)),
        (LONDON, "2026-03-29T00:00:00", 23, date(2026, 3, 29)),
        (LONDON, "2026-06-14T23:00:00", 24, date(2026, 6, 15)),
        (LOS_ANGELES, "2026-01-15T08:00:00", 24, date(2026, 1, 15)),
        # A month has no day.
        (MOSCOW, "2026-01-01T00:00:00", 31 * 24, None),
    ],
)
def test_a_total_belongs_to_the_local_day_of_its_place(
    log: Shown, place: str, begin: str, hours: int, day: date | None
) -> None:
    start = int(datetime.fromisoformat(begin).replace(tzinfo=UTC).timestamp() * 1000)
    log.append(total("a", 7, start, hours, place=place), log=2)
    assert log.rows("SELECT day, value, appeals FROM gospulse.outside_totals") == [(day, 7, 7)]
    log.refresh()
    assert log.rows("SELECT day, appeals FROM gospulse_data.totals_g{g}") == [(day or date(1970, 1, 1), 7)]


def test_the_latest_observation_of_a_total_stands(log: Shown) -> None:
    log.append(total("a", 7, T0, observed=T0), total("a", 9, T0, observed=T0 + HOUR), total("b", 1, T0), log=2)
    log.append(total("a", 8, T0, observed=T0 + MINUTE), log=2)
    assert log.rows("SELECT object, value FROM gospulse.outside_totals ORDER BY object") == [("a", 9), ("b", 1)]


def test_a_corrected_file_takes_away_what_it_no_longer_contains(log: Shown) -> None:
    def file(at: int, *rows: bytes) -> None:
        log.append(*rows, log=2)

    def row(name: str, value: int, at: int, begin: int = MIDNIGHT, **fields: Any) -> bytes:
        return total(name, value, begin, observed=at, complete_at=at, entrance="social_other", **fields)

    first, second = T0, T0 + HOUR
    file(first, row("a", 7, first), row("b", 5, first), row("other day", 3, first, MIDNIGHT - DAY))
    log.refresh()
    assert log.rows("SELECT sum(appeals) FROM gospulse_data.totals_g{g}") == [(15,)]
    file(second, row("a", 8, second))
    # The earlier file once more, and another source of the same period.
    file(first, row("a", 7, first), row("b", 5, first), row("c", 1, first, source="third"))
    shown = [("a", 8), ("c", 1), ("other day", 3)]
    assert log.rows("SELECT object, value FROM gospulse.outside_totals ORDER BY object") == shown
    log.refresh()
    question = "SELECT place, social_other, social_other_source FROM gospulse.share_day WHERE day = '2026-03-02'"
    prefer(log, ("", "", "elsewhere", "1970-01-01", 1))
    assert log.rows(question) == [(MOSCOW, 8, "elsewhere")]


def test_the_share_has_a_denominator_or_is_null(log: Shown) -> None:
    log.append(
        *(received(str(i), entrance="public_page") for i in range(3)),
        received("other", entrance="social_other"),
        received("call", entrance="phone", place=YAKUTSK, page=None),
        received("alone", entrance="public_page", place="05701000"),
        *(received(f"many {i}", entrance="public_page", place="46701000") for i in range(2)),
        received("region", entrance="public_page", place="47701000"),
    )
    log.append(
        total("p", 100, MIDNIGHT),
        # Honest zeros: of a municipality, and of a region as a whole.
        total("z", 0, MIDNIGHT, entrance="social_other", place="46702000"),
        total("r", 2, MIDNIGHT, entrance="social_other", place="47000000"),
        log=2,
    )
    log.refresh()
    found = log.rows(
        "SELECT place, numerator, social_other, denominator, share, others_heard, social_other_source "
        "FROM gospulse.share_day ORDER BY place"
    )
    assert found == [
        # Nobody reports anything else in this region: a share of 1 would say nothing.
        ("05701000", 1, 0, 1, None, False, None),
        (MOSCOW, 3, 1, 4, 0.75, True, "facts"),
        # Its region was reported: there was nothing else.
        ("46701000", 2, 0, 2, 1.0, True, None),
        ("46702000", 0, 0, 0, None, True, "elsewhere"),
        # A total of the whole region cannot be divided among its municipalities.
        ("47000000", 0, 2, 2, 0.0, True, "elsewhere"),
        ("47701000", 1, 0, 1, None, False, None),
    ]
    assert log.rows("SELECT region, numerator, denominator, share FROM gospulse.share_region_day ORDER BY region") == [
        ("05000000", 1, 1, None),
        ("45000000", 3, 4, 0.75),
        ("46000000", 2, 2, 1.0),
        ("47000000", 1, 3, 1 / 3),
    ]
    assert log.rows(
        "SELECT numerator, denominator, share, regions_heard, regions, numerator_elsewhere "
        "FROM gospulse.share_country_day"
    ) == [(6, 9, 6 / 9, 3, 4, 1)]


def test_of_several_sources_one_stands(log: Shown) -> None:
    log.append(*(received(str(i), entrance="social_other") for i in range(2)))
    totals = [
        total(source, value, MIDNIGHT, entrance="social_other", source=source, observed=T0 + observed)
        for source, value, observed in (("early", 30, 0), ("late", 40, MINUTE))
    ]
    log.append(*totals, log=2)
    log.refresh()
    question = "SELECT social_other, social_other_source, sources, others_heard FROM gospulse.share_day"
    # Never the sum of 72.
    assert log.rows(question) == [(2, "facts", 3, True)]
    prefer(log, ("", "", "late", "1970-01-01", 2), ("", "", "early", "1970-01-01", 1))
    assert log.rows(question) == [(30, "early", 2, True)]
    # The rules of one entrance, of the longest prefix, of the day.
    prefer(log, ("", "45", "late", "1970-01-01", 1))
    assert log.rows(question) == [(40, "late", 1, True)]
    prefer(log, ("social_other", "", "facts", "2026-03-02", 1))
    assert log.rows(question) == [(2, "facts", 1, True)]
    prefer(log, ("social_other", "", "facts", "2026-03-01", None), ("social_other", "", "facts", "2026-03-02", None))
    assert log.rows(question) == [(40, "late", 1, True)]
    # The source that the register names is silent: so is the denominator.
    prefer(log, ("social_other", "", "monitoring", "2026-03-02", 1))
    assert log.rows(question) == []


@pytest.mark.long
def test_a_total_of_a_month_stands_by_the_register_of_precedence(log: Shown) -> None:
    log.append(*(received(str(i), entrance="public_page") for i in range(3)))
    log.append(*(received(f"next {i}", T0 + DAY, entrance="public_page") for i in range(2)), appended=T0 + DAY + HOUR)
    log.append(
        total("day", 1, MIDNIGHT, entrance="social_other"),
        # A month from the 12th on is no calendar month.
        total("other month", 99, MIDNIGHT + 10 * DAY, 31 * 24, entrance="social_other", source="monthly"),
        log=2,
    )
    log.refresh()
    question = (
        "SELECT month, numerator, numerator_elsewhere, social_other, social_other_source, denominator, whole_month, "
        f"share FROM gospulse.share_month WHERE place = '{MOSCOW}'"
    )
    march = date(2026, 3, 1)
    # The two of 3 March have no denominator.
    assert log.rows(question) == [(march, 3, 2, 1, "elsewhere", 4, False, 0.75)]
    log.append(total("month", 20, MONTH, 31 * 24, entrance="social_other", source="monthly"), log=2)
    log.refresh()
    # Totals have equal ranks: that of the whole month stands, and no day lacks a denominator.
    assert log.rows(question) == [(march, 5, 0, 20, "monthly", 25, True, 0.2)]
    log.append(received("other", entrance="social_other"))
    log.refresh()
    # Where no rule applies facts go before totals.
    assert log.rows(question) == [(march, 3, 2, 1, "facts", 4, False, 0.75)]
    prefer(log, ("social_other", "", "monthly", "1970-01-01", 1), ("social_other", "", "facts", "1970-01-01", 2))
    assert log.rows(question) == [(march, 5, 0, 20, "monthly", 25, True, 0.2)]
    # The rules of the first day of the month decide.
    prefer(log, ("social_other", "", "monthly", "2026-03-02", None))
    assert log.rows(question) == [(march, 5, 0, 20, "monthly", 25, True, 0.2)]
    prefer(log, ("social_other", "", "monthly", "2026-03-01", None))
    assert log.rows(question) == [(march, 3, 2, 1, "facts", 4, False, 0.75)]
    # Both figures may be totals of the month.
    log.append(total("pages", 30, MONTH, 31 * 24, entrance="public_page", source="monthly"), log=2)
    prefer(log, ("", "", "monthly", "1970-01-01", 1), ("social_other", "", "monthly", "1970-01-01", 1))
    log.client.command("TRUNCATE TABLE gospulse_data.precedence")
    prefer(log, ("", "", "monthly", "1970-01-01", 1))
    assert log.rows(question) == [(march, 30, 0, 20, "monthly", 50, True, 0.6)]


def test_a_region_has_a_month_where_only_the_whole_region_was_counted(log: Shown) -> None:
    log.append(
        *(received(f"east {i}", entrance="public_page", place=KAMCHATKA) for i in range(2)),
        received("region", entrance="public_page", place="47701000"),
        *(received(f"alone {i}", entrance="public_page", place="05701000") for i in range(3)),
    )
    # Both are cut in Moscow's days: nine hours after the local month has begun in Kamchatka.
    log.append(
        total("k", 8, MONTH, 31 * 24, entrance="social_other", place=KAMCHATKA),
        total("r", 4, MONTH, 31 * 24, entrance="social_other", place="47000000"),
        log=2,
    )
    log.refresh()
    places = (
        "SELECT place, numerator, numerator_elsewhere, social_other, share FROM gospulse.share_month ORDER BY place"
    )
    assert log.rows(places) == [
        ("05701000", 0, 3, 0, None),
        (KAMCHATKA, 2, 0, 8, 0.2),
        ("47000000", 0, 0, 4, 0.0),
        # A total of the whole region says nothing of a municipality.
        ("47701000", 0, 1, 0, None),
    ]
    assert log.rows(
        "SELECT region, numerator, denominator, numerator_elsewhere, others_heard, share "
        "FROM gospulse.share_region_month ORDER BY region"
    ) == [
        ("05000000", 0, 0, 3, False, None),
        ("30000000", 2, 10, 0, True, 0.2),
        ("47000000", 1, 5, 0, True, 0.2),
    ]


def test_five_minutes_by_place_count_each_appeal_once_in_the_slot_of_its_standing_copy(log: Shown) -> None:
    log.append(*(received(f"a{i}", T0 + i * MINUTE) for i in range(6)), received("b", place=YAKUTSK), partition=1)
    log.refresh()
    question = "SELECT time, place, region, appeals FROM gospulse.place_5min ORDER BY time, place"
    first, second, former = (moment(at) for at in (T0, T0 + 5 * MINUTE, T0 - DAY))
    before = [(first, MOSCOW, "45000000", 5), (first, YAKUTSK, "98000000", 1), (second, MOSCOW, "45000000", 1)]
    assert log.rows(question) == before
    # The only appeal of the second slot has an earlier copy, which names another day.
    log.append(received("a5", T0 - DAY), partition=0)
    log.refresh()
    assert log.rows(question) == [(former, MOSCOW, "45000000", 1), *before[:2]]


def test_of_several_reports_of_a_level_one_stands(log: Shown) -> None:
    log.append(
        reading(1, value=10, source="platform", observed_at=T0),
        reading(2, value=12, source="partner", observed_at=T0 + MINUTE),
        log=2,
    )
    question = "SELECT value, source, sources FROM gospulse.page_readings"
    assert log.rows(question) == [(12, "partner", 2)]
    log.client.command(
        "INSERT INTO gospulse_data.precedence (metric, entrance, place_prefix, source, valid_from, rank) "
        "VALUES ('subscribers', '', '', 'platform', '1970-01-01', 1)"
    )
    assert log.rows(question) == [(10, "platform", 1)]
