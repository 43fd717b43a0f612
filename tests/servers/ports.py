"""Ports for servers of tests: below those of outgoing connections, and each test process from a range of its own.

A port that is looked for now and bound later can be taken meanwhile: by another test process that looked as well, or
as the near end of somebody's connection.
"""

from __future__ import annotations

import itertools
import os
from typing import Final

from deploy.machine.processes import is_free

HOST: Final = "127.0.0.1"
#: Linux gives outgoing connections ports from 32768 on.
_FIRST: Final = 15_000
#: For each test process. A stack takes the ten ports from the one that it is given.
_PORTS: Final = 2_000
_STRIDE: Final = 10


def _own() -> int:
    """The number of this test process: of pytest-xdist's ``gw0``, ``gw1`` ..., and one for a process alone."""
    name = os.environ.get("PYTEST_XDIST_WORKER", "gw7")
    return _FIRST + int(name.removeprefix("gw")) % 8 * _PORTS


# Begins elsewhere each time: a run that was killed may have left servers behind, and another one may be under way.
_offered = itertools.count(os.getpid() * 67 * _STRIDE, _STRIDE)


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on, and that this process has not given out lately."""
    for number in _offered:
        port = _own() + number % _PORTS
        if is_free(HOST, port):
            return port
    raise AssertionError("unreachable: the count does not end")
