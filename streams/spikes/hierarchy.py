"""Municipalities, regions, districts and the country as series of one matrix, and which of them an alert names."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from typing import Final

import numpy as np
from msgspec import Struct

from streams.spikes.series import Bools, Floats, Ints


class Level(Enum):
    """A level of the hierarchy; the value is its name in tables."""

    MUNICIPALITY = "municipality"
    REGION = "region"
    DISTRICT = "district"
    COUNTRY = "country"


#: Code of the country's series.
COUNTRY: Final = "RU"


class Hierarchy(Struct, frozen=True):
    """Series in the order municipalities, regions, federal districts, country; each but the country has a parent."""

    codes: tuple[str, ...]
    levels: tuple[Level, ...]
    #: Row of the parent, (n,); -1 for the country.
    parent: Ints
    #: Hours that the local clock is ahead of UTC, (n,).
    utc_offset: Ints

    def rows(self, level: Level) -> Ints:
        """Rows of a level, ascending."""
        return np.array([row for row, each in enumerate(self.levels) if each is level], np.int64)

    def summed(self, municipalities: Floats) -> Floats:
        """All series from those of the municipalities, (n, ...): every parent is the sum of its children."""
        whole = np.zeros((len(self.codes), *municipalities.shape[1:]))
        whole[: len(municipalities)] = municipalities
        for level in (Level.MUNICIPALITY, Level.REGION, Level.DISTRICT):
            rows = self.rows(level)
            rows = rows[self.parent[rows] >= 0]
            np.add.at(whole, self.parent[rows], whole[rows])
        return whole

    def groups(self) -> Ints:
        """Series that share a profile: municipalities of one federal district, all regions, all above, (n,)."""
        group = np.zeros(len(self.codes), np.int64)
        districts = self.rows(Level.DISTRICT)
        number = {int(row): i for i, row in enumerate(districts)}
        for row, level in enumerate(self.levels):
            if level is Level.MUNICIPALITY:
                region = int(self.parent[row])
                group[row] = number.get(int(self.parent[region]), len(number)) if region >= 0 else len(number)
            else:
                group[row] = len(number) + (1 if level is Level.REGION else 2)
        return group

    def siblings(self, level: Level) -> Ints:
        """A number for the parent of each series of a level: series of one number share a common factor."""
        return np.asarray(np.unique(self.parent[self.rows(level)], return_inverse=True)[1], np.int64)

    def descendants(self, row: int) -> Ints:
        """Rows below a row, at any depth."""
        below = np.zeros(len(self.codes), np.bool_)
        for level in (Level.DISTRICT, Level.REGION, Level.MUNICIPALITY):
            rows = self.rows(level)
            below[rows] = (self.parent[rows] == row) | (below[self.parent[rows]] & (self.parent[rows] >= 0))
        return np.nonzero(below)[0]


def hierarchy(
    places: Sequence[tuple[str, str | None, int]],
    regions: Mapping[str, tuple[str | None, int]],
    *,
    country_offset: int = 3,
) -> Hierarchy:
    """Build the hierarchy.

    ``places`` are (code, region's code, UTC offset); ``regions`` gives a region's federal district and UTC offset. A
    place without a known region lies below the country, a region without a district too. The clock of a district is
    that of its region with the most municipalities.
    """
    regions_used = sorted({region for _, region, _ in places if region is not None and region in regions})
    district_of = {region: regions[region][0] for region in regions_used}
    districts = sorted({district for district in district_of.values() if district is not None})
    codes = [code for code, _, _ in places] + regions_used + districts + [COUNTRY]
    row_of = {code: len(places) + i for i, code in enumerate(regions_used + districts)}
    top = len(codes) - 1
    parent = [row_of.get(region, top) if region is not None else top for _, region, _ in places]
    parent += [row_of[district] if (district := district_of[region]) is not None else top for region in regions_used]
    parent += [top] * len(districts) + [-1]
    sizes = {region: sum(1 for _, each, _ in places if each == region) for region in regions_used}
    offsets = [offset for _, _, offset in places] + [regions[region][1] for region in regions_used]
    for district in districts:
        largest = max((region for region in regions_used if district_of[region] == district), key=lambda r: sizes[r])
        offsets.append(regions[largest][1])
    levels = (
        [Level.MUNICIPALITY] * len(places)
        + [Level.REGION] * len(regions_used)
        + [Level.DISTRICT] * len(districts)
        + [Level.COUNTRY]
    )
    return Hierarchy(
        tuple(codes), tuple(levels), np.array(parent, np.int64), np.array([*offsets, country_offset], np.int64)
    )


#: So many loud children, and more than this share of all, speak for their parent as a whole.
_SPEAK_FOR_PARENT: Final = (3, 0.5)
#: Usual messages an hour that the rest of a parent is given: a rest of one message moves nobody.
_CALM: Final = 3.0


def carried_by_some(
    loud: Bools, observed: Floats, expected: Floats, tree: Hierarchy, still_unusual: Callable[[int, Floats], bool]
) -> Bools:
    """Parents whose alert is only that of some loud series below: what is left of them is usual, (n,).

    ``observed`` and ``expected`` are (n, windows); ``still_unusual(row, observed)`` judges a parent's windows without
    the excess of the loud series below it. A parent of which most children are loud alerts itself.
    """
    explained = np.zeros(len(loud), np.bool_)
    least, share = _SPEAK_FOR_PARENT
    for level in (Level.REGION, Level.DISTRICT, Level.COUNTRY):
        for row in tree.rows(level)[loud[tree.rows(level)]]:
            children = tree.parent == row
            if (loud & children).sum() >= max(least, share * children.sum() + 0.5):
                continue
            below = tree.descendants(int(row))
            below = below[loud[below]]
            # A loud region's excess holds that of its municipalities: count the highest ones only.
            highest = [one for one in below if not np.isin(_ancestors(int(one), int(row), tree), below).any()]
            if not highest:
                continue
            excess = np.maximum(observed[highest] - expected[highest], 0).sum(axis=0)
            explained[row] = not still_unusual(int(row), observed[row] - excess)
    return explained


def moved_with_parents(alert: Bools, observed: Floats, expected: Floats, tree: Hierarchy) -> Floats:
    """Expected counts of the series below alerting parents, times what the rest of the parent does, (n, hours).

    A parent that alerts has shown that something moves all below it. 0 where no parent alerts.
    """
    moved = np.zeros_like(expected)
    for level in (Level.REGION, Level.DISTRICT, Level.COUNTRY):
        for row in tree.rows(level)[alert[tree.rows(level)]]:
            below = tree.descendants(int(row))
            rest = (_CALM + np.maximum(observed[row] - observed[below], 0)) / (
                _CALM + np.maximum(expected[row] - expected[below], 0)
            )
            moved[below] = np.maximum(moved[below], expected[below] * rest)
    return moved


def _ancestors(row: int, top: int, tree: Hierarchy) -> list[int]:
    found = []
    row = int(tree.parent[row])
    while row not in (-1, top):
        found.append(row)
        row = int(tree.parent[row])
    return found
