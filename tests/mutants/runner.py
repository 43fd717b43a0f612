"""The runner: one mutant at a time in a copy of the tree, judged by the tests that it names."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from multiprocessing import get_context
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Final, Literal

import pytest
from msgspec import Struct

from tests.mutants.mutant import ROOT, Mutant

#: ``died``: a test went red. ``SURVIVED``: all stayed green. ``NO VERDICT``: they could not run, or not in time.
Outcome = Literal["died", "SURVIVED", "NO VERDICT"]
#: How long tests may take to end their servers once the time is up.
_END_S: Final = 30.0
#: Libraries that are imported once for all runs: importing them takes longer than most of the tests. None of them may
#: be a plugin of pytest, which rewrites those itself.
_PRELOADED: Final = ["aiokafka", "clickhouse_connect", "hypothesis", "kafka", "polars", "pytest", "scipy.special"]
_FORKS: Final = get_context("forkserver")
_FORKS.set_forkserver_preload(_PRELOADED)
#: What the copy shares with the tree: neither holds code of ours.
_SHARED: Final = (".venv", ".cache")


class Verdict(Struct, frozen=True):
    """What became of a mutant; ``output`` are the last lines of pytest."""

    mutant: Mutant
    outcome: Outcome
    seconds: float
    output: str


class Copy:
    """A copy of the tree: what git tracks and what it would, as it stands in the working folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout.decode()
        for name in filter(None, listed.split("\0")):
            # A file that was deleted and not committed is still listed.
            if (source := ROOT / name).is_file():
                target = folder / name
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source, target)
        for name in _SHARED:
            if (ROOT / name).exists():
                (folder / name).symlink_to(ROOT / name)

    def judge(self, mutant: Mutant, limit_s: float) -> Verdict:
        """Apply a mutant, run its tests, restore the file. Raises StaleMutantError."""
        path = self.folder / mutant.file
        text = path.read_text(encoding="utf-8")
        path.write_text(mutant.mutated(text), encoding="utf-8")
        begin = time.monotonic()
        try:
            code, output = self.run(mutant.tests, limit_s)
        finally:
            path.write_text(text, encoding="utf-8")
        # On a machine that is too busy every test goes red by its time limit.
        red = code == 1 and "from pytest-timeout" not in output
        outcome: Outcome = "SURVIVED" if code == 0 else "died" if red else "NO VERDICT"
        return Verdict(mutant, outcome, time.monotonic() - begin, output)

    def run(self, tests: Sequence[str], limit_s: float) -> tuple[int | None, str]:
        """pytest's exit code and its last lines; None where the time was up."""
        log = self.folder / "output-of-pytest"
        process = _FORKS.Process(target=_run_pytest, args=(str(self.folder), str(log), list(tests)))
        process.start()
        code: int | None = None
        try:
            process.join(limit_s)
            code = process.exitcode
        finally:
            if process.is_alive():
                _end(process)
        return code, "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-8:])


def _run_pytest(folder: str, log: str, tests: list[str]) -> None:
    """In a process of its own: run pytest in a copy of the tree, with modules of that copy only."""
    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(output, 1)
    os.dup2(output, 2)
    # This module was imported from the tree that was copied.
    for name in [name for name in sys.modules if name.partition(".")[0] == "tests"]:
        del sys.modules[name]
    os.chdir(folder)
    sys.path.insert(0, folder)
    # Bytecode is recognised by time and size of its source, which two mutants may share. CI: the same examples of
    # hypothesis in every run.
    sys.dont_write_bytecode = True
    os.environ.update(PYTHONDONTWRITEBYTECODE="1", PYTHONPATH=folder, CI="1")
    # Hypothesis is loaded before pytest could rewrite its part that is a plugin: nothing asserts there.
    quiet = ["-q", "--tb=line", "-W", "ignore::pytest.PytestAssertRewriteWarning", "-p", "no:cacheprovider"]
    # Long tests count here, too.
    quiet += ["-m", "not endpoint and not chaos and not bench"]
    # The time limit is the runner's own.
    sys.exit(pytest.main([*quiet, "-x", "--timeout", "0", *tests]))


def _end(process: ForkServerProcess) -> None:
    """End pytest as Ctrl-C does, so that it ends its servers; kill its group where that takes too long."""
    assert process.pid is not None
    os.kill(process.pid, signal.SIGINT)
    process.join(_END_S)
    if process.is_alive():
        os.killpg(process.pid, signal.SIGKILL)
        process.join()
