"""``gospulse worker``: one worker of a generation, in the foreground until SIGTERM or Ctrl-C."""

from __future__ import annotations

import argparse
import os
import signal

from deploy.errors import GOOD
from deploy.settings import Settings

NAME = "worker"
HELP = "fold events, readings and rejections of a generation into ClickHouse"
EXAMPLES = """
  gospulse worker                          one worker of the active generation, until Ctrl-C
  gospulse worker --name worker-3          any number form a group; each has a name of its own
  gospulse worker --generation 2           a worker of the generation that a rebuild builds
  curl http://127.0.0.1:6066/metrics       its metrics, for Prometheus (docs/worker-metrics.md)
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("--name", help="name in progress, logs and metrics (default: host and process id)")
    parser.add_argument(
        "--web-port", type=int, metavar="PORT", help="port of /metrics (default: the setting web_port, next free one)"
    )
    parser.add_argument("--generation", type=int, metavar="N", help="generation to fold (default: the active one)")
    parser.add_argument(
        "--group-instance-id", metavar="ID", help="static membership: a quick restart moves no partitions"
    )


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Exit code 0 after SIGTERM or Ctrl-C at any moment, 1 when it cannot run or crashed."""
    # Until the worker listens to signals itself. An exception would not do: a library that is being imported may
    # swallow it, and Python may report the signal as its own end.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: os._exit(GOOD))
    # A second of imports: `gospulse --help` does not need them.
    from deploy.cli.worker.process import run_in_this_process

    return run_in_this_process(
        settings,
        name=args.name,
        web_port=args.web_port,
        generation=args.generation,
        group_instance_id=args.group_instance_id,
    )
