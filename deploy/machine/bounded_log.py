"""Copies standard input to a log file of bounded size; runs as a small process beside each process of the stack.

It is a process of its own, because a crashing process cannot write its last lines: they are in the pipe already. A full
file is moved to ``FILE.1``, so a log takes at most twice the bound. It is started by its path with ``python -I -S`` and
imports nothing of Gospulse, to start in milliseconds and to use little memory.
"""

import os
import signal
import sys

LIMIT = 8 * 1024 * 1024


def copy(source: int, path: str, limit: int) -> None:
    """Appends the data of the descriptor ``source`` to the file ``path``, which stays below ``limit`` bytes."""
    log, size = _open(path)
    while block := os.read(source, 65_536):
        try:
            if size + len(block) > limit:
                os.close(log)
                os.replace(path, path + ".1")
                log, size = _open(path)
            size += os.write(log, block)
        except OSError:
            # A full disk must not stop the process that writes: keep reading, lose the line.
            continue
    os.close(log)


def _open(path: str) -> tuple[int, int]:
    log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    return log, os.fstat(log).st_size


if __name__ == "__main__":
    # It ends after the last writer: Ctrl-C and SIGTERM are for the other processes.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    copy(0, sys.argv[1], LIMIT)
