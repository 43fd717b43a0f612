"""The command line's parser: argparse, with the nearest known word for one that is not known."""

from __future__ import annotations

import argparse
import difflib
import re
from importlib import metadata
from typing import Final, NoReturn

_CHOICE: Final = re.compile(r"invalid choice: '(?P<given>[^']*)' \(choose from (?P<known>.*)\)", re.DOTALL)
_UNRECOGNIZED: Final = "unrecognized arguments: "


class Parser(argparse.ArgumentParser):
    """An ``ArgumentParser`` whose errors suggest the nearest choice or option."""

    def parse_known_args(self, args=None, namespace=None):  # type: ignore[no-untyped-def]  # argparse's own overloads
        """As argparse does. A subcommand reports options that it does not know, not the whole command line."""
        found, rest = super().parse_known_args(args, namespace)
        if rest and rest[0].startswith("-"):
            self.error(_UNRECOGNIZED + " ".join(rest))
        return found, rest

    def error(self, message: str) -> NoReturn:
        """Print usage and message and exit with 2."""
        found = _CHOICE.search(message)
        if found is not None:
            known = re.findall(r"[^\s,']+", found["known"])
            message = f"{message[: found.start()]}{found['given']!r} is not known{nearest(found['given'], known)}"
        elif message.startswith(_UNRECOGNIZED):
            option = message.removeprefix(_UNRECOGNIZED).split()[0].partition("=")[0]
            near = difflib.get_close_matches(option, list(self._option_string_actions), n=1)
            message += f"; did you mean {near[0]}?" if near else ""
        super().error(message)


def nearest(given: str, known: list[str]) -> str:
    """``; did you mean X?``, or ``; known are: ...`` where nothing is near."""
    near = difflib.get_close_matches(given, known, n=1, cutoff=0.6)
    return f"; did you mean {near[0]}?" if near else f"; known are: {', '.join(known)}"


def version() -> str:
    """The version of the installed package."""
    try:
        return metadata.version("gospulse")
    except metadata.PackageNotFoundError:
        return "of the sources, not installed"
