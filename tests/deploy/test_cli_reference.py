"""The page of the command line says what the commands say."""

from __future__ import annotations

from deploy.cli.main import COMMANDS
from deploy.cli.reference import PAGE, reference


def test_the_page_is_what_the_commands_say() -> None:
    assert PAGE.read_text(encoding="utf-8") == reference(), "run `python -m deploy.cli.reference`"


def test_every_command_has_examples_and_a_line_in_the_table() -> None:
    page = reference()
    missing = [name for name in COMMANDS if f"| [`{name}`](#{name})" not in page or f"  gospulse {name}" not in page]
    assert missing == []
