"""Which place stamps of past events differ from the register, and the stamp set that puts them right. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from msgspec import Struct

from ingest.registers.page_register import PageRegister

HOUR_MS: Final = 3_600_000


class PlaceStamp(Struct, frozen=True, order=True):
    """Events of ``page`` with ``from_ms <= at < to_ms`` (milliseconds UTC) belong to ``place``."""

    page: str
    from_ms: int
    to_ms: int
    place: str


class Stamped(Struct, frozen=True):
    """Events of a page that carry one place: the first moment of their first hour and of the hour after their last."""

    page: str
    place: str
    from_ms: int
    to_ms: int


def stamp_set(
    stamped: Iterable[Stamped], register: PageRegister, decided: Iterable[PlaceStamp], now_ms: int
) -> list[PlaceStamp]:
    """The whole stamp set by which past events get the places of the register.

    ``stamped`` are the places that events have now, with the stamps in force (``decided``) applied. A page of which
    the register says nothing keeps its decided stamps. No stamp reaches beyond ``now_ms``: later events get their place
    when they come in, and a stamp would hide a later move.
    """
    before: dict[str, list[PlaceStamp]] = {}
    for stamp in decided:
        before.setdefault(stamp.page, []).append(stamp)
    wrong = {each.page for each in stamped if _differs(each, register)}
    stamps: list[PlaceStamp] = []
    for page in sorted(wrong | before.keys()):
        known = [
            PlaceStamp(page, record.from_ms, min(now_ms, record.to_ms or now_ms), record.place)
            for record in register.validities(page)
            if record.from_ms < now_ms
        ]
        stamps += known or before.get(page, [])
    return stamps


def _differs(stamped: Stamped, register: PageRegister) -> bool:
    return any(
        record.from_ms < stamped.to_ms
        and (record.to_ms is None or stamped.from_ms < record.to_ms)
        and record.place != stamped.place
        for record in register.validities(stamped.page)
    )
