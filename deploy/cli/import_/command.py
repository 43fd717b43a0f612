"""``gospulse import``: files of appeals, or of counts of appeals, into Kafka through a mapping."""

from __future__ import annotations

import argparse
import time
from contextlib import closing
from pathlib import Path
from typing import Final

from deploy.cli.import_.display import display, show_summary
from deploy.cli.import_.waiting import waiting
from deploy.cli.signals import stop_on_signal
from deploy.errors import FAILURE, GOOD, INTERRUPTED, WRONG_USE, UserError
from deploy.settings import Settings
from ingest.files.importer import Importer
from ingest.files.job import ImportJob, ImportUseError, Summary
from ingest.files.lines import DamagedFileError, FileError
from ingest.identities import IdentityKeyError, load_identity_key
from ingest.kafka.publisher import Delivered, Publisher, PublishError
from ingest.mapping.file import SHIPPED, load_mapping
from ingest.mapping.mapping import MappingError
from schemas.contract.topics import EVENTS, READINGS

NAME = "import"
HELP = "import a file of appeals, or of counts of appeals, through a mapping"
EXAMPLES = """
  gospulse import appeals requests.csv.gz --mapping service-requests-311
  gospulse import appeals october.jsonl --mapping my-mapping.toml --load incident-2026-10
  gospulse import appeals calls.csv --mapping counted-calls --as-of 2026-10-01T09:00
  gospulse import appeals requests.csv.gz --mapping service-requests-311 --resume

Exit code 0: imported (the reject file lists rejected rows); 1: nothing was imported, or not the whole file;
2: wrong use; 130: stopped. docs/importing.md explains mappings.
"""

_DEFAULT_TIMEOUT_S: Final = 60.0


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds ``appeals`` and its options."""
    kinds = parser.add_subparsers(dest="what", required=True, metavar="WHAT")
    appeals = kinds.add_parser(
        "appeals",
        help="appeals one by one, or totals of appeals counted elsewhere",
        description="Import a CSV or JSON lines (plain, .gz or .zst). Importing a file again changes no figure.",
        epilog=f"examples:\n{EXAMPLES.strip(chr(10))}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    appeals.add_argument("file", type=Path, metavar="FILE")
    appeals.add_argument(
        "--mapping",
        required=True,
        metavar="FILE",
        help="a TOML file, or the name of a mapping that comes with Gospulse",
    )
    appeals.add_argument("--load", metavar="NAME", help="name of this run (default: mapping and digest of the file)")
    appeals.add_argument(
        "--as-of", metavar="TIME", help="when counts were observed; without an offset in the mapping's zone"
    )
    appeals.add_argument("--source", metavar="NAME", help="replaces the mapping's source, which is part of identities")
    appeals.add_argument(
        "--rejects", type=Path, metavar="FILE", help="file that lists rejected rows, without their content"
    )
    appeals.add_argument("--resume", action="store_true", help="continue a stopped run of the same import")
    appeals.add_argument(
        "--timeout",
        type=_seconds,
        default=_DEFAULT_TIMEOUT_S,
        metavar="SECONDS",
        help=f"how long Kafka may take to acknowledge a record (default {_DEFAULT_TIMEOUT_S:g})",
    )


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Imports. Exit codes are those of the examples above."""
    try:
        mapping = load_mapping(_mapping_path(args.mapping))
        job = ImportJob(
            file=args.file,
            mapping=mapping,
            state=settings.data / "imports",
            source=args.source,
            load=args.load,
            as_of=args.as_of,
            rejects=args.rejects,
            resume=args.resume,
        )
        key = load_identity_key(settings.identity_key)
        importer = Importer(job, key, now_ms=time.time_ns() // 1_000_000)
    except (MappingError, FileError, ImportUseError) as error:
        raise UserError(str(error), WRONG_USE) from error
    except (DamagedFileError, IdentityKeyError) as error:
        raise UserError(str(error), FAILURE) from error

    kafka = settings.kafka
    parts: set[int] = set()

    def connect(delivered: Delivered) -> Publisher:
        def note(token: object, part: int, offset: int) -> None:
            parts.add(part)
            delivered(token, part, offset)

        return Publisher(
            kafka,
            timeout=args.timeout,
            connect_timeout=min(10.0, args.timeout),
            on_delivered=note,
            client_id="gospulse-import",
        )

    began = time.monotonic()
    try:
        with closing(importer), stop_on_signal() as stopped, display(str(args.file)) as report:
            summary = importer.run(connect, report=report, stop=stopped.is_set)
    except PublishError as error:
        raise UserError(f"{error} Nothing was imported.", FAILURE) from error
    except OSError as error:
        raise UserError(f"{error.filename or 'A file'} cannot be written: {error.strerror}.", FAILURE) from error
    code = _end(summary, mapping.name, time.monotonic() - began)
    unseen = waiting(settings, READINGS if summary.shape == "totals" else EVENTS, parts) if parts else None
    if unseen is not None:
        raise UserError(unseen, FAILURE)
    return code


def _end(summary: Summary, mapping: str, seconds: float) -> int:
    if summary.already_done:
        print(f"Load {summary.load} is complete. Leave --resume out to send it again (it changes no figure).")
        return GOOD
    show_summary(summary, mapping, seconds)
    again = "To continue, add --resume to the same command."
    if summary.shape == "totals":
        again = "Totals are sent when the whole file was read: run the command again."
    if summary.failure is not None:
        raise UserError(f"{summary.failure} {_reached(summary)}", FAILURE)
    if summary.stopped:
        print(f"Stopped. {_reached(summary)} {again}")
        return INTERRUPTED
    if summary.rows and summary.rejected >= summary.rows:
        raise UserError(f"Nothing was imported: every row was rejected; see {summary.rejects}.", FAILURE)
    return GOOD


def _reached(summary: Summary) -> str:
    if summary.shape == "totals":
        return f"{summary.readings:,} totals were sent." if summary.readings else "No total was sent."
    if summary.confirmed_line <= 1:
        return "No row was imported."
    return f"All rows up to line {summary.confirmed_line:,} were imported."


def _mapping_path(text: str) -> Path:
    """A file if there is one, else the shipped mapping of that name."""
    path = Path(text)
    shipped = SHIPPED / f"{text}.toml"
    return shipped if not path.exists() and path.name == text and shipped.exists() else path


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 1 <= seconds <= 3_600:
        raise ValueError(text)
    return seconds
