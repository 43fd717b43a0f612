"""Readings of a synthetic federation: levels of pages, totals by telephone, and whether the source is up."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from typing import Final

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from ingest.simulator.geography import Place
from ingest.simulator.identities import READING, Identities
from ingest.simulator.pages import Pages
from ingest.simulator.rhythm import LocalTime
from ingest.simulator.spec import DAY_MS, HOUR_MS, FederationSpec
from ingest.simulator.tally import SentReading
from schemas.contract.identifiers import UNKNOWN_PLACE

_MINUTE_MS: Final = 60_000
#: A page's levels are read at noon of the day they belong to, and again after midnight.
_NOON: Final = 12 * HOUR_MS + 5 * _MINUTE_MS
_NIGHT: Final = DAY_MS + 20 * _MINUTE_MS
#: Of the telephone totals, those that are corrected a day later.
_CORRECTED: Final = 0.2
#: Readings are drawn by (zone, local day), with a generator of their own each.
_STREAM: Final = 2


class Message(Struct, frozen=True):
    """A reading on its way: when it arrives (milliseconds UTC), key and value of its record, and what it says."""

    send: int
    key: bytes
    value: bytes
    reading: SentReading


class ReadingsSource:
    """Makes the readings of the span, in the order in which they arrive."""

    def __init__(self, spec: FederationSpec, places: list[Place], pages: Pages, identities: Identities) -> None:
        self._spec = spec
        self._places = places
        self._pages = pages
        self._identities = identities
        self._zones = sorted({place.zone for place in places})
        self._local = LocalTime(self._zones)
        self._next = 0

    def messages(self) -> Iterator[Message]:
        """All readings that arrive before the end of the span, ordered by arrival."""
        spec = self._spec
        moments: list[tuple[int, int, int, int, bool]] = []
        for zone in range(len(self._zones)):
            offset = self._local.offset_ms(zone, spec.start_ms // HOUR_MS)
            for day in range((spec.start_ms + offset) // DAY_MS, (spec.end_ms + offset) // DAY_MS + 1):
                midnight = day * DAY_MS - offset
                moments += [
                    (midnight + _NOON, zone, day, midnight, False),
                    (midnight + _NIGHT, zone, day, midnight, True),
                ]
        levels = (
            message
            for moment in sorted(moments)
            if moment[0] >= spec.readings_start_ms
            for message in self._day(*moment[1:])
            if message.send < spec.end_ms
        )
        corrections: list[tuple[int, int, Message]] = []
        for message in heapq.merge(levels, self._up(), key=lambda message: message.send):
            while corrections and corrections[0][0] <= message.send:
                yield heapq.heappop(corrections)[2]
            yield message
            self._correct(message, corrections)

    def _up(self) -> Iterator[Message]:
        """The source says every hour that it is up."""
        spec = self._spec
        for hour in range(-(-spec.start_ms // HOUR_MS), spec.end_ms // HOUR_MS):
            begin = hour * HOUR_MS
            reading = SentReading("source_up", spec.source, begin, begin + HOUR_MS, begin + 1000, 1, UNKNOWN_PLACE)
            yield self._message(begin + 1000, reading, None)

    def _day(self, zone: int, day: int, midnight: int, complete: bool) -> Iterator[Message]:
        """The readings of one zone's local day: a first look at noon, or the complete day after midnight."""
        spec = self._spec
        rng = np.random.default_rng([spec.seed, _STREAM, zone, day])
        zone_places = [i for i, place in enumerate(self._places) if place.zone == self._zones[zone]]
        numbers = np.flatnonzero(np.isin(self._pages.place, zone_places))
        subscribers = self._pages.subscribers[numbers] * (1 + 0.0004 * (day % 1000)) + rng.integers(0, 3, len(numbers))
        views = subscribers * rng.uniform(0.15, 0.9, len(numbers))
        reach = views * rng.uniform(0.4, 0.8, len(numbers))
        phone = rng.poisson([max(1.0, self._places[i].population / 20_000) for i in zone_places])
        observed = midnight + (_NIGHT if complete else _NOON)
        send = observed + 1000
        share = 1.0 if complete else 0.55
        levels = zip(numbers.tolist(), subscribers.tolist(), views.tolist(), reach.tolist(), strict=True)
        for number, people, seen, reached in levels:
            page = self._pages.ids[number]
            place = self._places[int(self._pages.place[number])].code
            found = (("subscribers", people), ("views", seen * share), ("reach", reached))
            # Reach is known when the day is over.
            for metric, value in found if complete else found[:2]:
                reading = SentReading(metric, page, midnight, midnight + DAY_MS, observed, int(value), place)
                yield self._message(send, reading, page)
        if complete:
            for i, count in zip(zone_places, phone.tolist(), strict=True):
                code = self._places[i].code
                key = f"{spec.source}/phone/{code}"
                total = SentReading(
                    "appeals", key, midnight, midnight + DAY_MS, observed, count, code, "phone", "phone"
                )
                yield self._message(send, total, None)

    def _correct(self, message: Message, corrections: list[tuple[int, int, Message]]) -> None:
        """Plan a correction of a telephone total, and a stale repetition of it that must not win."""
        total = message.reading
        if total.metric != "appeals":
            return
        rng = np.random.default_rng([self._spec.seed, _STREAM, self._next])
        if rng.random() >= _CORRECTED:
            return
        observed = total.observed_at + 10 * HOUR_MS
        corrected = replace(total, observed_at=observed, value=total.value + int(rng.integers(1, 6)))
        stale = Message(observed + HOUR_MS, message.key, message.value, total)
        for later in (self._message(observed + 1000, corrected, None), stale):
            if later.send < self._spec.end_ms:
                heapq.heappush(corrections, (later.send, self._next, later))
                self._next += 1

    def _message(self, send: int, reading: SentReading, page: str | None) -> Message:
        identity = self._identities.hex(READING, self._next)
        self._next += 1
        text = (
            f'{{"v":1,"id":"{identity}","object":"{reading.object}","metric":"{reading.metric}","value":{reading.value},'
            f'"period_from":{reading.period_from},"period_to":{reading.period_to},"observed_at":{reading.observed_at},'
            f'"source":"{self._spec.source}","place":"{reading.place}"'
        )
        if page is not None:
            text += f',"page":"{page}"'
        if reading.channel is not None:
            text += f',"channel":"{reading.channel}","entrance":"{reading.entrance}"'
        return Message(send, (page or reading.object).encode(), (text + "}").encode(), reading)
