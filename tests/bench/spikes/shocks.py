"""Shocks of many places at once: a news day of the whole country, and what hits one region. They alert once, on top."""

from __future__ import annotations

from typing import Final

import numpy as np
from msgspec import Struct

from streams.spikes.decision import Watchers
from streams.spikes.detector import HISTORY_HOURS, Night, evaluate, expected_hours, learn_night
from streams.spikes.hierarchy import COUNTRY, Hierarchy, Level, hierarchy
from streams.spikes.series import RECENT_HOURS, Floats
from tests.bench.spikes.federation import HISTORY_DAYS, LEVELS, simulate

PLACES: Final = 2300
REGIONS: Final = 85
DISTRICTS: Final = 8
#: Shares of the levels among the places.
MIX: Final = (0.40, 0.35, 0.18, 0.06, 0.01)
#: First hour after the night that learnt.
_BEGIN: Final = HISTORY_DAYS * 24


class Country(Struct, frozen=True):
    """Simulated places in regions and districts, and what one night has learnt of them."""

    tree: Hierarchy
    #: Counts and means of the places, (places, hours).
    counts: Floats
    mean: Floats
    #: Hour since 1970 of the first column.
    first_hour: int
    night: Night
    random: np.random.Generator


def country(seed: int) -> Country:
    """Simulate the scenario ``day`` and learn once, at the end of the history."""
    random = np.random.default_rng([seed, 17])
    truth = simulate("day", random.choice(LEVELS, PLACES, p=MIX), random)
    clock = truth.counts.first_hour_of_week
    order = np.argsort((clock - clock.min()) % 168 if np.ptp(clock) < 24 else (clock + 24) % 168, kind="stable")
    counts, mean, clock = truth.counts.counts[order], truth.mean[order], clock[order]
    first_hour = int((clock[0] - 3 * 24) % 168)
    offset = (clock - clock[0]) % 168
    region_of = np.arange(PLACES) * REGIONS // PLACES
    regions = {
        f"region-{r:02d}": (f"district-{r * DISTRICTS // REGIONS}", int(offset[region_of == r][0]))
        for r in range(REGIONS)
    }
    places = [(f"place-{p:04d}", f"region-{region_of[p]:02d}", int(offset[p])) for p in range(PLACES)]
    tree = hierarchy(places, regions, country_offset=int(offset[0]))
    history = tree.summed(counts[:, _BEGIN - HISTORY_HOURS : _BEGIN])
    night = learn_night(history, np.ones(history.shape), first_hour + _BEGIN, tree)
    return Country(tree, counts, mean, first_hour, night, random)


def alerts_of(found: Country, extra: Floats, hours: int, q: float = 0.2) -> list[tuple[int, str]]:
    """(hour after the night, series) of each alert when ``extra`` (places, hours) is added after the night."""
    counts = found.counts[:, _BEGIN - 24 : _BEGIN + hours].copy()
    counts[:, 24:] += extra
    whole = found.tree.summed(counts)
    watchers = Watchers.none(len(whole))
    raised = []
    for hour in range(1, hours + 1):
        minute = (found.first_hour + _BEGIN + hour) * 60
        usual = expected_hours(found.night, found.tree, minute)
        result = evaluate(found.night, whole[:, hour : hour + RECENT_HOURS], usual, found.tree, q=q)
        opens, _ = watchers.step(minute, result.alarms, result.alert)
        raised += [(hour, found.tree.codes[row]) for row in np.nonzero(opens)[0]]
    return raised


class Levels(Struct, frozen=True):
    """Alerts by level."""

    municipality: int
    region: int
    district: int
    country: int


def by_level(tree: Hierarchy, raised: list[tuple[int, str]]) -> Levels:
    """Count alerts by level."""
    levels = [tree.levels[tree.codes.index(code)] for _, code in raised]
    return Levels(*(levels.count(level) for level in Level))


def news_day(found: Country, factor: float = 2.5) -> Levels:
    """Everything times ``factor`` for a day, from the tenth hour on; alerts of 48 hours."""
    extra = np.zeros((PLACES, 48))
    extra[:, 10:34] = found.random.poisson((factor - 1) * found.mean[:, _BEGIN + 10 : _BEGIN + 34])
    return by_level(found.tree, alerts_of(found, extra, 48))


class Shock(Struct, frozen=True):
    """One shock of a region: hours until the region alerted (None: never), alerts below it and above it."""

    delay: int | None
    below: int
    above: int


def region_shock(found: Country, region: int, factor: float = 2.5, length: int = 6) -> Shock:
    """One region times ``factor`` for some hours from its noon on; alerts of 36 hours about it."""
    tree = found.tree
    code = f"region-{region:02d}"
    row = tree.codes.index(code)
    below = tree.descendants(row)
    begin = int(12 - (found.first_hour + _BEGIN + tree.utc_offset[row])) % 24
    places = below[below < PLACES]
    extra = np.zeros((PLACES, 36))
    extra[places, begin : begin + length] = found.random.poisson(
        (factor - 1) * found.mean[places, _BEGIN + begin : _BEGIN + begin + length]
    )
    usual = set(alerts_of(found, np.zeros_like(extra), 36))
    raised = [each for each in alerts_of(found, extra, 36) if each not in usual]
    names = {tree.codes[each] for each in below}
    above = {tree.codes[int(tree.parent[row])], COUNTRY}
    at = [hour for hour, series in raised if series == code]
    return Shock(
        at[0] - begin if at else None,
        sum(1 for _, series in raised if series in names),
        sum(1 for _, series in raised if series in above),
    )
