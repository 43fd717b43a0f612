"""The truth of a run as a directory: a readable summary and the exact figures as JSON lines; written and read back."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec
import polars as pl
from msgspec import Struct

from ingest.simulator.federation import Federation
from ingest.simulator.lives import ANSWERS, LIVES
from ingest.simulator.pages import Page
from ingest.simulator.rows import CHANNELS, KIND, TOPICS
from ingest.simulator.spec import FederationSpec
from ingest.simulator.tally import Repeats
from schemas.contract.events import ENTRANCES, FORMATS, KINDS

FORMAT: Final = 2
_CELLS: Final = {
    "hour": pl.Int64, "place": pl.String, "page": pl.String, "kind": pl.String,
    "first": pl.Int64, "between": pl.Int64, "beyond": pl.Int64,
}  # fmt: skip
_PEOPLE: Final = {"day": pl.String, "place": pl.String, "page": pl.String, "accounts": pl.Int64, "perhaps": pl.Int64}
_APPEALS: Final = {
    "day": pl.String, "entrance": pl.String, "channel": pl.String, "place": pl.String, "count": pl.Int64
}  # fmt: skip
_READINGS: Final = {
    "metric": pl.String, "object": pl.String, "period_from": pl.Int64, "period_to": pl.Int64, "observed_at": pl.Int64,
    "value": pl.Int64, "place": pl.String, "channel": pl.String, "entrance": pl.String,
}  # fmt: skip
_POSTS: Final = {
    "post": pl.String, "page": pl.String, "place": pl.String, "published_at": pl.Int64, "removed_at": pl.Int64,
    "format": pl.String,
}  # fmt: skip
_FRAMES: Final[dict[str, dict[str, type[pl.DataType]]]] = {
    "appeals": _APPEALS, "cells": _CELLS, "people": _PEOPLE, "readings": _READINGS, "lives": LIVES, "answers": ANSWERS,
    "posts": _POSTS,
}  # fmt: skip


class TruthError(Exception):
    """The truth cannot be written or read; the message is one sentence."""


class SpikeTruth(Struct, frozen=True):
    """A burst of appeals that was put in: where, about what, when (milliseconds UTC), and how many came on top."""

    place: str
    topic: str
    start_ms: int
    end_ms: int
    appeals: int


class Summary(Struct, frozen=True, kw_only=True):
    """The figures of a run as a whole."""

    format: int
    #: Says that all of it is invented.
    note: str
    source: str
    spec: FederationSpec
    #: Start and end of the span, ISO 8601 in UTC.
    start: str
    end: str
    #: Whether the run was sent to its end.
    complete: bool
    #: Records of the topic events, and how many facts they carry.
    events: int
    facts: int
    #: Facts by kind, each counted once.
    facts_by_kind: dict[str, int]
    repeats: Repeats
    #: Copies for which the run was too short.
    copies_unsent: int
    #: Distinct appeals, and the exclusive or of the first 64 bits of their identities (16 hex digits).
    appeals: int
    appeals_xor: str
    #: Appeals with at least one official reply, interim or final.
    appeals_replied: int
    #: Official replies that belong to no appeal.
    answers_unmatched: int
    readings: int
    spikes: list[SpikeTruth]


class Truth(Struct, frozen=True):
    """The exact figures of a run.

    ``appeals``: day (Moscow's, ISO), entrance, channel, place, count. ``cells``: hour (UTC, seconds since 1970),
    place, page (empty for none), kind, and the sums of amounts of first copies (``first``), of repeats that the
    counters count again (``beyond``) and of those where that depends on the grid's place (``between``).
    ``people``: day (the place's, ISO), place, page, distinct active accounts, and how many of
    them the tables may lack. ``readings``: the latest observations.
    ``lives``: what became of each appeal; ``answers``: the appeal that each reply belongs to (empty: to none);
    ``posts``: each post with its times; times in milliseconds UTC.
    """

    summary: Summary
    appeals: pl.DataFrame
    cells: pl.DataFrame
    people: pl.DataFrame
    readings: pl.DataFrame
    lives: pl.DataFrame
    answers: pl.DataFrame
    posts: pl.DataFrame


def truth_of(federation: Federation, *, complete: bool) -> Truth:
    """The truth of what was taken from ``federation.records()`` so far."""
    tally, spec = federation.tally, federation.spec
    places = [place.code for place in federation.places]
    pages = [*federation.pages.ids, ""]  # number -1 stands for none
    appeals = _named(tally.appeals(), _APPEALS, places=places, pages=pages)
    lives = tally.lives()
    summary = Summary(
        format=FORMAT,
        note="Synthetic: every page, account, appeal and figure of this run is invented.",
        source=spec.source,
        spec=spec,
        start=_iso(spec.start_ms),
        end=_iso(spec.end_ms),
        complete=complete,
        events=tally.events,
        facts=int(tally.facts.sum()),
        facts_by_kind=dict(zip(KINDS, tally.facts.tolist(), strict=True)),
        repeats=tally.repeats,
        copies_unsent=federation.copies_unsent,
        appeals=int(appeals["count"].sum()),
        appeals_xor=f"{tally.identities_xor:016x}",
        appeals_replied=len(lives.lives.drop_nulls("first_answer_at")),
        answers_unmatched=len(lives.answers.filter(pl.col("appeal") == "")),
        readings=tally.readings_sent,
        spikes=[
            SpikeTruth(places[spike.place], TOPICS[spike.topic], spike.start_ms, spike.end_ms, spike.appeals)
            for spike in federation.activity.spikes
        ],
    )
    people = tally.people()
    if len(people):
        people = people.group_by("day", "place", "page").agg(
            pl.len().cast(pl.Int64).alias("accounts"), pl.col("perhaps").sum().cast(pl.Int64)
        )
    return Truth(
        summary,
        appeals,
        _named(tally.cells(), _CELLS, places=places, pages=pages),
        _named(people, _PEOPLE, places=places, pages=pages),
        _in_order(tally.readings(), _READINGS),
        _in_order(lives.lives, LIVES),
        _in_order(lives.answers, ANSWERS),
        _posts(tally.posts(), places=places, pages=pages),
    )


def write_truth(federation: Federation, path: Path, *, complete: bool = True) -> Truth:
    """Write the truth of ``federation`` into the directory ``path`` (made where absent), and give it back.

    Beside the figures stand ``pages.ndjson`` and ``places.ndjson``, the registers of the synthetic federation.
    Raises TruthError where it cannot be written.
    """
    truth = truth_of(federation, complete=complete)
    try:
        path.mkdir(parents=True, exist_ok=True)
        for name in _FRAMES:
            getattr(truth, name).write_ndjson(path / f"{name}.ndjson")
        pages: list[Page] = federation.pages.register(federation.places)
        (path / "pages.ndjson").write_bytes(msgspec.json.Encoder().encode_lines(pages))
        (path / "places.ndjson").write_bytes(msgspec.json.Encoder().encode_lines(federation.places))
        # The summary comes last: where it stands, the rest is there.
        (path / "summary.json").write_bytes(msgspec.json.format(msgspec.json.encode(truth.summary), indent=2) + b"\n")
    except OSError as error:
        raise TruthError(f"The truth cannot be written to {path}: {error.strerror}.") from error
    return truth


def load_truth(path: Path) -> Truth:
    """The truth that :func:`write_truth` left in the directory ``path``. Raises TruthError where there is none."""
    try:
        summary = msgspec.json.decode((path / "summary.json").read_bytes(), type=Summary)
        frames = {name: pl.read_ndjson(path / f"{name}.ndjson", schema=schema) for name, schema in _FRAMES.items()}
    except OSError as error:
        raise TruthError(f"{path} holds no truth of a simulation: {error.strerror or error}.") from error
    except msgspec.DecodeError as error:
        raise TruthError(f"{path / 'summary.json'} is not the summary of a simulation: {error}.") from error
    if summary.format != FORMAT:
        raise TruthError(f"{path} was written by another release (format {summary.format}, this one reads {FORMAT}).")
    return Truth(summary, **frames)


def _posts(frame: pl.DataFrame, *, places: list[str], pages: list[str]) -> pl.DataFrame:
    """One row a post. What its publication says stands before what its removal says."""
    if not len(frame):
        return _in_order(frame, _POSTS)
    published = pl.col("kind") == KIND["post_published"]
    by_post = (
        frame.with_columns(
            pl.when(published).then("at").alias("published_at"), pl.when(~published).then("at").alias("removed_at")
        )
        .sort(~published)
        .group_by("page", "post")
        .agg(pl.col("place", "format").first(), pl.col("published_at", "removed_at").max())
    )
    forms = pl.Series((*FORMATS, ""), dtype=pl.String)
    page = pl.Series(pages, dtype=pl.String).gather(by_post["page"].cast(pl.Int64))
    columns = by_post.with_columns(
        page.alias("page"),
        (page + "_" + by_post["post"].cast(pl.String)).alias("post"),
        pl.Series("place", places, dtype=pl.String).gather(by_post["place"].cast(pl.Int64)),
        forms.gather(by_post["format"].cast(pl.Int64)).alias("format"),
    )
    return _in_order(columns, _POSTS)


def _named(
    frame: pl.DataFrame, schema: dict[str, type[pl.DataType]], *, places: list[str], pages: list[str]
) -> pl.DataFrame:
    """Numbers of the tally as the texts of the contract, in a stable order."""
    texts = {"place": places, "page": pages, "kind": KINDS, "entrance": ENTRANCES, "channel": CHANNELS}
    columns: list[pl.Series] = []
    for name in schema:
        if not len(frame):
            break
        column = frame[name]
        if name in texts:
            # polars takes an index below zero from the end, so -1 is the empty page.
            column = pl.Series(name, texts[name], dtype=pl.String).gather(column.cast(pl.Int64))
        elif name == "day":
            column = column.cast(pl.Int32).cast(pl.Date).cast(pl.String)
        elif name == "hour":
            column = column.cast(pl.Int64) * 3600
        columns.append(column.alias(name))
    return _in_order(pl.DataFrame(columns), schema)


def _in_order(frame: pl.DataFrame, schema: dict[str, type[pl.DataType]]) -> pl.DataFrame:
    if not len(frame):
        return pl.DataFrame(schema=schema)
    return frame.select(pl.col(name).cast(kind) for name, kind in schema.items()).sort(list(schema), nulls_last=True)


def _iso(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, tz=UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
