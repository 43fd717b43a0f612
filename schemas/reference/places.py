"""Places: the region a place belongs to and the time zone in which its days are cut."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from typing import Final
from zoneinfo import ZoneInfo

from schemas.contract.identifiers import UNKNOWN_PLACE
from schemas.reference.reference_data import Region, namespaces, regions, zone_exceptions

#: The zone of a place that no table knows, and the zone of the country's days.
COUNTRY_ZONE: Final = "Europe/Moscow"
#: The release of the ``tzdata`` package, and so of the IANA database, that the days are cut with.
TZDATA_VERSION: Final = version("tzdata")


@cache
def _by_prefix() -> dict[str, Region]:
    return {region.prefix: region for region in regions()}


@cache
def _prefix_lengths() -> tuple[int, ...]:
    return tuple(sorted({len(prefix) for prefix in _by_prefix()}, reverse=True))


@cache
def _exceptions() -> dict[str, str]:
    return {exception.code: exception.zone for exception in zone_exceptions()}


@cache
def _namespace_zones() -> dict[str, str]:
    return {namespace.namespace: namespace.zone for namespace in namespaces()}


def region_of(place: str) -> Region | None:
    """The region of an 8-digit OKTMO code, by its longest prefix; None for places from elsewhere and unknown ones.

    >>> region_of("71876000").name
    'Ханты-Мансийский автономный округ — Югра'
    >>> region_of("la:cd-4") is None
    True
    """
    if ":" in place or place == UNKNOWN_PLACE:
        return None
    known = _by_prefix()
    for length in _prefix_lengths():
        region = known.get(place[:length])
        if region is not None:
            return region
    return None


def district_of(place: str) -> str:
    """The code of the district or okrug in which an 8-digit OKTMO code lies: its first five digits, then zeros.

    Digits six to eight number the settlements of a district.

    >>> district_of("98616101")
    '98616000'
    """
    return place[:5] + "000"


def zone_of(place: str) -> str:
    """The IANA name of the time zone in which the days of ``place`` are cut; Moscow's where no table knows it.

    A municipality may have a zone of its own (Yakutia has several), which its settlements share; else it is that of its
    region's capital. ``namespace:code`` has the zone of its namespace.

    >>> zone_of("98701000"), zone_of("98646000"), zone_of("la:cd-4"), zone_of("00000000")
    ('Asia/Yakutsk', 'Asia/Srednekolymsk', 'America/Los_Angeles', 'Europe/Moscow')
    """
    namespace, colon, _code = place.partition(":")
    if colon:
        return _namespace_zones().get(namespace, COUNTRY_ZONE)
    exception = _exceptions().get(district_of(place))
    if exception is not None:
        return exception
    region = region_of(place)
    return COUNTRY_ZONE if region is None else region.zone


@cache
def load_zone(name: str) -> ZoneInfo:
    """The rules of an IANA zone from the pinned ``tzdata`` package, whatever the machine itself has installed.

    Raises FileNotFoundError for a name that the package does not know.
    """
    with (files("tzdata") / "zoneinfo").joinpath(*name.split("/")).open("rb") as stream:
        return ZoneInfo.from_file(stream, key=name)


def zone_table_fingerprint() -> str:
    """16 hex digits that change when a place may get another zone: the three tables, the country's zone, tzdata."""
    digest = hashlib.sha256(f"{COUNTRY_ZONE}\0{TZDATA_VERSION}\0".encode())
    for region in regions():
        digest.update(f"{region.prefix}={region.zone}\n".encode())
    for exception in zone_exceptions():
        digest.update(f"{exception.code}={exception.zone}\n".encode())
    for namespace in namespaces():
        digest.update(f"{namespace.namespace}={namespace.zone}\n".encode())
    return digest.hexdigest()[:16]
