"""``make mutants``: applies each mutant to a copy of the tree and runs the tests that must notice."""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from tests.mutants.catalogue import MUTANTS
from tests.mutants.mutant import Mutant, StaleMutantError
from tests.mutants.runner import Copy, Verdict

_EXAMPLES = """examples:
  python -m tests.mutants                        all of them
  python -m tests.mutants --only streams/fold    those whose file or description contains a text
  python -m tests.mutants --list                 what each would break; nothing is run

Exit code 0: all died. 1: one survived, gave no verdict, or no longer fits the code. 2: wrong use."""


def main(arguments: Sequence[str]) -> int:
    """Run the command; the result is its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.mutants",
        description="Change one line at a time, each a wrong number or a right too many, and see the tests go red.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--only", metavar="TEXT", action="append", help="mutants that contain a text; may be repeated")
    parser.add_argument("--list", action="store_true", help="list the mutants and run nothing")
    parser.add_argument("--limit", metavar="SECONDS", type=float, default=300.0, help="time of one run (default: 300)")
    options = parser.parse_args(arguments)
    chosen = [one for one in MUTANTS if not options.only or any(t in one.file + one.breaks for t in options.only)]
    if not chosen:
        parser.error("no mutant contains that text; see --list")
    if options.list:
        for mutant in chosen:
            print(
                f"{mutant.file}: {mutant.breaks}\n    - {mutant.old}\n    + {mutant.new}\n    {' '.join(mutant.tests)}"
            )
        return 0
    # Both signals end the servers of the tests and remove the copy.
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGINT, _stop)
    with tempfile.TemporaryDirectory(prefix="gospulse-mutants-") as folder:
        return _run(Copy(Path(folder)), chosen, options.limit)


def _stop(number: int, _frame: object) -> NoReturn:
    # A second one must not interrupt that.
    signal.signal(number, signal.SIG_IGN)
    sys.exit(128 + number)


def _run(copy: Copy, chosen: Sequence[Mutant], limit_s: float) -> int:
    tests = sorted({test for mutant in chosen for test in mutant.tests})
    print(f"{len(chosen)} mutants, {len(tests)} tests or files. First the tests as they are.", flush=True)
    code, output = copy.run(tests, 10 * limit_s)
    if code != 0:
        print(f"{output}\nThe tests are red without any mutant: mend them first.", file=sys.stderr)
        return 1
    verdicts: list[Verdict] = []
    stale: list[str] = []
    for number, mutant in enumerate(chosen, 1):
        try:
            verdict = copy.judge(mutant, limit_s)
        except StaleMutantError as error:
            stale.append(f"{error}: bring the mutant up to date")
            continue
        verdicts.append(verdict)
        print(f"{number:3}/{len(chosen)} {verdict.outcome:<10} {verdict.seconds:5.1f} s  {mutant.file}", flush=True)
        if verdict.outcome != "died":
            print(verdict.output, flush=True)
    return _report(verdicts, stale)


def _report(verdicts: Sequence[Verdict], stale: Sequence[str]) -> int:
    width = max((len(verdict.mutant.file) for verdict in verdicts), default=0)
    print()
    for verdict in verdicts:
        print(f"{verdict.outcome:<10}  {verdict.mutant.file:<{width}}  {verdict.mutant.breaks}")
    for sentence in stale:
        print(sentence, file=sys.stderr)
    alive = [verdict for verdict in verdicts if verdict.outcome != "died"]
    for verdict in alive:
        print(f"{verdict.outcome}: `{verdict.mutant.new}` in {verdict.mutant.file}; write the test", file=sys.stderr)
    died = len(verdicts) - len(alive)
    print(f"{died} of {len(verdicts) + len(stale)} died, in {sum(verdict.seconds for verdict in verdicts):.0f} s.")
    return 1 if alive or stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
