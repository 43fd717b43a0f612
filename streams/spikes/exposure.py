"""How much of what today's pages bring could be counted in each hour of the history.

A page that was connected three weeks ago brought nothing before. Weeks that are read as silence would make a spike of
all that it brings since. The exposure is the offset of a Poisson model (McCullagh and Nelder 1989, 6.2).
"""

from __future__ import annotations

from typing import Final

import numpy as np
from msgspec import Struct

from streams.spikes.hierarchy import Hierarchy
from streams.spikes.series import Bools, Floats, Ints

#: What pages bring is counted over so many days.
_RATE_DAYS: Final = 28
#: Pages that would have brought fewer appeals until they began were always there: slow pages show themselves late.
_LEAST_MISSED: Final = 3.0
#: Hours of a smaller share say too little about today's pages.
_LEAST_SHARE: Final = 0.25


class PageGroups(Struct, frozen=True):
    """The pages of the municipalities; those of one municipality that began together are one group."""

    #: Row of the municipality, (groups,).
    row: Ints
    #: First day that counts, from the beginning of the history, (groups,); 0: they were there before it.
    begin: Ints
    #: Appeals of each day, (groups, days); only hours that are known.
    daily: Floats


def exposure(groups: PageGroups, known: Floats, first: int, end: int, tree: Hierarchy) -> Floats:
    """Share of today's usual appeals that the pages of each day bring, (n, days).

    ``known`` (municipalities, days) is the known share of each day. There are data from the day ``first`` on. Only days
    before ``end`` say what pages bring. The share is 0 before ``first`` and where it is below a quarter. It is 1 for a
    series that brings nothing.
    """
    daily = _without_outbreaks(groups, known[groups.row] > 0.5, first, end)
    begin = np.maximum(groups.begin, first)
    rate = _rates(daily, known[groups.row], np.maximum(begin, end - _RATE_DAYS), np.full(len(begin), end))
    begin = np.where(rate * (begin - first) < _LEAST_MISSED, first, begin)
    municipalities, days = known.shape
    begun = np.zeros((municipalities, days))
    np.add.at(begun, (groups.row, np.minimum(begin, days - 1)), rate)
    there = np.cumsum(begun, axis=1)
    total = np.zeros_like(known)
    np.add.at(total, groups.row, daily)
    for row in np.unique(groups.row[begin > first]):
        begins = np.unique(begin[(groups.row == row) & (begin > first)])
        there[row] = _with_those_that_ended(there[row], total[row], known[row], begins, first, end)
    there = tree.summed(there)
    share = np.divide(there, there[:, -1:], out=np.ones_like(there), where=there[:, -1:] > 0)
    share[share < _LEAST_SHARE] = 0.0
    share[:, :first] = 0.0
    return share


def _without_outbreaks(groups: PageGroups, known: Bools, first: int, end: int) -> Floats:
    """The appeals of each day, of an outlying day at most 2.5 times the median plus 4, as the fit counts hours."""
    days = np.arange(groups.daily.shape[1])
    begin = np.maximum(groups.begin, first)
    usual = np.zeros(len(begin))
    # The days of today; those of pages that ended lie before them.
    for since in (np.maximum(begin, end - _RATE_DAYS), begin):
        inside = known & (days >= since[:, None]) & (days < end)
        some = inside.any(axis=1)
        median = np.nanmedian(np.where(inside, groups.daily, np.nan)[some], axis=1)
        usual[some] = np.maximum(usual[some], median)
    return np.asarray(np.minimum(groups.daily, 2.5 * usual[:, None] + 4))


def _rates(daily: Floats, known: Floats, begin: Ints, end: Ints) -> Floats:
    """Appeals of a known day from ``begin`` to ``end`` (exclusive), (n,)."""
    days = np.arange(daily.shape[1])
    inside = (days >= begin[:, None]) & (days < end[:, None])
    return np.asarray((daily * inside).sum(axis=1) / np.maximum((known * inside).sum(axis=1), 1.0))


def _with_those_that_ended(there: Floats, total: Floats, known: Floats, begins: Ints, first: int, end: int) -> Floats:
    """What was there on each day (days,), where pages of one place also took the place of others.

    Pages that ended are not among today's. Where a place brought as much before new pages began as after, they replaced
    others, and the days before count in full.
    """
    lifted = there.copy()
    for begin in begins[::-1]:
        edges = np.array([[max(first, begin - _RATE_DAYS), begin], [begin, min(end, begin + _RATE_DAYS)]])
        before, after = _rates(np.tile(total, (2, 1)), np.tile(known, (2, 1)), edges[:, 0], edges[:, 1])
        highest = lifted[begin] * min(1.0, before / after) if after > 0 else 0.0
        now = lifted[begin - 1]
        if highest > now:
            lifted[:begin] = lifted[:begin] * (highest / now) if now > 0 else highest
    return lifted
