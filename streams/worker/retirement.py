"""Retirement: a worker ends when its generation is retired."""

from __future__ import annotations

import asyncio
from typing import Final

from clickhouse_connect.driver.exceptions import ClickHouseError

from schemas.clickhouse.generations import state_of
from streams.worker.sink import Sink

#: How often the state of the generation is looked up.
LOOK_S: Final = 3.0


def sentence(generation: int) -> str:
    """The last sentence of a worker of a retired generation, with the way out."""
    return (
        f"Generation {generation} is retired: nobody reads its tables. "
        "`gospulse worker` without --generation folds the active one; `gospulse rebuild list` shows all."
    )


async def until_retired(sink: Sink, generation: int) -> None:
    """Return when the generation is recorded as retired. An outage of ClickHouse only delays this."""
    while True:
        await asyncio.sleep(LOOK_S)
        try:
            if await sink.ask(lambda client: state_of(client, generation)) == "retired":
                return
        except (ClickHouseError, OSError):
            continue
