"""``gospulse migrate``: makes tables and views, shows the statements, or compares the server with the files."""

from __future__ import annotations

import argparse
import secrets

from msgspec.structs import replace

from deploy.cli.tables import show
from deploy.clickhouse.client import clickhouse
from deploy.errors import FAILURE, GOOD, UserError
from deploy.settings import Settings
from schemas.clickhouse.generations import FIRST, Client, NoGenerationError, active_generation
from schemas.clickhouse.migrate import ChangedFileError, migrate, pending
from schemas.clickhouse.schema_check import schema_differences
from schemas.clickhouse.sql_files import Rendering
from streams.definition import current_definition, encode_definition

NAME = "migrate"
HELP = "apply the numbered SQL files: make ClickHouse's tables and views"
EXAMPLES = """
  gospulse migrate                  apply missing files; a second run does nothing
  gospulse migrate --dry-run        print the statements, run none
  gospulse migrate --check          compare the server with the files (exit 1 and a table when they differ)
  gospulse migrate --replicated     replicated engines and ON CLUSTER, for a cluster of replicas
"""

#: On a slow disk the tables of a generation take seconds, because of fsync.
_PATIENCE_S = 120.0


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the options."""
    only = parser.add_mutually_exclusive_group()
    only.add_argument("--dry-run", action="store_true", help="print the statements and change nothing")
    only.add_argument("--check", action="store_true", help="compare the live schema with the files")
    parser.add_argument(
        "--replicated", action="store_true", help="replicated engines (default: the setting `replicated`)"
    )


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Exit code 1 when --check finds a difference."""
    rendering = settings.rendering
    if args.replicated:
        rendering = replace(rendering, replicated=True)
    with clickhouse(settings.clickhouse, timeout_s=_PATIENCE_S) as client:
        try:
            if args.dry_run:
                return _print(client, rendering)
            return _check(client, rendering) if args.check else _migrate(client, rendering)
        except (ChangedFileError, NoGenerationError) as error:
            raise UserError(str(error)) from error


def _print(client: Client, rendering: Rendering) -> int:
    for migration in pending(client, rendering):
        print(f"-- {migration.name}")
        for statement in migration.statements:
            print(f"{statement};\n")
    return GOOD


def _check(client: Client, rendering: Rendering) -> int:
    differences = schema_differences(client, rendering, f"gospulse_check_{secrets.token_hex(4)}")
    if not differences:
        print(f"tables and views are those of the files; the views read generation {active_generation(client)}")
        return GOOD
    show(("table", "part", "files", "server"), [(d.table, d.part, d.files, d.server) for d in differences])
    print(
        "`gospulse migrate` makes what is missing and applies the settings for retention and views. Other differences "
        "were made by hand: undo them, or write them as a new numbered file."
    )
    return FAILURE


def _migrate(client: Client, rendering: Rendering) -> int:
    steps = 0

    def note(step: str) -> None:
        nonlocal steps
        steps += 1
        print(step)

    migrate(client, rendering, encode_definition(current_definition(FIRST)), note=note)
    done = f"{steps} steps done" if steps else "nothing to do"
    print(f"{done}; the views read generation {active_generation(client)}")
    return GOOD
