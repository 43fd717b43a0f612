"""Whether imported records wait in a stopped partition: they are in Kafka, but nothing counts them."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime

from clickhouse_connect.driver.exceptions import ClickHouseError

from deploy.clickhouse.client import clickhouse
from deploy.errors import UserError
from deploy.settings import Settings
from schemas.clickhouse.generations import NoGenerationError, active_generation
from streams.bookkeeping.offsets import KafkaOffsets, KafkaUnavailableError
from streams.bookkeeping.partition_state import partition_states, problems


def waiting(settings: Settings, topic: str, parts: Collection[int]) -> str | None:
    """Why records in ``parts`` of ``topic`` are not counted, in sentences; None where they are or nobody knows.

    An import needs no ClickHouse: where it does not answer, nothing is said.
    """
    try:
        with clickhouse(settings.clickhouse) as client, KafkaOffsets(settings.kafka) as offsets:
            states = partition_states(client, offsets, active_generation(client), (topic,), datetime.now(UTC))
    except (UserError, ClickHouseError, KafkaUnavailableError, NoGenerationError):
        return None
    stopped = [state for state in states if state.part in parts and state.stopped is not None]
    if not stopped:
        return None
    return f"The records are in Kafka, but some of them are not counted yet. {' '.join(problems(stopped))}"
