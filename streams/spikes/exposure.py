"""How much of what today's pages bring could be counted in each hour of the history.

A page that was connected three weeks ago brought nothing before. Weeks that are read as silence would make a spike of
all that it brings since. The exposure is the offset of a Poisson model (McCullagh and Nelder 1989, 6.2).
"""

from __future__ import annotations

from typing import Final

import numpy as np
from msgspec import Struct

from streams.spikes.hierarchy import Hierarchy, Level
from streams.spikes.series import Floats, Ints

#: What pages bring is counted over so many hours: four weeks.
RATE_HOURS: Final = 28 * 24
#: Pages that would have brought fewer appeals until they began were always there: slow pages show themselves late.
_LEAST_MISSED: Final = 3.0
#: Hours of a smaller share say too little about today's pages.
_LEAST_SHARE: Final = 0.25


class PageGroups(Struct, frozen=True):
    """The pages of the municipalities, those of one municipality that began together as one group: (groups,) each."""

    #: Row of the municipality.
    row: Ints
    #: First hour that counts, from the beginning of the history; 0: they were there before it.
    begin: Ints
    #: Appeals that they brought in the last ``RATE_HOURS``, and since they began.
    appeals: Floats


def exposure(groups: PageGroups, first: int, end: int, hours: int, tree: Hierarchy) -> Floats:
    """Share of the usual appeals of all pages that came from those which were there, by series and hour, (n, hours).

    Hours count from the beginning of the history. There are data from the hour ``first`` on, and the appeals of a group
    were counted before ``end``. The share is 0 before ``first`` and where it is less than a quarter; it is 1 for a
    series that brings nothing.
    """
    begin = np.maximum(groups.begin, first)
    rate = groups.appeals / np.maximum(end - np.maximum(begin, end - RATE_HOURS), 1)
    begin = np.where(rate * (begin - first) < _LEAST_MISSED, first, begin)
    begun = np.zeros((len(tree.rows(Level.MUNICIPALITY)), hours))
    np.add.at(begun, (groups.row, np.minimum(begin, hours - 1)), rate)
    there = np.cumsum(tree.summed(begun), axis=1)
    share = np.divide(there, there[:, -1:], out=np.ones_like(there), where=there[:, -1:] > 0)
    share[share < _LEAST_SHARE] = 0.0
    share[:, :first] = 0.0
    return share
