"""``gospulse spikes accept | confirm | dismiss | hand-over``: what an officer decided about an episode."""

from __future__ import annotations

import getpass
import os
from datetime import UTC, datetime

from clickhouse_connect.driver.client import Client

from deploy.clickhouse.client import clickhouse
from deploy.errors import FAILURE, GOOD, WRONG_USE, UserError
from deploy.settings import Settings

#: Longest reason that is kept.
MOST_CHARACTERS = 500


def decide(settings: Settings, episode: str, decision: str, why: str) -> int:
    """Record a decision. Exit code 1 where the episode is not known."""
    reason = " ".join(why.split())
    if not reason or len(reason) > MOST_CHARACTERS:
        raise UserError(f"--why takes 1 to {MOST_CHARACTERS} characters", WRONG_USE)
    with clickhouse(settings.clickhouse) as client:
        if not exists(client, episode):
            raise UserError(f"there is no episode {episode}: see `gospulse spikes list --all`", FAILURE)
        record(client, episode, decision, reason, os.environ.get("GOSPULSE_ROLE") or getpass.getuser())
    print(f"Episode {episode}: {decision}.")
    return GOOD


def exists(client: Client, episode: str) -> bool:
    """Whether there is an episode with this identity."""
    rows = client.query(
        "SELECT count() FROM gospulse_data.spikes WHERE id = {id:String}", parameters={"id": episode}
    ).result_rows
    return bool(rows[0][0])


def record(client: Client, episode: str, decision: str, why: str, by: str) -> None:
    """Write a decision; the latest one of an episode stands."""
    client.insert(
        "gospulse_data.spike_decisions",
        [[episode, datetime.now(UTC), decision, why, by]],
        column_names=["id", "at", "decision", "why", "by"],
        settings={"async_insert": 0},
    )
