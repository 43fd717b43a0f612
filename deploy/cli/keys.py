"""``gospulse keys``: the identity key, and the author keys that rotate."""

from __future__ import annotations

import argparse
import time
from datetime import date, timedelta
from pathlib import Path

from rich.console import Console
from rich.table import Table

from deploy.errors import FAILURE, GOOD, WRONG_USE, UserError
from deploy.settings import Settings
from ingest.author_keys import AuthorKeyError, destroy, load_author_keys, moscow_day, rotate
from ingest.identities import IdentityKeyError, load_identity_key

NAME = "keys"
HELP = "keys of pseudonyms: create, list, rotate, destroy"
EXAMPLES = """
  gospulse keys create                      make the keys that are missing; a second `create` changes nothing
  gospulse keys list                        which key is in force, and where its file is
  gospulse keys rotate                      a new author key from the first day of the next month on
  gospulse keys rotate --from 2027-01-01    ... or from another Moscow day on
  gospulse keys destroy 2025-01-01          destroy a former author key: its pseudonyms stay unlinked for ever

The identity key is never rotated: it makes a fact that comes again the same fact. Back up both; a running webhook
service takes new keys within a second. Copy them to every machine that runs one.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the actions."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    actions.add_parser("create", help="make the keys that are missing")
    actions.add_parser("list", help="show the keys, never their contents")
    rotating = actions.add_parser("rotate", help="make the next author key")
    rotating.add_argument(
        "--from", dest="day", type=_day, metavar="DAY", help="first Moscow day of the key (default: of the next month)"
    )
    destroying = actions.add_parser("destroy", help="destroy a former author key for ever")
    destroying.add_argument("day", type=_day, metavar="DAY", help="the key's first day, as `keys list` shows it")
    destroying.add_argument("--yes", action="store_true", help="do not ask")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Exit code 1 when a key cannot be used or changed."""
    now_ms = time.time_ns() // 1_000_000
    try:
        if args.action == "create":
            load_identity_key(settings.identity_key)
            load_author_keys(settings.author_keys)
            print(f"identity key: {settings.identity_key}\nauthor keys:  {settings.author_keys}")
        elif args.action == "list":
            _list(settings, now_ms)
        elif args.action == "rotate":
            day = args.day or _next_month(moscow_day(now_ms))
            if day < moscow_day(now_ms):
                raise UserError(f"{day} is past: events since then have pseudonyms already.", WRONG_USE)
            rotate(settings.author_keys, day)
            print(f"A new author key is in force from {day} on. Back up {settings.author_keys}.")
        else:
            return _destroy(settings.author_keys, args.day, now_ms, sure=args.yes)
    except (AuthorKeyError, IdentityKeyError) as error:
        raise UserError(str(error), FAILURE) from error
    return GOOD


def _list(settings: Settings, now_ms: int) -> None:
    table = Table("key", "in force from", "to", "state", "file", box=None, pad_edge=False)
    state = "in force" if settings.identity_key.exists() else "not made yet"
    table.add_row("identity", "ever", "ever", state, str(settings.identity_key))
    known = load_author_keys(settings.author_keys)
    now = known.in_force(now_ms)
    for number, key in enumerate(known.keys):
        following = known.keys[number + 1].day if number + 1 < len(known.keys) else None
        state = (
            "destroyed"
            if key.key is None
            else "in force"
            if key == now
            else "waits"
            if now and key.day > now.day
            else "former"
        )
        table.add_row(
            "author",
            key.day.isoformat(),
            "" if following is None else following.isoformat(),
            state,
            str(settings.author_keys / key.day.isoformat()) if key.key is not None else "",
        )
    Console(width=200, soft_wrap=True).print(table)


def _destroy(folder: Path, day: date, now_ms: int, *, sure: bool) -> int:
    if not sure:
        print(
            f"The author key from {day} on will be gone for ever. Backups are yours to destroy. Type the day to go on: "
        )
        if input().strip() != day.isoformat():
            print("Nothing was changed.")
            return FAILURE
    destroy(folder, day, now_ms)
    print(f"The author key from {day} on is destroyed.")
    return GOOD


def _next_month(day: date) -> date:
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text} is not a day such as 2027-01-01") from None
