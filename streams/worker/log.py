"""The log of a worker: one line for each change of state, without the debug output of libraries."""

from __future__ import annotations

import logging
import sys
from typing import Final, TextIO

FORMAT: Final = "%(asctime)s %(levelname)-7s %(message)s"

#: While a broker is away aiokafka and kafka-python write several lines a second; what matters is said by our own
#: modules. Faust's errors are kept: its services crash with a trace.
_LEVELS: Final = {
    "aiokafka": logging.CRITICAL,
    "kafka": logging.CRITICAL + 1,
    "faust": logging.ERROR,
    "mode": logging.ERROR,
    "asyncio": logging.ERROR,
    "aiohttp": logging.ERROR,
    "clickhouse_connect": logging.CRITICAL,
    "urllib3": logging.CRITICAL,
}


def log_to(stream: TextIO = sys.stderr, level: int = logging.INFO) -> None:
    """Send the log of this process to ``stream``, times in the process's zone."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter(FORMAT))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name, quiet in _LEVELS.items():
        logging.getLogger(name).setLevel(quiet)
