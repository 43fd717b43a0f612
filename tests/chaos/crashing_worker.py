"""A worker that kills itself between the inserts of two tables; otherwise the real one."""

from __future__ import annotations

import os
import signal
import sys

from deploy.cli.main import main
from streams.worker.inserts import Insert
from streams.worker.sink import Sink


def crash_between_inserts(flushes: int, after: str = "page_hour") -> None:
    """The ``flushes``-th insert into ``after`` is acknowledged, and nothing of this process happens after it."""
    write = Sink._until_acknowledged
    left = [flushes]

    async def writing(self: Sink, insert: Insert) -> None:
        await write(self, insert)
        if insert.table == after:
            left[0] -= 1
            if left[0] <= 0:
                os.kill(os.getpid(), signal.SIGKILL)

    Sink._until_acknowledged = writing  # type: ignore[method-assign]


if __name__ == "__main__":
    crash_between_inserts(int(sys.argv[1]))
    sys.exit(main(["worker", *sys.argv[2:]]))
