"""Activity: what citizens do on the pages in a stretch of time, drawn by the rhythm of each page's own zone."""

from __future__ import annotations

from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from ingest.simulator.geography import Place
from ingest.simulator.pages import NETWORKS, Pages
from ingest.simulator.rhythm import LocalTime, activity
from ingest.simulator.rows import (
    CHANNEL,
    ENTRANCE,
    FORMAT_COUNT,
    KIND,
    NATURE_COUNT,
    TOPICS,
    Rows,
    new_rows,
)
from ingest.simulator.spec import HOUR_MS, FederationSpec

#: What people do besides appealing, with its share.
_ENGAGEMENT: Final = {
    "reaction_added": 0.62,
    "comment_added": 0.12,
    "subscriber_joined": 0.05,
    "reaction_removed": 0.05,
    "repost_added": 0.035,
    "vote_added": 0.03,
    "subscriber_left": 0.03,
    "post_published": 0.03,
    "service_used": 0.02,
    "comment_removed": 0.01,
    "post_removed": 0.005,
}
#: Kinds that the page does itself: no author.
_OF_THE_PAGE: Final = ("post_published", "post_removed")
#: Kinds that concern no post.
_WITHOUT_POST: Final = ("subscriber_joined", "subscriber_left", "service_used")
#: Entrances outside social networks, with their share of all appeals; the rest is split by the region's habit.
_ELSEWHERE: Final = (
    ("pos_widget", 0.05),
    ("portal", 0.04),
    ("app", 0.03),
    ("email", 0.01),
    ("office", 0.01),
    ("other", 0.01),
)
_SOCIAL: Final = 1 - sum(share for _, share in _ELSEWHERE)
#: How the channel is called where it is not the page's own.
_CHANNEL_OF: Final = {
    "pos_widget": "pos", "portal": "pos", "app": "pos", "email": "email", "office": "office", "other": "other"
}  # fmt: skip
#: Of the messages on a page, those under a post; the others are direct messages and discussions.
_UNDER_A_POST: Final = 0.7
#: Of the appeals, those whose nature nobody has told.
_NATURE_UNKNOWN: Final = 0.4
_MAX_SLOT_RECORDS: Final = 50_000


class Spike(Struct, frozen=True):
    """A burst: so many appeals about one topic in one place (numbers), within [start, end), milliseconds UTC."""

    place: int
    topic: int
    start_ms: int
    end_ms: int
    appeals: int


