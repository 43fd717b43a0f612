"""Reference data of our own making: regions, municipalities of the demo, institution kinds, entrances, topics.

The tables are the CSV files beside this module in ``reference/``. Codes and names of regions and municipalities are
facts of the official classifier OKTMO; the other lists are ours. Populations are Rosstat's, rounded to hundreds.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from functools import cache
from importlib.resources import files
from typing import Final, TypeVar

from msgspec import Struct

REFERENCE: Final = files("schemas") / "reference"

_Row = TypeVar("_Row", bound=Struct)


class Region(Struct, frozen=True):
    """A region (one of 89): ``code`` is its 8-digit OKTMO code, ``prefix`` the beginning of its municipalities' codes.

    The longest prefix decides: 118 lies inside 11, 718 and 719 inside 71. ``zone`` is the IANA zone of its capital;
    ``note`` says what is not certain.
    """

    code: str
    name: str
    federal_district: str | None
    zone: str
    prefix: str
    note: str | None

    @property
    def confirmed(self) -> bool:
        """Whether the code was checked against the official classifier."""
        return not (self.note or "").startswith("unconfirmed")


class Municipality(Struct, frozen=True):
    """A municipality: 8-digit OKTMO, its region's code, and its population with the year it was counted for."""

    code: str
    region: str
    name: str
    population: int | None
    population_year: int | None


class ZoneException(Struct, frozen=True):
    """A municipality whose time zone is not that of its region's capital."""

    code: str
    name: str
    zone: str


class Namespace(Struct, frozen=True):
    """Places from elsewhere, written ``namespace:code``, and the IANA zone in which their days are cut."""

    namespace: str
    name: str
    zone: str


class InstitutionKind(Struct, frozen=True):
    """What kind of body keeps a page."""

    code: str
    name: str


class EntranceName(Struct, frozen=True):
    """A door through which appeals come; those in social networks make the denominator of the share."""

    code: str
    name: str
    in_social_networks: bool


class TopicName(Struct, frozen=True):
    """A topic: a top one (``parent`` null) or a leaf such as ``housing.heating`` below ``housing``."""

    code: str
    parent: str | None
    name: str


def _rows(file: str) -> Iterator[dict[str, str]]:
    yield from csv.DictReader((REFERENCE / file).read_text(encoding="utf-8").splitlines())


def _table(file: str, row: Callable[[dict[str, str]], _Row]) -> tuple[_Row, ...]:
    return tuple(row(cells) for cells in _rows(file))


@cache
def regions() -> tuple[Region, ...]:
    """The 89 regions, ordered by code."""
    return _table(
        "regions.csv",
        lambda c: Region(
            c["code"],
            c["name"],
            c["federal_district"] or None,
            c["zone"],
            c["prefix"],
            c["note"] or None,
        ),
    )


@cache
def municipalities() -> tuple[Municipality, ...]:
    """The small set of municipalities that ships for the demo, ordered by code."""
    return _table(
        "municipalities.csv",
        lambda c: Municipality(
            c["code"],
            c["region"],
            c["name"],
            _whole(c["population"]),
            _whole(c["population_year"]),
        ),
    )


@cache
def zone_exceptions() -> tuple[ZoneException, ...]:
    """Municipalities with a zone of their own, ordered by code."""
    return _table("zone_exceptions.csv", lambda c: ZoneException(c["code"], c["name"], c["zone"]))


@cache
def namespaces() -> tuple[Namespace, ...]:
    """Namespaces of places from elsewhere."""
    return _table("namespaces.csv", lambda c: Namespace(c["namespace"], c["name"], c["zone"]))


@cache
def institution_kinds() -> tuple[InstitutionKind, ...]:
    """The kinds of institutions that keep pages."""
    return _table("institution_kinds.csv", lambda c: InstitutionKind(c["code"], c["name"]))


@cache
def entrances() -> tuple[EntranceName, ...]:
    """The entrances of the contract with their names, in the contract's order."""
    return _table(
        "entrances.csv",
        lambda c: EntranceName(c["code"], c["name"], c["in_social_networks"] == "true"),
    )


@cache
def topics() -> tuple[TopicName, ...]:
    """The two-level topic list: each top topic is followed by its leaves."""
    return _table("topics.csv", lambda c: TopicName(c["code"], c["parent"] or None, c["name"]))


def _whole(text: str) -> int | None:
    return int(text) if text else None
