"""Copies standard input into a log file of bounded size; run as a small process beside each process of the stack.

A pipe and a process of its own, because a process that crashes cannot keep its own log: what it wrote last is already
in the pipe. The file is moved to ``FILE.1`` when it is full, so that a log never takes more than twice the bound.
Started by its path with ``python -I -S``: it imports nothing of Gospulse, to start in milliseconds and to stay small.
"""

import os
import signal
import sys

LIMIT = 8 * 1024 * 1024


def copy(source: int, path: str, limit: int) -> None:
    """Appends what comes from the descriptor ``source`` to the file ``path``, which stays below ``limit`` bytes."""
    log, size = _open(path)
    while block := os.read(source, 65_536):
        try:
            if size + len(block) > limit:
                os.close(log)
                os.replace(path, path + ".1")
                log, size = _open(path)
            size += os.write(log, block)
        except OSError:
            # A full disk must not stop the process whose log this is: go on reading, lose the line.
            continue
    os.close(log)


def _open(path: str) -> tuple[int, int]:
    log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    return log, os.fstat(log).st_size


if __name__ == "__main__":
    # It ends when the last writer is gone, never before: Ctrl-C and SIGTERM are for the others.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    copy(0, sys.argv[1], LIMIT)
