"""Pictures of the boards: the preview on a free port, opened by the machine's own Chromium at two sizes."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from dashboards.datasource.request import Ask
from deploy.errors import FAILURE, GOOD, UserError

#: A wall screen and a laptop.
SIZES: Final = ((1920, 1080), (1366, 768))
HOST: Final = "127.0.0.1"
#: Names under which distributions install Chromium.
BROWSERS: Final = ("chromium", "chromium-browser", "google-chrome")
WITHOUT_BROWSER: Final = (
    "there is no Chromium on this machine: install it (Debian: apt-get install chromium), then try again"
)
#: As root, which a container often is, Chromium has no sandbox; it opens our own page only.
BROWSER_ARGUMENTS: Final = ("--no-sandbox", "--disable-dev-shm-usage")
PATIENCE_MS: Final = 120_000


def browser_path() -> str | None:
    """The Chromium of this machine, None where there is none."""
    return next((path for name in BROWSERS if (path := shutil.which(name)) is not None), None)


def write_shots(folder: Path, ask: Ask, zone: str, uids: Sequence[str]) -> int:
    """One picture a board and size, ``<board>-<width>x<height>.png``. Exit code 1 where a panel failed.

    Raises UserError without a browser.
    """
    path = browser_path()
    if path is None:
        raise UserError(WITHOUT_BROWSER)
    try:
        import playwright  # noqa: F401
    except ImportError as error:
        raise UserError("pictures need playwright: pip install 'gospulse[shots]'") from error
    folder.mkdir(parents=True, exist_ok=True)
    failed = asyncio.run(_write(folder, ask, zone, uids, path))
    for line in failed:
        print(line)
    return FAILURE if failed else GOOD


async def _write(folder: Path, ask: Ask, zone: str, uids: Sequence[str], browser: str) -> list[str]:
    from aiohttp import web
    from playwright.async_api import async_playwright

    from dashboards.generate import committed_boards
    from dashboards.preview.server import application

    runner = web.AppRunner(application(committed_boards(), ask, zone), access_log=None)
    await runner.setup()
    failed: list[str] = []
    try:
        await web.TCPSite(runner, HOST, 0).start()
        port = runner.addresses[0][1]
        async with async_playwright() as drive:
            chromium = await drive.chromium.launch(executable_path=browser, args=list(BROWSER_ARGUMENTS))
            for uid in uids:
                for width, height in SIZES:
                    page = await chromium.new_page(viewport={"width": width, "height": height})
                    await page.goto(f"http://{HOST}:{port}/d/{uid}?refresh=")
                    await page.wait_for_selector("body[data-drawn]", timeout=PATIENCE_MS)
                    target = folder / f"{uid}-{width}x{height}.png"
                    await page.screenshot(path=target, full_page=height < 1000)
                    panels = await page.locator("[data-state=failed]").all_inner_texts()
                    failed += [f"{uid}: {' '.join(text.split())}" for text in panels]
                    await page.close()
                    print(target, flush=True)
            await chromium.close()
    finally:
        await runner.cleanup()
    return list(dict.fromkeys(failed))
