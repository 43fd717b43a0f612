"""The report of a verification: rows that were compared, differences, and notes for the reader."""

from __future__ import annotations

from msgspec import Struct, field

from streams.verify.findings import Findings


class PartitionReport(Struct, frozen=True):
    """The stretch of one partition that was recounted. Offsets are "next": exclusive ends."""

    topic: str
    log: int
    part: int
    #: First offset whose rows were judged. Above 0 the records before it are gone from the log, or were carried over.
    judged_from: int
    #: Every row up to here had to be written.
    acknowledged: int
    end: int


class RepeatReport(Struct):
    """Repeats: harmless for facts at any distance, for counters within the window."""

    #: Copies of facts that the log holds beyond the first of each, by table.
    fact_copies: dict[str, int] = field(default_factory=dict)
    #: Records that the window dropped from the counters.
    dropped_by_window: int = 0
    #: Records counted again, beyond the window: of appeal kinds and of engagement.
    counted_again_appeals: int = 0
    counted_again_engagement: int = 0


class Reconciliation(Struct, frozen=True):
    """Appeals by two routes: as facts, and as records counted on their way in ``page_hour``."""

    facts: int
    counted: int
    #: Counted records whose appeal stands already, as the recount knows them: what the difference must be.
    explained: int

    @property
    def difference(self) -> int:
        """How many more records were counted than appeals stand."""
        return self.counted - self.facts


class Report(Struct, kw_only=True):
    """The report of ``gospulse verify``."""

    generation: int
    records: int
    partitions: list[PartitionReport]
    findings: Findings
    #: Facts and readings that the log holds, by table.
    facts: dict[str, int]
    repeats: RepeatReport
    #: Appeals whose copies lie in two or more hours: each counts in the hour of its earliest copy.
    appeals_in_several_hours: int
    #: None where load, a trimmed log or retention makes the two routes incomparable.
    reconciliation: Reconciliation | None
    #: Whether every partition was acknowledged to its end during the whole run.
    quiet: bool
    #: Logs of topics that were deleted: their rows cannot be recounted.
    deleted_logs: list[int]
    #: By table that has a limit of age: rows before this time (UTC) may be absent.
    kept_from: dict[str, str] = field(default_factory=dict)
    #: Roll-ups that the refresher had not brought up to date; None where none was compared because rows changed.
    rollups_behind: list[str] | None = None

    #: Records that were not judged although they are in the log, or rows although they are stored: sentences.
    unjudged: list[str] = field(default_factory=list)

    @property
    def green(self) -> bool:
        """Whether everything was judged, and every row is what the log says."""
        return self.findings.green and not self.unjudged
