"""The replay of history: late arrivals, daily counts, and the judgement of alerts against true events."""

from __future__ import annotations

import numpy as np
import pytest

from streams.spikes import replay as replays
from streams.spikes.hierarchy import Hierarchy, hierarchy
from streams.spikes.replay import WARM_UP_DAYS, Alert, Appeals, Event, Played, judge
from streams.spikes.series import Floats

DAYS = 34
PLACES = 8
#: Hour since 1970 at which the history begins: 2026-01-05, a Monday.
BEGIN = 1767571200 // 3600


def tree() -> Hierarchy:
    return hierarchy([(f"place-{n}", "region", 0) for n in range(PLACES)], {"region": (None, 0)}, country_offset=0)


def hourly(counts: Floats, delay: dict[tuple[int, int], int] | None = None) -> Appeals:
    """Counts (places, hours); ``delay`` gives the hours after which what stands at a place and hour arrived."""
    place, hour = np.nonzero(counts)
    late = np.array([(delay or {}).get((int(p), int(h)), 0) for p, h in zip(place, hour, strict=True)], np.int64)
    return Appeals(place, BEGIN + hour, BEGIN + hour + late, counts[place, hour], False)


def ordinary(level: float = 2.0, hours: int = DAYS * 24) -> Floats:
    return np.random.default_rng(11).poisson(level, (PLACES, hours)).astype(np.float64)


def replay(appeals: Appeals) -> Played:
    """At one false alert in ten weeks: what alerts here is the spike."""
    return replays.replay(appeals, tree(), false_alerts_a_week=0.1)


AT = (WARM_UP_DAYS + 3) * 24 + 12


def test_a_spike_is_found_within_the_hour_that_holds_it() -> None:
    counts = ordinary()
    counts[5, AT] += 60
    played = replay(hourly(counts))
    assert [(alert.series, alert.hour - BEGIN) for alert in played.alerts] == [("place-5", AT + 1)]
    assert played.alarms.shape == (PLACES + 2, (DAYS - WARM_UP_DAYS) * 24)
    assert played.observed[5, AT - WARM_UP_DAYS * 24] == counts[5, AT]


def test_what_arrived_late_is_found_late() -> None:
    counts = ordinary()
    counts[5, AT] += 60
    played = replay(hourly(counts, {(5, AT): 5}))
    assert [(alert.series, alert.hour - BEGIN) for alert in played.alerts] == [("place-5", AT + 6)]


def test_a_repeated_replay_is_the_same() -> None:
    counts = ordinary()
    counts[5, AT] += 60
    one, two = (replay(hourly(counts)) for _ in range(2))
    assert one.alerts == two.alerts and np.array_equal(one.alarms, two.alarms)


def test_daily_counts_are_looked_at_once_a_day() -> None:
    random = np.random.default_rng(12)
    counts = random.poisson(40, (PLACES, 60)).astype(np.float64)
    counts[2, 50] += 80
    place, day = np.nonzero(counts)
    hour = BEGIN + 24 * day + 23
    played = replay(Appeals(place, hour, hour, counts[place, day], True))
    assert played.alarms.shape == (PLACES + 2, 60 - WARM_UP_DAYS)
    (alert,) = played.alerts
    assert (alert.series, alert.hour, alert.window_h) == ("place-2", BEGIN + 51 * 24, 24)
    assert alert.observed == counts[2, 50] and alert.expected == pytest.approx(40, rel=0.1)


def test_a_short_history_is_not_replayed() -> None:
    with pytest.raises(ValueError, match="at least 29 days of history, not 20"):
        replay(hourly(ordinary(hours=20 * 24)))


def alert(series: str, hour: int) -> Alert:
    return Alert(series, hour, 3, 10.0, 1.0, 1e-5)


def test_precision_recall_and_delay_by_hand() -> None:
    events = [Event("place-1", 100, 110), Event("place-2", 200, 210), Event("region", 300, 310)]
    alerts = [
        alert("place-1", 103),  # right, three hours after the first message
        alert("place-1", 109),  # right, and no second find
        alert("place-1", 111),  # too late: wrong
        alert("place-2", 200),  # evaluated before the first message: wrong
        alert("place-2", 305),  # right, as its region is hit; it does not find the event of the region
        alert("region", 308),
        alert("RU", 305),  # above what happened: wrong
    ]
    found = judge(alerts, events, tree())
    assert (found.right, found.wrong, found.found, found.events) == (4, 3, 2, 3)
    assert found.delays == (3, 8)
    assert judge([], events, tree()).found == 0 and judge(alerts, [], tree()).wrong == 7
