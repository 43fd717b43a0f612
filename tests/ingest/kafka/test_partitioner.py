"""A key goes to the partition where every Kafka client with Java's rule sends it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from kafka.partitioner.default import murmur2 as reference

from ingest.kafka.partitioner import Partitioner, murmur2


@given(st.binary(max_size=300))
def test_the_hash_is_kafkas(data: bytes) -> None:
    assert murmur2(data) == reference(data)


@given(st.binary(max_size=64), st.integers(min_value=1, max_value=64))
def test_the_partition_is_kafkas(key: bytes, count: int) -> None:
    partition = Partitioner(count)
    assert partition(key) == partition(key) == (reference(key) & 0x7FFFFFFF) % count