class Activity:
    """Draws rows for stretches of the span. All randomness comes from the generators handed in."""

    def __init__(self, spec: FederationSpec, places: list[Place], pages: Pages, rng: np.random.Generator) -> None:
        self._spec = spec
        self._pages = pages
        zones = sorted({place.zone for place in places})
        self._population = np.array([place.population for place in places], dtype=np.float64)
        self._set_slots(zones, np.array([zones.index(place.zone) for place in places])[pages.place])
        self._accounts = np.maximum(30, self._population / 25).astype(np.int64)
        self._first_account = np.concatenate([[0], np.cumsum(self._accounts)[:-1]])
        habit = {region: rng.uniform(0.55, 0.8) for region in sorted({place.region for place in places})}
        self._public_share = np.array([habit[place.region] for place in places])
        self._topic_weights = rng.permutation(1.0 / (np.arange(len(TOPICS)) + 2.0))
        self._topic_weights /= self._topic_weights.sum()
        self._page_channel = np.array([CHANNEL[channel] for _, channel, _ in NETWORKS])[pages.network]
        self._kinds = np.array([KIND[kind] for kind in _ENGAGEMENT])
        self._kind_bounds = np.cumsum(list(_ENGAGEMENT.values())) / sum(_ENGAGEMENT.values())
        self.spikes = [self._draw_spike(rng) for _ in range(spec.spikes)]
        self._bursts = [np.sort(rng.integers(s.start_ms, s.end_ms, size=s.appeals)) for s in self.spikes]

    def _set_slots(self, zones: list[str], zone_of_page: NDArray[np.int64]) -> None:
        """Cut the span into slots and weigh each by the activity of each zone in it."""
        spec = self._spec
        self.slot_ms = max(1000, min(HOUR_MS, spec.span_ms // -(-spec.events // _MAX_SLOT_RECORDS)))
        starts = np.arange(spec.start_ms, spec.end_ms, self.slot_ms)
        local = LocalTime(zones)
        middles = (starts + self.slot_ms // 2).tolist()
        rhythm = np.array(
            [[activity(at + local.offset_ms(zone, at // HOUR_MS)) for zone in range(len(zones))] for at in middles]
        )
        self._pages_of_zone = [np.flatnonzero(zone_of_page == zone) for zone in range(len(zones))]
        self._bounds_of_zone = [np.cumsum(self._pages.weight[numbers]) for numbers in self._pages_of_zone]
        weight = np.array([bounds[-1] if len(bounds) else 0.0 for bounds in self._bounds_of_zone])
        lengths = np.minimum(starts + self.slot_ms, spec.end_ms) - starts
        self._cells = rhythm * weight * lengths[:, None]
        self._starts = starts
        self._lengths = lengths
        #: Share of all activity that lies before the end of each slot.
        self.cumulative = np.cumsum(self._cells.sum(axis=1)) / self._cells.sum()

    def slot_end(self, slot: int) -> int:
        """The first moment after a slot, milliseconds UTC."""
        return int(self._starts[slot] + self._lengths[slot])

    def draw(self, slots: range, count: int, first_fact: int, rng: np.random.Generator) -> Rows:
        """``count`` facts that happen in these slots, or more where a spike brings them; not what follows from them."""
        bursts = [self._burst(number, slots) for number in range(len(self.spikes))]
        extra = sum(len(times) for times in bursts)
        rows = new_rows(max(0, count - extra) + extra, first_fact)
        ordinary = rows[: len(rows) - extra]
        self._place_in_time(ordinary, slots, rng)
        at = len(ordinary)
        for spike, times in zip(self.spikes, bursts, strict=True):
            burst = rows[at : at + len(times)]
            burst["at"] = times
            burst["page"] = self._pages_in(spike.place, len(times), rng)
            at += len(times)
        rows["place"] = self._pages.place[rows["page"]]
        rows["channel"] = self._page_channel[rows["page"]]
        rows["entrance"] = ENTRANCE["public_page"]
        rows["author"] = self._authors(rows["place"], rng)
        appeals = rng.random(len(rows)) < self._spec.appeal_share
        appeals[len(ordinary) :] = True
        self._engage(rows, np.flatnonzero(~appeals), rng)
        self._appeal(rows, np.flatnonzero(appeals), rng)
        at = len(ordinary)
        for spike, times in zip(self.spikes, bursts, strict=True):
            rows["topic"][at : at + len(times)] = spike.topic
            at += len(times)
        return rows

    def _place_in_time(self, rows: Rows, slots: range, rng: np.random.Generator) -> None:
        cells = self._cells[slots.start : slots.stop]
        counts = rng.multinomial(len(rows), (cells / cells.sum()).ravel()).reshape(cells.shape)
        slot = np.repeat(np.arange(slots.start, slots.stop), counts.sum(axis=1))
        zone = np.repeat(np.tile(np.arange(cells.shape[1]), cells.shape[0]), counts.ravel())
        rows["at"] = self._starts[slot] + (rng.random(len(rows)) * self._lengths[slot]).astype(np.int64)
        for number, bounds in enumerate(self._bounds_of_zone):
            here = np.flatnonzero(zone == number)
            if len(here):
                drawn = np.searchsorted(bounds, rng.random(len(here)) * bounds[-1], side="right")
                rows["page"][here] = self._pages_of_zone[number][np.minimum(drawn, len(bounds) - 1)]

    def _authors(self, places: NDArray[np.int32], rng: np.random.Generator) -> NDArray[np.int64]:
        """Accounts of the places' people: a few are always there."""
        pick = rng.random(len(places)) ** 2
        authors: NDArray[np.int64] = self._first_account[places] + (pick * self._accounts[places]).astype(np.int64)
        return authors

    def _engage(self, rows: Rows, here: NDArray[np.int64], rng: np.random.Generator) -> None:
        count = len(here)
        kind = self._kinds[np.searchsorted(self._kind_bounds, rng.random(count), side="right")]
        rows["kind"][here] = kind
        silent = np.isin(kind, [KIND[name] for name in _OF_THE_PAGE]) | (rng.random(count) < 0.02)
        rows["author"][here[silent]] = -1
        on_post = here[~np.isin(kind, [KIND[name] for name in _WITHOUT_POST])]
        rows["post"][on_post] = _recent_posts(rows["at"][on_post], rng)
        published = here[kind == KIND["post_published"]]
        rows["format"][published] = rng.integers(0, FORMAT_COUNT, size=len(published))
        rows["entrance"][here[kind == KIND["service_used"]]] = ENTRANCE["pos_widget"]
        # What a poller finds as a difference of two counts: many at once, and nobody's in particular.
        polled = here[(kind == KIND["reaction_added"]) & (rng.random(count) < 0.02)]
        rows["amount"][polled] = rng.integers(2, 40, size=len(polled))
        rows["author"][polled] = -1

    def _appeal(self, rows: Rows, here: NDArray[np.int64], rng: np.random.Generator) -> None:
        count = len(here)
        rows["kind"][here] = KIND["appeal_received"]
        rows["appeal"][here] = rows["fact"][here]
        rows["thread"][here] = rows["fact"][here]
        topic = rng.choice(len(TOPICS), size=count, p=self._topic_weights)
        rows["topic"][here] = np.where(rng.random(count) < 0.06, -1, topic)
        rows["urgent"][here] = rng.random(count) < 0.03
        rows["nature"][here] = np.where(rng.random(count) < _NATURE_UNKNOWN, -1, rng.integers(NATURE_COUNT, size=count))
        draw = rng.random(count)
        public = _SOCIAL * self._public_share[rows["place"][here]]
        other = here[(draw >= public) & (draw < _SOCIAL)]
        rows["entrance"][other] = ENTRANCE["social_other"]
        rows["channel"][other] = rng.choice(4, size=len(other), p=[0.7, 0.15, 0.1, 0.05])
        rows["page"][other] = -1
        bound = _SOCIAL
        for entrance, share in _ELSEWHERE:
            came = here[(draw >= bound) & (draw < bound + share)]
            rows["entrance"][came] = ENTRANCE[entrance]
            rows["channel"][came] = CHANNEL[_CHANNEL_OF[entrance]]
            if entrance != "pos_widget":  # the widget stands on a page
                rows["page"][came] = -1
            bound += share
        # Several citizens write under one post of a page, each in a thread of his own.
        on_page = here[rows["entrance"][here] == ENTRANCE["public_page"]]
        rows["message"][on_page] = rows["fact"][on_page]
        under = on_page[rng.random(len(on_page)) < _UNDER_A_POST]
        rows["post"][under] = _recent_posts(rows["at"][under], rng)

    def _draw_spike(self, rng: np.random.Generator) -> Spike:
        spec = self._spec
        length = min(spec.span_ms // 4, int(rng.integers(HOUR_MS, 4 * HOUR_MS)))
        start = spec.start_ms + int(rng.integers(spec.span_ms // 2, spec.span_ms - length + 1))
        weights = self._population
        if spec.small_spikes:
            weights = np.where(weights <= np.quantile(weights, 0.25), 1.0, 0.0)
        place = int(rng.choice(len(weights), p=weights / weights.sum()))
        usual = spec.events * spec.appeal_share / len(self._population) * (length / spec.span_ms)
        appeals = int(max(spec.spike_size, 15 * usual) * rng.uniform(0.8, 1.4))
        return Spike(place, int(rng.integers(len(TOPICS))), start, start + length, appeals)

    def _burst(self, number: int, slots: range) -> NDArray[np.int64]:
        """The moments of a spike that lie in these slots."""
        times = self._bursts[number]
        begin, end = np.searchsorted(times, [self._starts[slots.start], self.slot_end(slots.stop - 1)])
        return times[begin:end]

    def _pages_in(self, place: int, count: int, rng: np.random.Generator) -> NDArray[np.int64]:
        numbers = np.flatnonzero(self._pages.place == place)
        weight = self._pages.weight[numbers]
        drawn: NDArray[np.int64] = rng.choice(numbers, size=count, p=weight / weight.sum())
        return drawn


def _recent_posts(at: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
    """Numbers of recent posts: a page has three a day, and people meet under the last four."""
    posts: NDArray[np.int64] = at // (8 * HOUR_MS) - rng.integers(0, 4, size=len(at))
    return posts
