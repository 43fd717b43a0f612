"""Copies: facts that are sent again, at distances counted in records of their partition."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ingest.simulator.rows import APPEAL_KIND_COUNT, Rows, no_rows
from ingest.simulator.spec import DAY_MS, FederationSpec

#: Copies that are on their way push later records back; a margin keeps those meant to be within the window there.
_MARGIN = 0.75
#: No copy within the window waits for more than this share of what its partition will have in all.
_REACH = 0.25


class Copies:
    """Weaves copies into the order of sending. A copy stands behind the record that lies its distance after the first.

    Distances within the window are spread evenly over orders of magnitude from one record on; those beyond it lie
    just past the distance at which no position on the grid could help.
    """

    def __init__(self, spec: FederationSpec) -> None:
        self._spec = spec
        self._sent = np.zeros(spec.partitions, dtype=np.int64)
        self._waiting = no_rows()
        self._due: NDArray[np.int64] = np.zeros((0, 2), dtype=np.int64)
        expected = spec.events / spec.partitions
        self._within = max(2.0, min(_MARGIN * spec.surely_within, _REACH * expected))

    @property
    def unsent(self) -> int:
        """Copies whose turn has not come."""
        return len(self._waiting)

    def weave(
        self, rows: Rows, partitions: NDArray[np.int64], rng: np.random.Generator
    ) -> tuple[Rows, NDArray[np.int64]]:
        """The rows in their order of sending with the copies that are due, and the partition of each."""
        order = np.argsort(partitions, kind="stable")
        counts = np.bincount(partitions, minlength=self._spec.partitions)
        starts = np.cumsum(counts) - counts
        rank = np.empty(len(rows), dtype=np.int64)
        rank[order] = np.arange(len(rows)) - np.repeat(starts, counts)
        self._plan(rows, partitions, self._sent[partitions] + rank, rng)
        part, due = self._due[:, 0], self._due[:, 1]
        ready = due < self._sent[part] + counts[part]
        behind = order[starts[part[ready]] + due[ready] - self._sent[part[ready]]]
        # Copies of one place in the order keep the order in which they were planned.
        place = np.concatenate([np.arange(len(rows)) * 2, behind * 2 + 1])
        woven = np.argsort(place, kind="stable")
        all_rows = np.concatenate([rows, self._waiting[ready]])[woven]
        all_partitions = np.concatenate([partitions, part[ready]])[woven]
        self._sent += counts
        self._waiting = self._waiting[~ready]
        self._due = self._due[~ready]
        return all_rows, all_partitions

    def _plan(
        self, rows: Rows, partitions: NDArray[np.int64], position: NDArray[np.int64], rng: np.random.Generator
    ) -> None:
        """Plan the copies of these rows; some get another place, some of those about appeals another time."""
        due = position
        for number in (1, 2):
            again = np.flatnonzero(rows["repeats"] >= number)
            if not len(again):
                return
            due = due.copy()
            due[again] += self._distances(len(again), rng)
            copies = rows[again].copy()
            copies["repeats"] = 0
            restamped = rng.random(len(again)) < self._spec.restamp
            elsewhere = self._other_places(copies["place"], rng)
            first = restamped & (rng.random(len(again)) < 0.5) & (number == 1)
            # Either the copy carries the other place, or the one that is sent first does.
            rows["place"][again[first]] = elsewhere[first]
            copies["place"][restamped & ~first] = elsewhere[restamped & ~first]
            self._redate(rows, again, copies, number, rng)
            self._waiting = np.concatenate([self._waiting, copies])
            self._due = np.concatenate([self._due, np.column_stack([partitions[again], due[again]])])

    def _redate(
        self, rows: Rows, again: NDArray[np.int64], copies: Rows, number: int, rng: np.random.Generator
    ) -> None:
        """Give some facts about appeals two times: the copy has the corrected one, or the record before it."""
        redated = (copies["kind"] < APPEAL_KIND_COUNT) & (rng.random(len(copies)) < self._spec.redate)
        shifted = copies["at"] + rng.normal(0, DAY_MS, size=len(copies)).astype(np.int64)
        shifted = np.clip(shifted, self._spec.start_ms, self._spec.end_ms - 1)
        first = redated & (rng.random(len(copies)) < 0.5) & (number == 1)
        rows["at"][again[first]] = shifted[first]
        copies["at"][redated & ~first] = shifted[redated & ~first]

    def _distances(self, count: int, rng: np.random.Generator) -> NDArray[np.int64]:
        within = np.exp(rng.random(count) * np.log(self._within)).astype(np.int64)
        beyond = (self._spec.surely_beyond * rng.uniform(1.01, 1.15, size=count)).astype(np.int64) + 1
        distances: NDArray[np.int64] = np.where(rng.random(count) < self._spec.beyond_window, beyond, within)
        return distances

    def _other_places(self, places: NDArray[np.int32], rng: np.random.Generator) -> NDArray[np.int64]:
        step = rng.integers(1, max(2, self._spec.municipalities), size=len(places))
        others: NDArray[np.int64] = (places + step) % self._spec.municipalities
        return others
