"""Prepares the broker on this machine: checks Java, fetches the jars. Run by ``make``; a second time does nothing."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from deploy.errors import UserError
from deploy.machine.kafka_broker.jars import PrerequisiteError
from deploy.machine.kafka_broker.process import prepare
from deploy.machine.processes import StartError
from deploy.settings_sources import load


def main() -> int:
    """Exit code 0 when the broker could be started now."""
    try:
        prepare(load(os.environ, Path.cwd()).cache, print)
    except (PrerequisiteError, StartError, UserError) as error:
        print(f"gospulse: {error}", file=sys.stderr)
        for line in getattr(error, "lines", ()):
            print(f"  {line}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
