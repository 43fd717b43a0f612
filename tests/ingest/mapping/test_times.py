"""Local times in files become instants by the zone's own rules, clock changes included."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.mapping.times import Length, period_reader, time_reader, to_ms

BERLIN = ZoneInfo("Europe/Berlin")
HOUR = 3_600_000


def ms(text: str) -> int:
    return to_ms(datetime.fromisoformat(text))


@pytest.mark.parametrize(
    ("form", "text", "instant"),
    [
        ("iso", "2026-01-15T12:00:00", "2026-01-15T11:00:00Z"),
        ("iso", "2026-07-15 12:00:00.123456", "2026-07-15T10:00:00.123Z"),
        ("iso", "2026-07-15T12:00:00Z", "2026-07-15T12:00:00Z"),
        ("iso", "2026-07-15T12:00:00+10:00", "2026-07-15T02:00:00Z"),
        ("iso", "2026-07-15", "2026-07-14T22:00:00Z"),
        ("%d.%m.%Y %H:%M", "15.07.2026 12:00", "2026-07-15T10:00:00Z"),
        ("%d.%m.%Y %H:%M %z", "15.07.2026 12:00 +0300", "2026-07-15T09:00:00Z"),
        ("unix", "1784116800", "2026-07-15T12:00:00Z"),
        ("unix", "1784116800.5", "2026-07-15T12:00:00.500Z"),
        ("unix_ms", "1784116800500", "2026-07-15T12:00:00.500Z"),
        # Clocks go back from 03:00 to 02:00: the first of the two half past two.
        ("iso", "2026-10-25T02:30:00", "2026-10-25T00:30:00Z"),
        # Clocks skip from 02:00 to 03:00: by the offset before the gap.
        ("iso", "2026-03-29T02:30:00", "2026-03-29T01:30:00Z"),
    ],
)
def test_times(form: str, text: str, instant: str) -> None:
    assert time_reader(form, BERLIN)(text) == ms(instant)


@pytest.mark.parametrize("form", ["iso", "unix", "unix_ms", "%d.%m.%Y"])
@given(text=st.text(max_size=30))
def test_any_text_is_a_time_or_a_value_error(form: str, text: str) -> None:
    for read in (time_reader(form, BERLIN), period_reader(form, BERLIN, "month")):
        try:
            read(text)
        except ValueError:
            pass


@given(st.datetimes(timezones=st.just(UTC)))
def test_milliseconds_are_exact(moment: datetime) -> None:
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    assert timedelta(milliseconds=to_ms(moment)) <= moment - epoch < timedelta(milliseconds=to_ms(moment) + 1)


@pytest.mark.parametrize(
    ("length", "text", "start", "hours"),
    [
        ("day", "2026-03-29", "2026-03-28T23:00:00Z", 23),
        ("day", "2026-10-25", "2026-10-24T22:00:00Z", 25),
        ("day", "2026-07-15T22:30:00Z", "2026-07-15T22:00:00Z", 24),
        ("month", "2026-02-11", "2026-01-31T23:00:00Z", 28 * 24),
        ("month", "2026-10-31", "2026-09-30T22:00:00Z", 31 * 24 + 1),
        ("year", "2028-02-29", "2027-12-31T23:00:00Z", 366 * 24),
    ],
)
def test_periods_are_local(length: Length, text: str, start: str, hours: int) -> None:
    assert period_reader("iso", BERLIN, length)(text) == (ms(start), ms(start) + hours * HOUR)
