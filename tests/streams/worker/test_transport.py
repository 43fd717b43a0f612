"""The transport: batches from real record batches, gaps, and a guard on what it replaces and leans on."""

from __future__ import annotations

import hashlib
import inspect
import re
from importlib.metadata import version
from typing import Any, Final

import pytest
from aiokafka.consumer import fetcher
from aiokafka.consumer.group_coordinator import CoordinatorGroupRebalance, GroupCoordinator
from aiokafka.consumer.subscription_state import SubscriptionState
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.record.util import calc_crc32c
from faust.app import App
from faust.serializers.schemas import Schema
from faust.tables.recovery import Recovery
from faust.transport import consumer
from faust.transport.drivers import aiokafka as driver

from streams.worker.fetched_batch import read_batch
from streams.worker.transport import BatchConsumer, BatchConsumerThread

#: What the transport replaces or leans on, by the first digits of the SHA-256 of its source (spaces made equal). When
#: one changes: read it, then streams/worker/transport.py, then write the new digits here.
GUARDED: Final[dict[Any, str]] = {
    App._new_transport: "5fe9a447fc33",
    Schema.compile: "3b5c056274cd",
    Recovery.on_recovery_completed: "3b29633e17e7",
    Recovery._resume_streams: "c8d84b56726b",
    consumer.Consumer.getmany: "5ed6b5dc7f44",
    consumer.Consumer.perform_seek: "11f96019c4c7",
    consumer.Consumer.force_commit: "f58fc0c4c8ef",
    consumer.Consumer.commit: "e3c070bca655",
    consumer.Consumer._drain_messages: "8165b4c69e97",
    consumer.Consumer.ack: "3bcdb5fa6ecd",
    driver.Consumer.verify_event_path: "158d8319c975",
    driver.Consumer._to_message: "e2e46171fedd",
    driver.AIOKafkaConsumerThread.commit: "3c7dc12fb425",
    driver.AIOKafkaConsumerThread._commit: "d6126986bede",
    driver.AIOKafkaConsumerThread.getmany: "311d10b0c5de",
    driver.AIOKafkaConsumerThread._fetch_records: "cd58cbe15d26",
    driver.AIOKafkaConsumerThread._create_worker_consumer: "7600357bde06",
    fetcher.Fetcher._proc_fetch_request: "aaf4277d783f",
    fetcher.Fetcher.fetched_records: "4207bd1d2804",
    fetcher.Fetcher._get_actions_per_node: "289603c7859c",
    fetcher.Fetcher.seek_to: "48b6d971136f",
    fetcher.FetchResult: "0fd1166170e2",
    fetcher.FetchError: "c50952f69771",
    fetcher.PartitionRecords: "77474d495006",
    GroupCoordinator.ensure_active_group: "06165319a779",
    CoordinatorGroupRebalance._send_sync_group_request: "3a1bdec8c3b6",
    SubscriptionState.fetch_context: "e39bef45813d",
}
REPLACED: Final = (
    (BatchConsumer, consumer.Consumer, ("getmany", "perform_seek", "force_commit")),
    (BatchConsumer, driver.Consumer, ("verify_event_path", "_to_message", "_new_consumer_thread")),
    (BatchConsumerThread, driver.AIOKafkaConsumerThread, ("commit", "_commit", "_fetch_records", "on_start")),
)


def test_faust_and_aiokafka_are_the_pinned_ones() -> None:
    assert (version("faust-streaming"), version("aiokafka")) == ("0.15.3", "0.14.0")


@pytest.mark.parametrize("thing", GUARDED, ids=lambda thing: thing.__qualname__)
def test_what_the_transport_leans_on_is_unchanged(thing: Any) -> None:
    source = re.sub(r"\s+", " ", inspect.getsource(thing))
    assert hashlib.sha256(source.encode()).hexdigest()[:12] == GUARDED[thing]


def test_what_is_replaced_keeps_its_parameters() -> None:
    for ours, theirs, names in REPLACED:
        for name in names:
            mine, original = (inspect.signature(getattr(kind, name)) for kind in (ours, theirs))
            assert list(mine.parameters) == list(original.parameters), name


def _records(blocks: list[tuple[int, list[bytes | None]]], first: int, *, spoil: bool = False) -> Any:
    """What aiokafka has after a fetch: record batches of the given base offsets, to be read from ``first`` on."""
    raw = b""
    for base, values in blocks:
        builder = DefaultRecordBatchBuilder(2, 0, 0, -1, -1, -1, 1 << 20)
        for index, value in enumerate(values):
            builder.append(index, 1_700_000_000_000 + index, b"key", value, [("h", b"x")])
        built = bytearray(builder.build())
        # The base offset lies outside the checksum, as brokers rely on too.
        built[:8] = base.to_bytes(8, "big")
        raw += bytes(built)
    if spoil:
        raw = raw[:-1] + bytes([raw[-1] ^ 1])
    return fetcher.PartitionRecords(("events", 0), MemoryRecords(raw), [], first, None, None, True, 0)


def test_blocks_become_one_batch_from_the_asked_offset_on() -> None:
    records = _records([(10, [b"a", None, b"c"]), (13, [b"d"])], 11)
    batch = read_batch(records)
    assert (batch.first_offset, batch.values) == (11, [None, b"c", b"d"])
    assert list(batch.appended) == [1_700_000_000_001, 1_700_000_000_002, 1_700_000_000_000]
    assert records.next_fetch_offset == batch.next_offset == 14


