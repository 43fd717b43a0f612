"""What the simulator is asked for: size, span, faults and seed of a synthetic federation."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from schemas.reference.reference_data import regions

HOUR_MS: Final = 3_600_000
DAY_MS: Final = 86_400_000
#: 2016-01-01T00:00:00Z. Before, some regions had other zones than today, and Moscow's day was not always UTC+3.
EARLIEST_MS: Final = 1_451_606_400_000
MAX_PAGES: Final = 1_000_000
MAX_MUNICIPALITIES: Final = 20_000


class SpecError(ValueError):
    """What was asked for contradicts itself; the message is one sentence with the way out."""


class FederationSpec(Struct, frozen=True, kw_only=True):
    """A synthetic federation. Times are milliseconds since 1970-01-01T00:00:00Z; shares lie between 0 and 1.

    Two runs with an equal spec give the same bytes; two that differ in anything share no identity but their pages.
    """

    seed: int
    #: The first moment after the last event.
    end_ms: int
    #: Length of the time that the events fall into.
    span_ms: int = 7 * DAY_MS
    #: Records of the topic ``events``, repeats included.
    events: int = 20_000
    regions: int = 8
    municipalities: int = 40
    pages: int = 400
    #: Appeals among first copies; their answers and changes come on top.
    appeal_share: float = 0.05
    readings: bool = True
    #: Levels of pages and totals by telephone only for this last part of the span; 0 is the whole span.
    readings_span_ms: int = 0
    #: Sudden bursts of appeals about one topic in one municipality.
    spikes: int = 0
    #: Appeals that a burst brings at least, give or take a fifth.
    spike_size: int = 40
    #: Only in the smallest quarter of the municipalities.
    small_spikes: bool = False
    #: Facts that are sent again, most of them once, some twice.
    duplicates: float = 0.0
    #: Copies of these that come so late in the log that no window knows them any more.
    beyond_window: float = 0.0
    #: Copies that carry another place than the first.
    restamp: float = 0.0
    #: Copies about appeals (receipts, answers, changes) that carry another time than the first, up to days apart.
    redate: float = 0.0
    #: Events that arrive minutes to days after they happened.
    late: float = 0.0
    #: Neighbours in time arrive in another order, up to this much apart.
    out_of_order_ms: int = 0
    #: The grid that decides what lies within the window: records of a chunk, chunks before the current one.
    chunk: int = 32_768
    window_chunks: int = 4
    #: Partitions of the topic ``events``: distances are measured within one.
    partitions: int = 8

    @property
    def start_ms(self) -> int:
        """The first moment of the span."""
        return self.end_ms - self.span_ms

    @property
    def readings_start_ms(self) -> int:
        """The first moment at which levels and totals arrive."""
        return self.end_ms - min(self.readings_span_ms or self.span_ms, self.span_ms)

    @property
    def source(self) -> str:
        """The feed that every record names."""
        return f"synthetic:{self.seed}"

    @property
    def surely_within(self) -> int:
        """A repeat at most so many records of its partition after the copy before it is dropped, wherever it falls."""
        return self.window_chunks * self.chunk

    @property
    def surely_beyond(self) -> int:
        """A repeat more than this many records after the copy before it is counted again, wherever it falls."""
        return (self.window_chunks + 1) * self.chunk


def check(spec: FederationSpec) -> FederationSpec:
    """The spec itself. Raises :class:`SpecError` where it contradicts itself."""
    if not 0 <= spec.seed < 1 << 63:
        raise SpecError("The seed must be a whole number between 0 and 2^63 - 1.")
    if spec.events < 1:
        raise SpecError("At least one event must be asked for.")
    if spec.span_ms < 60_000:
        raise SpecError("The span must be at least one minute.")
    if spec.start_ms < EARLIEST_MS:
        raise SpecError("The span must not begin before 2016: time zones were others then.")
    known = len([region for region in regions() if region.confirmed])
    if not 1 <= spec.regions <= known:
        raise SpecError(f"Regions must be between 1 and {known} (those whose codes are confirmed).")
    if not spec.regions <= spec.municipalities <= MAX_MUNICIPALITIES:
        raise SpecError(f"Municipalities must be at least one a region and at most {MAX_MUNICIPALITIES:,}.")
    if not spec.municipalities <= spec.pages <= MAX_PAGES:
        raise SpecError(f"Pages must be at least one a municipality and at most {MAX_PAGES:,}.")
    for name in ("appeal_share", "duplicates", "beyond_window", "restamp", "redate", "late"):
        if not 0 <= getattr(spec, name) <= 1:
            raise SpecError(f"The share `{name}` must lie between 0 and 1.")
    if spec.duplicates > 0.5:
        raise SpecError("At most half of the facts may be sent again.")
    if spec.restamp and spec.municipalities < 2:
        raise SpecError("Another place stamp needs at least two municipalities.")
    if min(spec.spikes, spec.spike_size, spec.out_of_order_ms, spec.readings_span_ms) < 0:
        raise SpecError("Spikes, their size, disorder and the span of readings must not be negative.")
    if spec.chunk < 1 or spec.window_chunks < 1 or spec.partitions < 1:
        raise SpecError("Chunk, window and partitions must be at least 1.")
    return spec


def bench(seed: int, end_ms: int, events: int = 1_000_000) -> FederationSpec:
    """The load of the benchmark: three hours, 175,000 pages with a heavy tail, two appeals in a hundred events."""
    return FederationSpec(
        seed=seed,
        end_ms=end_ms,
        span_ms=3 * HOUR_MS,
        events=events,
        regions=85,
        municipalities=2_300,
        pages=175_000,
        appeal_share=0.02,
        readings=False,
    )
