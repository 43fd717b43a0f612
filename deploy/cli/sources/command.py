"""``gospulse sources``: the pages whose platform calls the webhook service, and the secrets of their calls."""

from __future__ import annotations

import argparse
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from msgspec.structs import replace
from rich.console import Console
from rich.table import Table

from deploy.cli.sources.probe import probe
from deploy.errors import FAILURE, GOOD, WRONG_USE, UserError
from deploy.settings import Settings
from ingest.platforms.vk import API_VERSION, WANTED_TYPES
from ingest.secret_files import SecretFileError
from ingest.sources import Source, changed_sources, new_secret, read_sources, sources_file

NAME = "sources"
HELP = "pages whose platform calls the webhook: add, list, test"
EXAMPLES = """
  gospulse sources add vk 123456                     add a page; prints what its administrator enters at VK
  gospulse sources add vk 123456 --confirmation-file code.txt    with the text that VK shows (- reads standard input)
  gospulse sources list                              pages, and whether they are ready
  gospulse sources test vk 123456                    call the service as VK does, and tell what VK sent of late
  gospulse sources rotate vk 123456                  a second secret beside the first; enter the new one at VK
  gospulse sources rotate vk 123456 --finish         forget the first one
  gospulse sources remove vk 123456                  calls for the page get status 503 from then on

A running service takes changes within a second. Secrets stand in files of mode 0600 below the data directory.
"""
_PLATFORMS = ("vk",)


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the actions."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    adding = actions.add_parser("add", help="add a page, or its confirmation text")
    rotating = actions.add_parser("rotate", help="replace a page's secret without a lost call")
    removing = actions.add_parser("remove", help="forget a page's secrets")
    testing = actions.add_parser("test", help="tell whether a page's callback works")
    for each in (adding, rotating, removing, testing):
        each.add_argument("platform", choices=_PLATFORMS)
        each.add_argument("page", type=_group, metavar="GROUP", help="number of the community, such as 123456")
    adding.add_argument(
        "--confirmation-file",
        metavar="FILE",
        help="holds the text that VK shows for the handshake; - is standard input",
    )
    rotating.add_argument("--finish", action="store_true", help="forget the former secret")
    listing = actions.add_parser("list", help="pages, never their secrets")
    listing.add_argument("platform", nargs="?", choices=_PLATFORMS)


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Exit code 1 when a file cannot be used or the page does not work; 2 for an unknown page."""
    try:
        if args.action == "list":
            return _list(settings)
        path = sources_file(settings.sources, args.platform)
        if args.action == "add":
            return _add(path, args.page, args.confirmation_file, settings)
        if args.action == "test":
            return probe(_known(read_sources(path), args.page), args.platform, settings)
        with changed_sources(path) as sources:
            source = _known(sources, args.page)
            if args.action == "remove":
                del sources[args.page]
                print(f"Page {args.page} is forgotten. Remove the server at VK, too: it goes on calling.")
            elif args.finish:
                sources[args.page] = replace(source, secrets=source.secrets[:1])
                print("Only the newer secret is active now.")
            else:
                fresh = new_secret()
                sources[args.page] = replace(source, secrets=(fresh, source.secrets[0]))
                print(
                    f"Enter this secret at VK: {fresh}\nBoth are active until `gospulse sources rotate ... --finish`."
                )
    except SecretFileError as error:
        raise UserError(str(error), FAILURE) from error
    return GOOD


def _add(path: Path, page: str, confirmation_file: str | None, settings: Settings) -> int:
    confirmation = None if confirmation_file is None else _text(confirmation_file)
    with changed_sources(path) as sources:
        source = sources.get(page)
        if source is None:
            source = Source(page=page, secrets=(new_secret(),), added_at=time.time_ns() // 1_000_000)
        if confirmation is not None:
            source = replace(source, confirmation=confirmation)
        sources[page] = source
    print(_instructions(source, settings.webhook_url))
    return GOOD


def _instructions(source: Source, url: str) -> str:
    """What the page's administrator enters at VK, in the order and with the words of VK's settings."""
    address = f"{url.rstrip('/')}/vk" if url else "https://<public address of the webhook>/vk"
    lines = [
        f"vk.com/club{source.page} → Управление → Дополнительно → Работа с API → Callback API",
        "",
        f"  Версия API      {API_VERSION}",
        f"  Адрес           {address}",
        f"  Секретный ключ  {source.secrets[0]}",
        "  Типы событий    " + _wrapped(WANTED_TYPES),
        "",
    ]
    if source.confirmation is None:
        lines.append(
            "VK shows the text that the server must return. Put it into a file, then:\n"
            f"  gospulse sources add vk {source.page} --confirmation-file FILE\n"
            "Then press «Подтвердить» at VK."
        )
    else:
        lines.append(
            "The confirmation text is kept. Press «Подтвердить» at VK, then `gospulse sources test` tells the rest."
        )
    if not url:
        lines.append("The setting webhook_url holds the public address, such as https://pulse.example.ru.")
    return "\n".join(lines)


def _wrapped(names: tuple[str, ...], width: int = 5) -> str:
    rows = [", ".join(names[start : start + width]) for start in range(0, len(names), width)]
    return (",\n" + " " * 18).join(rows)


def _list(settings: Settings) -> int:
    table = Table("platform", "page", "added (UTC)", "secrets", "confirmation text", box=None, pad_edge=False)
    for platform in _PLATFORMS:
        for source in read_sources(sources_file(settings.sources, platform)).values():
            added = datetime.fromtimestamp(source.added_at / 1000, UTC).strftime("%Y-%m-%d %H:%M")
            kept = "kept" if source.confirmation else "missing: VK cannot confirm the address"
            table.add_row(platform, source.page, added, str(len(source.secrets)), kept)
    if not table.row_count:
        print("No page is added yet: `gospulse sources add vk GROUP`.")
    else:
        Console(width=120, soft_wrap=True).print(table)
    return GOOD


def _known(sources: dict[str, Source], page: str) -> Source:
    source = sources.get(page)
    if source is None:
        raise UserError(f"page {page} is not among the sources: `gospulse sources add` adds it", WRONG_USE)
    return source


def _text(file: str) -> str:
    try:
        text = (sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")).strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{file} cannot be read", WRONG_USE) from error
    if not text or not text.isprintable() or len(text) > 64:
        raise UserError("a confirmation text is one line of at most 64 characters, such as 1a2b3c4d", WRONG_USE)
    return text


def _group(text: str) -> str:
    digits = text.removeprefix("club").removeprefix("public").removeprefix("-")
    if not digits.isascii() or not digits.isdigit() or not 0 < int(digits) < 1 << 63:
        raise argparse.ArgumentTypeError(f"{text} is not the number of a community, such as 123456")
    return str(int(digits))
