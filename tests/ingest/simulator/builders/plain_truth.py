"""A plain recount of simulated records, from their JSON alone and one by one: what the simulator's truth must equal.

Lives of appeals come from the product's own replay: the simulator has other code for them, and both must agree.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from kafka.partitioner.default import murmur2

from ingest.simulator.spec import FederationSpec
from schemas.contract.events import ACTIVE_KINDS, APPEAL_KINDS, POST_KINDS
from schemas.reference.places import load_zone, zone_of
from streams.refresh.lifecycle import Conversations, Happening, Message, Received, Replayed, replay

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
        #: Whether it is certain that a person counts: a repeat at the window's edge may be dropped.
        self._people: dict[tuple[str, str, str, str], bool] = {}
        self._last: dict[str, int] = {}
        #: Facts about appeals that stand, and the messages of appeals: the first copy of each.
        self.received: dict[str, dict[str, Any]] = {}
        self.written: dict[str, dict[str, Any]] = {}
        self.told: dict[str, dict[str, Any]] = {}
        #: Kind and post -> the first copy.
        self.posts: dict[tuple[str, str], dict[str, Any]] = {}
        self._next = [0] * spec.partitions
        for topic, key, value in records:
            if topic == "events":
                self._event(key, json.loads(value))
            else:
                self._reading(json.loads(value))

    @property
    def people(self) -> dict[tuple[str, str, str], tuple[int, int]]:
        """Distinct accounts, and how many of them a table may lack, by local day, place and page."""
        found = Counter(person[:3] for person in self._people)
        perhaps = Counter(person[:3] for person, certain in self._people.items() if not certain)
        return {key: (count, perhaps[key]) for key, count in found.items()}

    def replayed(self) -> Replayed:
        """What became of each appeal, and the appeal of each answer and change."""
        return replay(
            Conversations(
                received=[Received(name, said.get("thread"), said["at"]) for name, said in self.received.items()],
                messages=[Message(name, said["appeal"], said["at"]) for name, said in self.written.items()],
                happenings=[
                    Happening(
                        name,
                        said["kind"],
                        said["at"],
                        said.get("appeal"),
                        said.get("reply_to") or said.get("message"),
                        said.get("thread"),
                        said.get("topic"),
                        said.get("responder"),
                        said.get("nature"),
                        said.get("rating"),
                    )
                    for name, said in self.told.items()
                ],
                threads={said["thread"] for said in self.told.values() if "thread" in said},
            )
        )

    def _event(self, key: bytes, event: dict[str, Any]) -> None:
        named = event.get("appeal") or event.get("thread") or event.get("reply_to") or event.get("message")
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
        self._conversation(event)
        if status != "within":
            amount = 1 if event["kind"] in APPEAL_KINDS else event.get("amount", 1)
            cell = (event["at"] // 3_600_000 * 3600, event["place"], page, event["kind"])
            sums = self.cells.setdefault(cell, [0, 0, 0])
            sums[("first", "between", "beyond").index(status)] += amount
            if event["kind"] in ACTIVE_KINDS and event.get("author"):
                zone = load_zone(zone_of(event["place"]))
                person = (_day(event["at"], zone), event["place"], page, event["author"])
                self._people[person] = self._people.get(person, False) or status != "between"
        if status == "first":
            self.facts[event["kind"]] += 1
            if event["kind"] == "appeal_received":
                day = _day(event["at"], load_zone("Europe/Moscow"))
                self.appeals[day, event["entrance"], event["channel"], event["place"]] += 1
                self.appeal_ids.add(event["appeal"])

    def _conversation(self, event: dict[str, Any]) -> None:
        if event["kind"] == "appeal_received":
            self.received.setdefault(event["appeal"], event)
            if "message" in event:
                self.written.setdefault(event["message"], event)
        elif event["kind"] in APPEAL_KINDS:
            self.told.setdefault(event["id"], event)
        elif event["kind"] in POST_KINDS:
            self.posts.setdefault((event["kind"], event["object"]), event)

    def _reading(self, reading: dict[str, Any]) -> None:
        key = (reading["metric"], reading["object"], reading["period_from"], reading["period_to"])
        before = self.readings.get(key)
        if before is None or reading["observed_at"] >= before[0]:
            self.readings[key] = (reading["observed_at"], reading["value"])


def _day(milliseconds: int, zone: ZoneInfo) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, tz=UTC).astimezone(zone).date().isoformat()
