"""The reference of the command line: ``python -m deploy.cli.reference`` writes docs/cli.md from the parsers."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from deploy.cli.main import build_parser, commands

PAGE: Final = Path(__file__).resolve().parents[2] / "docs" / "cli.md"

_INTRODUCTION: Final = """# The command line

`python -m deploy.cli.reference` writes this page from the commands themselves. Exit codes: 0 good, 1 difference or
failure, 2 wrong use, 130 after Ctrl-C. Every command also takes `--help`.
"""


def reference() -> str:
    """The page, in Markdown."""
    parser = build_parser()
    parts = [_INTRODUCTION, "| command | what it does |\n|---|---|"]
    found = commands()
    parts[1] += "".join(f"\n| [`{name}`](#{name}) | {command.HELP} |" for name, command in found.items())
    for name, subparser in _subparsers(parser):
        examples = found[name].EXAMPLES.strip("\n")
        parts.append(f"## {name}\n\n{_sentence(found[name].HELP)}")
        parts += _arguments(f"gospulse {name}", subparser)
        if examples:
            parts.append(f"```sh\n{examples}\n```")
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _subparsers(parser: argparse.ArgumentParser) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            yield from action.choices.items()


def _arguments(command: str, parser: argparse.ArgumentParser) -> list[str]:
    """Tables of the options of a command and of its actions."""
    rows = []
    for action in parser._actions:
        if isinstance(action, (argparse._HelpAction, argparse._SubParsersAction)) or action.help == argparse.SUPPRESS:
            continue
        what = ", ".join(action.option_strings) or str(action.metavar or action.dest)
        takes = "" if action.nargs == 0 or not action.option_strings else f" {_values(action)}"
        meaning = (action.help or "").replace("%%", "%").replace("%(default)s", str(action.default)).replace("|", "\\|")
        rows.append(f"| `{what}{takes}` | {meaning} |".replace(" ` |", "` |"))
    parts = []
    if rows:
        parts.append(f"`{command}`\n\n| argument | meaning |\n|---|---|\n" + "\n".join(rows))
    helps = {
        choice.dest: choice.help or ""
        for action in parser._actions
        if isinstance(action, argparse._SubParsersAction)
        for choice in action._choices_actions
    }
    for name, subparser in _subparsers(parser):
        inner = _arguments(f"{command} {name}", subparser)
        title = f"`{command} {name}`: {helps.get(name, '')}".rstrip(": ")
        parts += [
            title,
            *(each.partition("\n\n")[2] if each.startswith(f"`{command} {name}`\n") else each for each in inner),
        ]
    return parts


def _values(action: argparse.Action) -> str:
    if isinstance(action.metavar, tuple):
        return " ".join(action.metavar)
    if action.metavar:
        return action.metavar
    if action.choices:
        return "{" + ",".join(map(str, action.choices)) + "}"
    return action.dest.upper()


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:].rstrip(".") + "."


if __name__ == "__main__":
    PAGE.write_text(reference(), encoding="utf-8")
