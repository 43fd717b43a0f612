"""Rows: the columns of synthetic events on their way, and the lists that their small numbers stand for."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from schemas.contract.events import APPEAL_KINDS, ENTRANCES, FORMATS, KINDS, NATURES
from schemas.reference import reference_data

CHANNELS: Final = ("vk", "ok", "telegram", "max", "pos", "email", "office", "other")
RESPONDERS: Final = ("Администратор страницы", "МЦУ", "ЦУР", "Профильное ведомство")
TOPICS: Final = tuple(topic.code for topic in reference_data.topics() if topic.parent is not None)

KIND: Final = {kind: number for number, kind in enumerate(KINDS)}
ENTRANCE: Final = {entrance: number for number, entrance in enumerate(ENTRANCES)}
CHANNEL: Final = {channel: number for number, channel in enumerate(CHANNELS)}
FORMAT_COUNT: Final = len(FORMATS)
NATURE_COUNT: Final = len(NATURES)
#: Kinds below this number are those of appeals.
APPEAL_KIND_COUNT: Final = len(APPEAL_KINDS)

#: Threads and messages from this number on belong to no citizen: an answer that names them is unmatched.
UNKNOWN: Final = 1 << 50

#: One record. Numbers below zero stand for null; ``fact`` is the fact's number (its copies share it), ``send`` the
#: moment at which it arrives, ``repeats`` how many copies of it will be sent, ``tracked`` whether other records share
#: the fact. ``appeal``, ``thread``, ``message`` and ``reply`` are what the record names, as in the contract.
ROW: Final = np.dtype(
    [
        ("fact", np.int64),
        ("at", np.int64),
        ("send", np.int64),
        ("author", np.int64),
        ("appeal", np.int64),
        ("thread", np.int64),
        ("message", np.int64),
        ("reply", np.int64),
        ("page", np.int32),
        ("place", np.int32),
        ("amount", np.int32),
        ("post", np.int32),
        ("topic", np.int16),
        ("kind", np.int8),
        ("channel", np.int8),
        ("entrance", np.int8),
        ("responder", np.int8),
        ("format", np.int8),
        ("nature", np.int8),
        ("rating", np.int8),
        ("repeats", np.int8),
        ("urgent", np.bool_),
        ("tracked", np.bool_),
    ]
)

_NULLABLE: Final = (
    "author", "appeal", "thread", "message", "reply", "page", "post", "topic", "responder", "format", "nature", "rating"
)  # fmt: skip

Rows = NDArray[np.void]


def new_rows(count: int, first_fact: int) -> Rows:
    """``count`` rows with fresh fact numbers; every nullable column is null, every amount 1."""
    rows: Rows = np.zeros(count, dtype=ROW)
    rows["fact"] = np.arange(first_fact, first_fact + count)
    for column in _NULLABLE:
        rows[column] = -1
    rows["amount"] = 1
    return rows


def no_rows() -> Rows:
    """No rows."""
    return np.zeros(0, dtype=ROW)
