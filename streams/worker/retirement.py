"""Retirement: a worker learns that nobody reads what it writes any more."""

from __future__ import annotations

import asyncio
from typing import Final

from clickhouse_connect.driver.exceptions import ClickHouseError

from schemas.clickhouse.generations import state_of
from streams.worker.sink import Sink

#: How often the state of the generation is looked up.
LOOK_S: Final = 3.0


def sentence(generation: int) -> str:
    """What a worker of a retired generation says, with the way out."""
    return (
        f"Generation {generation} is retired: nobody reads its tables. "
        "`gospulse worker` without --generation folds the active one; `gospulse rebuild list` shows all."
    )


async def until_retired(sink: Sink, generation: int) -> None:
    """Return once the generation is recorded as retired; ClickHouse being away only delays it."""
    while True:
        await asyncio.sleep(LOOK_S)
        try:
            if await sink.ask(lambda client: state_of(client, generation)) == "retired":
                return
        except (ClickHouseError, OSError):
            continue
