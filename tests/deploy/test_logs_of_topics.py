"""The numbers of logs, on a real ClickHouse."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from deploy import topics
from deploy.clickhouse.client import clickhouse as open_clickhouse
from deploy.topics import Existing
from schemas.connections import ClickHouseConnection
from streams.bookkeeping.logs import recorded_logs

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)


def test_each_topic_id_has_one_number_for_ever(tables: ClickHouseConnection) -> None:
    with open_clickhouse(tables) as client:
        first = topics.register(client, {"events": Existing("id-a", 8), "readings": Existing("id-b", 8)}, NOW)
        assert sorted(first.values()) == [1, 2]
        assert topics.register(client, {"events": Existing("id-a", 8), "readings": Existing("id-b", 8)}, NOW) == first
        # The topic was deleted and created again: another log with the next number; the former keeps its own.
        second = topics.register(client, {"events": Existing("id-c", 8), "readings": Existing("id-b", 8)}, NOW)
        assert second == {"events": 3, "readings": first["readings"]}
        assert recorded_logs(client) == {"id-a": first["events"], "id-b": first["readings"], "id-c": 3}


def test_one_number_for_two_topics_is_noticed(tables: ClickHouseConnection) -> None:
    with open_clickhouse(tables) as client:
        topics.register(client, {"events": Existing("id-a", 8)}, NOW)
        client.insert(topics.LOGS, [["id-x", "events", 1, NOW]], ["topic_id", "topic", "log", "registered_at"])
        with pytest.raises(topics.TopicsError, match="one number to two topics"):
            topics.register(client, {"events": Existing("id-a", 8)}, NOW)
