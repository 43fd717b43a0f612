"""``gospulse config``: the settings in force, their origins and descriptions; secrets are masked."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from deploy.cli.tables import show
from deploy.errors import GOOD
from deploy.settings import Settings, description, names, value, variable

NAME = "config"
HELP = "show the settings in force and the origin of each value"
EXAMPLES = """
  gospulse config                          name, value, origin
  gospulse config --describe               with the description and variable of each
  GOSPULSE_WORKERS=3 gospulse config --json
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the options."""
    parser.add_argument(
        "--describe", action="store_true", help="with the description and the environment variable of each"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object: name to value and origin")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Always exit code 0: wrong settings are an error before this command runs."""
    if args.json:
        document = {name: {"value": _plain(settings, name), "origin": settings.origins[name]} for name in names()}
        print(json.dumps(document, indent=2, ensure_ascii=False))
    elif args.describe:
        rows = [(name, _text(settings, name), variable(name), description(name)) for name in names()]
        show(("setting", "value", "environment", "meaning"), rows, vertical=True)
    else:
        show(("setting", "value", "from"), [(name, _text(settings, name), settings.origins[name]) for name in names()])
    return GOOD


def _plain(settings: Settings, name: str) -> object:
    found = value(settings, name)
    # A secret prints as asterisks, but json would write its content, because it is a subclass of str.
    return str(found) if isinstance(found, str | Path) else found


def _text(settings: Settings, name: str) -> str | None:
    found = value(settings, name)
    if found is None or found == ():
        return None
    if isinstance(found, tuple):
        return ", ".join(map(str, found))
    return str(found).lower() if isinstance(found, bool) else str(found)