def test_times_of_the_log_are_those_of_the_whole_block() -> None:
    """What the broker stamped: aiokafka's own records say the same."""
    builder = DefaultRecordBatchBuilder(2, 0, 0, -1, -1, -1, 1 << 20)
    for index in range(3):
        builder.append(index, 1_700_000_000_000 + index, None, b"x", [])
    raw = bytearray(builder.build())
    raw[22] |= 0x08  # The times are those of the log.
    raw[35:43] = (1_800_000_000_000).to_bytes(8, "big")
    raw[17:21] = calc_crc32c(bytes(raw[21:])).to_bytes(4, "big")
    block = MemoryRecords(bytes(raw)).next_batch()
    assert block is not None
    records = fetcher.PartitionRecords(("events", 0), MemoryRecords(bytes(raw)), [], 1, None, None, True, 0)
    batch = read_batch(records)
    assert list(batch.appended) == [record.timestamp for record in block][1:] == [1_800_000_000_000] * 2


def test_a_hole_ends_the_batch_so_that_the_next_one_shows_it() -> None:
    records = _records([(10, [b"a"]), (12, [b"c"])], 10)
    assert read_batch(records).values == [b"a"]
    assert records.next_fetch_offset == 11
    later = read_batch(_records([(12, [b"c"])], 11))
    assert (later.first_offset, later.values) == (12, [b"c"])


def _block(base: int, values: list[bytes | None], producer: int = -1, *, transactional: bool = False) -> bytes:
    """A record batch of a producer, as it stands in the log."""
    builder = DefaultRecordBatchBuilder(2, 0, transactional, producer, 0, 0, 1 << 20)
    for index, value in enumerate(values):
        builder.append(index, 1_700_000_000_000 + base + index, None, value, [])
    built = bytearray(builder.build())
    built[:8] = base.to_bytes(8, "big")
    return bytes(built)


def _resealed(raw: bytearray) -> bytes:
    raw[17:21] = calc_crc32c(bytes(raw[21:])).to_bytes(4, "big")
    return bytes(raw)


def _marker(base: int, producer: int, *, commit: bool) -> bytes:
    """A control batch: the marker that ends a transaction (KIP-98)."""
    builder = DefaultRecordBatchBuilder(2, 0, 1, producer, 0, -1, 1 << 20)
    builder.append(0, 1_700_000_000_000 + base, bytes([0, 0, 0, int(commit)]), bytes(6), [])
    raw = bytearray(builder.build())
    raw[:8] = base.to_bytes(8, "big")
    raw[22] |= 0x20
    return _resealed(raw)


def _compacted(base: int, values: list[bytes | None], last: int) -> bytes:
    """A record batch whose last records compaction removed: its header keeps the offset of the last one."""
    raw = bytearray(_block(base, values))
    raw[23:27] = (last - base).to_bytes(4, "big")
    return _resealed(raw)


def _fetched(raw: bytes, first: int, aborted: list[tuple[int, int]] | None = None) -> Any:
    return fetcher.PartitionRecords(
        ("events", 0), MemoryRecords(raw), aborted or [], first, None, None, True, fetcher.READ_COMMITTED
    )


def test_markers_of_transactions_are_voids() -> None:
    raw = _block(10, [b"a"], 7, transactional=True) + _marker(11, 7, commit=True) + _block(12, [b"b"])
    batch = read_batch(_fetched(raw, 10))
    assert (batch.first_offset, batch.values, set(batch.voids)) == (10, [b"a", None, b"b"], {11})
    assert batch.records == 2


def test_a_fetch_of_markers_only_is_a_batch_of_voids() -> None:
    records = _fetched(_marker(11, 7, commit=True), 11)
    batch = read_batch(records)
    assert (batch.first_offset, batch.values, set(batch.voids)) == (11, [None], {11})
    assert records.next_fetch_offset == 12


def test_records_of_an_aborted_transaction_are_voids_and_no_others() -> None:
    raw = (
        _block(10, [b"gone", b"gone"], 7, transactional=True)
        + _block(12, [b"other"], 8, transactional=True)
        + _block(13, [b"plain"])
        + _marker(14, 7, commit=False)
        + _block(15, [b"again"], 7, transactional=True)
        + _marker(16, 7, commit=True)
        + _marker(17, 8, commit=True)
    )
    batch = read_batch(_fetched(raw, 10, [(7, 10)]))
    assert batch.voids == {10, 11, 14, 16, 17}
    assert [value for value in batch.values if value is not None] == [b"other", b"plain", b"again"]
    later = read_batch(_fetched(raw, 11, [(7, 10)]))
    assert (later.first_offset, set(later.voids)) == (11, {11, 14, 16, 17})


def test_offsets_that_compaction_removed_inside_a_block_are_voids() -> None:
    raw = _compacted(10, [b"a", b"b"], 14) + _block(15, [b"c"])
    batch = read_batch(_fetched(raw, 10))
    assert (batch.values, set(batch.voids)) == ([b"a", b"b", None, None, None, b"c"], {12, 13, 14})
    assert list(batch.appended)[:2] == [1_700_000_000_010, 1_700_000_000_011]


def test_offsets_between_two_blocks_are_a_gap() -> None:
    """No header explains them: the batch ends, and the next one begins beyond what is expected."""
    raw = _block(10, [b"a"], 7, transactional=True) + _marker(13, 7, commit=True)
    records = _fetched(raw, 10)
    assert read_batch(records).values == [b"a"]
    later = read_batch(_fetched(_marker(13, 7, commit=True), records.next_fetch_offset))
    assert (records.next_fetch_offset, later.first_offset) == (11, 13)


def test_a_wrong_checksum_is_no_batch() -> None:
    with pytest.raises(CorruptRecordException):
        read_batch(_records([(10, [b"a", b"b"])], 10, spoil=True))
