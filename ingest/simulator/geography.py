"""Regions and municipalities of a synthetic federation: real codes as far as they ship, invented ones beyond."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
from msgspec import Struct

from ingest.simulator.spec import FederationSpec, SpecError
from schemas.reference import reference_data
from schemas.reference.places import zone_of
from schemas.reference.reference_data import Region

_INVENTED_PER_REGION: Final = 1000


class Place(Struct, frozen=True):
    """A municipality that pages and appeals belong to. The name of an invented one says that it is synthetic."""

    code: str
    name: str
    region: str
    zone: str
    population: int


def choose_places(spec: FederationSpec, rng: np.random.Generator) -> list[Place]:
    """``spec.municipalities`` places in ``spec.regions`` regions, each region with at least one.

    Municipalities of the shipped table come first. Beyond them codes are invented below the region's prefix with 2
    as the digit after it, which the classifier does not use there: so they have a region and a zone, and are nobody's.

    Raises SpecError where the chosen regions have no room for so many.
    """
    shipped: dict[str, list[Place]] = {}
    for row in reference_data.municipalities():
        place = Place(row.code, row.name, row.region, zone_of(row.code), row.population or 100_000)
        shipped.setdefault(row.region, []).append(place)
    supplies = [_supply(region, shipped, rng) for region in _choose_regions(spec.regions, shipped)]
    places: list[Place] = []
    while supplies:
        for supply in list(supplies):
            if len(places) == spec.municipalities:
                return places
            place_or_end = next(supply, None)
            if place_or_end is None:
                supplies.remove(supply)
            else:
                places.append(place_or_end)
    raise SpecError(f"{spec.regions} regions have room for {len(places):,} municipalities: ask for more regions.")


def _supply(region: Region, shipped: dict[str, list[Place]], rng: np.random.Generator) -> Iterator[Place]:
    """The region's municipalities: shipped ones from the largest on, then invented ones."""
    yield from sorted(shipped.get(region.code, []), key=lambda place: -place.population)
    if len(region.prefix) == 2:
        for number in range(_INVENTED_PER_REGION):
            yield _invent(region, number, rng)


def _choose_regions(count: int, shipped: dict[str, list[Place]]) -> list[Region]:
    """Regions with shipped municipalities first, the largest of them in the front; then the others by code."""
    confirmed = [region for region in reference_data.regions() if region.confirmed]

    def size(region: Region) -> int:
        return sum(place.population for place in shipped.get(region.code, []))

    return sorted(confirmed, key=lambda region: (-size(region), region.code))[:count]


def _invent(region: Region, number: int, rng: np.random.Generator) -> Place:
    code = f"{region.prefix}2{number:03d}00"
    population = int(np.clip(rng.lognormal(mean=10.0, sigma=0.9), 2_000, 900_000))
    name = f"Синтетический округ № {number + 1} ({region.name})"
    return Place(code, name, region.code, zone_of(code), population)
