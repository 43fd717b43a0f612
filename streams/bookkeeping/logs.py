"""Logs: the recorded number of each topic's id. A topic deleted and created again is another log.

aiokafka fetches by name and does not notice it: workers ask the broker for the ids at every assignment and before every
flush.
"""

from __future__ import annotations

from clickhouse_connect.driver.client import Client
from msgspec import Struct


class Log(Struct, frozen=True):
    """A topic's life between its creation and its deletion: the id that the broker gave it, and its recorded number."""

    topic_id: str
    number: int


def recorded_logs(client: Client) -> dict[str, int]:
    """The number of every recorded log by its topic's id, as ``gospulse topics apply`` recorded them."""
    rows = client.query("SELECT topic_id, min(log) FROM gospulse_data.logs GROUP BY topic_id").result_rows
    return {str(topic_id): int(number) for topic_id, number in rows}


def unregistered(topic: str, topic_id: str | None, known_before: bool) -> str:
    """Why a topic without a recorded log cannot be folded, as one sentence with the way out.

    ``topic_id`` is None where the broker has no such topic; ``known_before`` says whether this worker folded
    another log under the name.
    """
    if topic_id is None:
        return f"The topic {topic} does not exist: create it with `gospulse topics apply`."
    happened = "was deleted and created again" if known_before else "is not registered"
    return f"The topic {topic} {happened} (id {topic_id}): register it as a log with `gospulse topics apply`."
