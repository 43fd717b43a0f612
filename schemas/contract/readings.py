"""Readings, contract version 1: a level that somebody reports, or a total that was counted elsewhere."""

from __future__ import annotations

from typing import Annotated, Final, Literal, get_args

import msgspec
from msgspec import Meta, Struct

from schemas.contract import VERSION
from schemas.contract.events import (
    Channel,
    Code,
    Entrance,
    Hash,
    PageId,
    PlaceCode,
    TimeMs,
    TopicCode,
)
from schemas.contract.identifiers import HEX32, PAGE, PLACE, SOURCE, TOPIC, KnownTexts, is_label
from schemas.contract.rejected import Rejected, rejected_version, wrong_form
from schemas.contract.validator import RecordValidator

MAX_VALUE: Final = 1_000_000_000_000

Metric = Literal[
    "subscribers",
    "reach",
    "reach_subscribers",
    "views",
    "visitors",
    "post_views",
    "post_reach",
    "post_likes",
    "post_reactions",
    "post_comments",
    "post_reposts",
    "appeals",
    "source_up",
]
METRICS: Final[tuple[str, ...]] = get_args(Metric)


class Reading(Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """One observation of a level. The latest observation of (object, metric, period) stands.

    A level without a period of its own (subscribers now, views of a post so far) is reported for the period it
    was observed for, usually the day, so that its history is kept.
    """

    v: Annotated[int, Meta(description="Version of the contract, always 1.")]
    id: Annotated[Hash, Meta(description="Identity of this observation: 32 hex digits.")]
    object: Annotated[
        str,
        Meta(min_length=1, max_length=160, description="What was measured: a page, a post, or a total's own key."),
    ]
    metric: Annotated[
        Metric,
        Meta(
            description="What is measured; `appeals` is a total that was counted elsewhere, `source_up` is 1 while a "
            "feed works."
        ),
    ]
    value: Annotated[int, Meta(ge=0, le=MAX_VALUE, description="The level or total itself.")]
    period_from: Annotated[
        TimeMs, Meta(description="Start of the period, inclusive: milliseconds since 1970-01-01T00:00:00Z.")
    ]
    period_to: Annotated[TimeMs, Meta(description="End of the period, exclusive, later than its start.")]
    observed_at: Annotated[TimeMs, Meta(description="When the value was true for its reporter: milliseconds UTC.")]
    source: Annotated[Code, Meta(description="Which feed brought it.")]
    place: Annotated[
        PlaceCode,
        Meta(
            description="OKTMO of the municipality (8 digits), `namespace:code` for data from elsewhere, "
            "`00000000` unknown."
        ),
    ]
    complete_at: Annotated[
        TimeMs | None,
        Meta(
            description="Of a total from a file that is complete for its source and period: when the file was true, "
            "milliseconds UTC."
        ),
    ] = None
    load: Annotated[Code | None, Meta(description="One run of an import.")] = None
    page: Annotated[
        PageId | None, Meta(description="Public id of the page (`vk:123`), where the reading concerns one.")
    ] = None
    channel: Annotated[Channel | None, Meta(description="Required for `appeals`; elsewhere optional.")] = None
    entrance: Annotated[Entrance | None, Meta(description="Required for `appeals`; elsewhere optional.")] = None
    topic: Annotated[TopicCode | None, Meta(description="Two dotted levels, such as `housing.heating`.")] = None


class _Strict(Reading, frozen=True, gc=False, kw_only=True, forbid_unknown_fields=True):
    """The same reading; a field that version 1 does not know stops the decoder."""


def encode_reading(reading: Reading) -> bytes:
    """The reading as JSON in UTF-8; defaults are left out."""
    return msgspec.json.encode(reading)


class ReadingValidator(RecordValidator[Reading]):
    """Judges one record alone: a :class:`Reading` or the :class:`Rejected` that says what is wrong with it."""

    named = "metric"

    def __init__(self) -> None:
        super().__init__(_Strict, Reading)
        self._pages = KnownTexts(PAGE.fullmatch)
        self._places = KnownTexts(PLACE.fullmatch)
        self._sources = KnownTexts(SOURCE.fullmatch)
        self._topics = KnownTexts(TOPIC.fullmatch)
        self._labels = KnownTexts(is_label)

    def _check(self, reading: Reading) -> Rejected | None:
        if reading.v != VERSION:
            return rejected_version(reading.v)
        if not HEX32.fullmatch(reading.id):
            return wrong_form("id")
        if not is_label(reading.object):
            return wrong_form("object")
        if reading.place not in self._places:
            return wrong_form("place")
        if reading.page is not None and reading.page not in self._pages:
            return wrong_form("page")
        if reading.source not in self._sources:
            return wrong_form("source")
        if reading.load is not None and reading.load not in self._sources:
            return wrong_form("load")
        if reading.channel is not None and reading.channel not in self._labels:
            return wrong_form("channel")
        if reading.topic is not None and reading.topic not in self._topics:
            return wrong_form("topic")
        if reading.period_to <= reading.period_from:
            return wrong_form("period_to")
        if reading.complete_at is not None:
            if reading.metric != "appeals":
                return Rejected("complete_at", "Field `complete_at` belongs to totals of appeals only.")
            if reading.complete_at < reading.observed_at:
                return wrong_form("complete_at")
        if reading.metric == "appeals":
            for field in ("channel", "entrance"):
                if getattr(reading, field) is None:
                    return Rejected(field, f"Field `{field}` is missing: a total of appeals says how they came.")
        return None
