"""A plain recount of simulated records, from their JSON alone and one by one: what the simulator's truth must equal."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from kafka.partitioner.default import murmur2

from ingest.simulator.spec import FederationSpec
from schemas.contract.events import ACTIVE_KINDS, ANSWER_KINDS, APPEAL_KINDS
from schemas.reference.places import load_zone, zone_of

Record = tuple[str, bytes, bytes]


class PlainTruth:
    """Figures as :class:`ingest.simulator.truth.Truth` has them, as dictionaries."""

    def __init__(self, spec: FederationSpec, records: Sequence[Record]) -> None:
        self.spec = spec
        self.facts: Counter[str] = Counter()
        self.repeats: Counter[str] = Counter()
        self.cells: dict[tuple[int, str, str, str], list[int]] = {}
        self.appeals: Counter[tuple[str, str, str, str]] = Counter()
        self.appeal_ids: set[str] = set()
        self.readings: dict[tuple[str, str, int, int], tuple[int, int]] = {}
        self._people: set[tuple[str, str, str, str]] = set()
        self._last: dict[str, int] = {}
        self._threads: dict[str, str] = {}
        self._answers: list[dict[str, Any]] = []
        self._next = [0] * spec.partitions
        for topic, key, value in records:
            if topic == "events":
                self._event(key, json.loads(value))
            else:
                self._reading(json.loads(value))

    @property
    def people(self) -> Counter[tuple[str, str, str]]:
        """Distinct accounts by local day, place and page."""
        return Counter((day, place, page) for day, place, page, _ in self._people)

    @property
    def replied(self) -> int:
        """Appeals that were sent and have a reply, which may know their thread alone."""
        named = {answer.get("appeal") or self._threads.get(answer["thread"]) for answer in self._answers}
        return len(named & self.appeal_ids)

    def _event(self, key: bytes, event: dict[str, Any]) -> None:
        named = event.get("appeal") or event.get("thread")
        assert key.decode() == (named if event["kind"] in APPEAL_KINDS else event["page"])
        partition = (murmur2(key) & 0x7FFFFFFF) % self.spec.partitions
        position = self._next[partition]
        self._next[partition] += 1
        status = "first"
        if event["id"] in self._last:
            distance = position - self._last[event["id"]]
            status = "beyond" if distance > self.spec.surely_beyond else "between"
            status = "within" if distance <= self.spec.surely_within else status
            self.repeats[status] += 1
        self._last[event["id"]] = position
        page = event.get("page", "")
        if status != "within":
            amount = 1 if event["kind"] in APPEAL_KINDS else event.get("amount", 1)
            cell = (event["at"] // 3_600_000 * 3600, event["place"], page, event["kind"])
            sums = self.cells.setdefault(cell, [0, 0, 0])
            sums[("first", "between", "beyond").index(status)] += amount
            if event["kind"] in ACTIVE_KINDS and event.get("author"):
                zone = load_zone(zone_of(event["place"]))
                self._people.add((_day(event["at"], zone), event["place"], page, event["author"]))
        if status == "first":
            self.facts[event["kind"]] += 1
            if event["kind"] == "appeal_received":
                day = _day(event["at"], load_zone("Europe/Moscow"))
                self.appeals[day, event["entrance"], event["channel"], event["place"]] += 1
                self.appeal_ids.add(event["appeal"])
                self._threads[event["thread"]] = event["appeal"]
            if event["kind"] in ANSWER_KINDS:
                self._answers.append(event)

    def _reading(self, reading: dict[str, Any]) -> None:
        key = (reading["metric"], reading["object"], reading["period_from"], reading["period_to"])
        before = self.readings.get(key)
        if before is None or reading["observed_at"] >= before[0]:
            self.readings[key] = (reading["observed_at"], reading["value"])


def _day(milliseconds: int, zone: ZoneInfo) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, tz=UTC).astimezone(zone).date().isoformat()
