"""``gospulse preview``: the boards in a browser, without Grafana."""

from __future__ import annotations

import argparse
import queue
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from dashboards.boards import BOARDS
from dashboards.datasource.request import Answer, Ask
from deploy.errors import GOOD, WRONG_USE, UserError
from deploy.settings import Settings

NAME = "preview"
HELP = "show the boards in a browser, read-only, without Grafana"
EXAMPLES = """
  gospulse preview                        http://127.0.0.1:8321 until Ctrl-C
  gospulse preview --port 8400
  gospulse preview --shots pictures/      one picture a board and size, then ends (needs Chromium)
"""

PORT: Final = 8321
PATIENCE_S: Final = 60.0
QUESTIONS: Final = 4


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds port and pictures."""
    parser.add_argument("--port", type=int, default=PORT, help="port to listen on; 0 takes a free one (default 8321)")
    parser.add_argument("--shots", type=Path, metavar="DIR", help="write pictures of the boards instead of staying up")
    parser.add_argument("--board", action="append", choices=[board.uid for board in BOARDS], help="only this board")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Serves until Ctrl-C, or writes the pictures."""
    if not 0 <= args.port <= 65_535:
        raise UserError("--port is between 0 and 65535", WRONG_USE)
    try:
        import plotly  # noqa: F401
    except ImportError as error:
        raise UserError("the preview needs plotly: pip install 'gospulse[preview]'", WRONG_USE) from error
    with asking_together(settings) as (ask, zone):
        if args.shots is not None:
            from deploy.cli.preview.shots import write_shots

            return write_shots(args.shots, ask, zone, args.board or [board.uid for board in BOARDS])
        serve(ask, zone, settings.bind, args.port)
    return GOOD


@contextmanager
def asking_together(settings: Settings) -> Iterator[tuple[Ask, str]]:
    """A way to ask from several threads as the login that only reads, and ClickHouse's own time zone."""
    from deploy.clickhouse.asking import asking
    from deploy.clickhouse.client import clickhouse

    with ExitStack() as stack:
        free: queue.SimpleQueue[Ask] = queue.SimpleQueue()
        for _ in range(QUESTIONS):
            free.put(asking(stack.enter_context(clickhouse(settings.analyst, timeout_s=PATIENCE_S))))

        def ask(sql: str) -> Answer:
            one = free.get()
            try:
                return one(sql)
            finally:
                free.put(one)

        yield ask, str(ask("SELECT timezone()").rows[0][0])


def serve(ask: Ask, zone: str, host: str, port: int) -> None:
    """Listens until Ctrl-C."""
    import asyncio

    from aiohttp import web

    from dashboards.generate import committed_boards
    from dashboards.preview.server import application

    async def stay() -> None:
        runner = web.AppRunner(application(committed_boards(), ask, zone), access_log=None)
        await runner.setup()
        try:
            await web.TCPSite(runner, host, port).start()
            print(f"Preview of the boards: http://{host}:{runner.addresses[0][1]}  (Ctrl-C ends it)", flush=True)
            await asyncio.Event().wait()
        finally:
            await runner.cleanup()

    try:
        asyncio.run(stay())
    except OSError as error:
        raise UserError(
            f"port {port} of {host} cannot be used ({error.strerror}): choose another with --port"
        ) from error
