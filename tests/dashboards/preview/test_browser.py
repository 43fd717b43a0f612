"""The preview in a headless Chromium: every board draws data, filters and links work, nothing stands in the console."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from threading import Event, Thread
from typing import Any

import pytest
from aiohttp import web
from playwright.sync_api import Browser, Page, sync_playwright

from dashboards.boards import BOARDS
from dashboards.builders.board import Board
from dashboards.datasource.request import Answer, Ask, QueryFailedError
from dashboards.generate import FOLDER
from dashboards.preview.server import application
from deploy.cli.preview.shots import BROWSER_ARGUMENTS, WITHOUT_BROWSER, browser_path
from tests.dashboards.builders.small_country import MOSCOW, NOW

BROWSER = browser_path()
pytestmark = [
    pytest.mark.skipif(BROWSER is None, reason=WITHOUT_BROWSER),
    pytest.mark.timeout(900),
]
PATIENCE_MS = 120_000


class Served:
    """The preview in a thread; ``broken`` makes every question about answers fail."""

    def __init__(self, ask: Ask) -> None:
        self.broken = False
        self._ask = ask
        self._loop = asyncio.new_event_loop()
        self._ready = Event()
        self.port = 0
        self._thread = Thread(target=self._run, daemon=True)
        self._thread.start()
        self._ready.wait()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        models: dict[str, Any] = {
            board.uid: json.loads((FOLDER / f"{board.uid}.json").read_text(encoding="utf-8")) for board in BOARDS
        }
        clock = datetime.fromtimestamp(NOW / 1000, UTC)
        runner = web.AppRunner(application(models, self._question, "UTC", now=lambda: clock))

        async def start() -> None:
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            self.port = runner.addresses[0][1]

        self._loop.run_until_complete(start())
        self._ready.set()
        self._loop.run_forever()
        self._loop.run_until_complete(runner.cleanup())

    def _question(self, sql: str) -> Answer:
        if self.broken and "answer_times" in sql:
            raise QueryFailedError("ClickHouse error 159 (TIMEOUT_EXCEEDED): It took too long.")
        return self._ask(sql)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()


@pytest.fixture
def served(ask: Ask) -> Iterator[Served]:
    server = Served(ask)
    yield server
    server.close()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as drive:
        browser = drive.chromium.launch(executable_path=BROWSER, args=list(BROWSER_ARGUMENTS))
        yield browser
        browser.close()


class Opened:
    """A page and what it complained of."""

    def __init__(self, browser: Browser, served: Served, path: str) -> None:
        self.page: Page = browser.new_page(viewport={"width": 1366, "height": 768})
        self.complaints: list[str] = []
        self.page.on("console", lambda message: self._note(message.type, message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self._only_here(request.url, served.port))
        self.page.goto(f"http://127.0.0.1:{served.port}{path}")
        self.drawn()

    def _note(self, kind: str, text: str) -> None:
        if kind in ("error", "warning"):
            self.complaints.append(text)

    def _only_here(self, url: str, port: int) -> None:
        if not url.startswith((f"http://127.0.0.1:{port}/", "data:", "blob:")):
            self.complaints.append(f"asked {url}")

    def drawn(self, after: str = "0") -> str:
        """Waits until all panels of a newer run are drawn; the number of that run."""
        self.page.wait_for_function(
            "after => Number(document.body.dataset.drawn ?? 0) > Number(after)", arg=after, timeout=PATIENCE_MS
        )
        return str(self.page.evaluate("document.body.dataset.drawn"))

    def text(self, panel: int) -> str:
        return " ".join(self.page.locator(f"#panel-{panel} .body").inner_text().split())


@pytest.mark.parametrize("board", BOARDS[:3], ids=lambda board: board.uid)
def test_a_board_draws_data(board: Board, served: Served, chromium: Browser) -> None:
    query = "" if board.uid == "gospulse-country" else f"?var-region=45000000&var-place={MOSCOW}"
    opened = Opened(chromium, served, f"/d/{board.uid}{query}")
    page = opened.page
    assert page.locator(".panel").count() == len(board.panels)
    assert page.locator('.panel[data-state="failed"]').count() == 0
    assert page.locator(".panel .none").count() == 0, "every panel has data"
    assert page.locator(".js-plotly-plot .main-svg").count() > 0
    covered = "3 из 4" if board.uid == "gospulse-country" else "1 из 2"
    assert page.locator(".row").first.inner_text().startswith(f"Сейчас · учтено {covered} госпабликов · данные полны")
    assert "предпросмотр" in page.locator("header").inner_text()
    page.hover("#panel-1 h2 button")
    assert "Что делать:" in page.locator(".tip").inner_text()
    assert opened.complaints == []
    page.close()


def test_the_board_of_spikes_opens_without_any(served: Served, chromium: Browser) -> None:
    opened = Opened(chromium, served, "/d/gospulse-spikes")
    assert opened.page.locator('.panel[data-state="failed"]').count() == 0
    assert opened.complaints == []
    opened.page.close()


def test_two_filters_and_a_link_work(served: Served, chromium: Browser) -> None:
    opened = Opened(chromium, served, "/d/gospulse-country?refresh=")
    page = opened.page
    assert opened.text(1).startswith("15 ")
    run = opened.drawn()
    page.click('details[data-variable="region"] summary')
    page.click('details[data-variable="region"] input[value="45000000"]')
    run = opened.drawn(run)
    assert opened.text(1).startswith("12 ")
    page.click('details[data-variable="channel"] summary')
    page.click('details[data-variable="channel"] input[value="vk"]')
    run = opened.drawn(run)
    assert "var-channel=vk" in page.url
    # A row of the table leads to its region with the time and the other filters.
    page.click("#panel-10 td a >> nth=0")
    page.wait_for_url("**/d/gospulse-region?**")
    opened.drawn()
    assert "var-region=45000000" in page.url
    assert "var-channel=vk" in page.url
    assert "from=now-24h" in page.url
    assert page.locator('select[data-variable="region"]').input_value() == "45000000"
    assert opened.text(1).startswith("12 ")
    assert opened.complaints == []
    page.close()


def test_a_bar_leads_to_the_posts_behind_it(served: Served, chromium: Browser) -> None:
    opened = Opened(chromium, served, f"/d/gospulse-municipality?refresh=&var-region=45000000&var-place={MOSCOW}")
    page = opened.page
    bar = page.locator("#panel-8 .bars path").first.bounding_box()
    assert bar is not None
    x, y = bar["x"] + bar["width"] / 2, bar["y"] + bar["height"] / 2
    # The charting library notes what lies under the pointer, then takes the click.
    page.mouse.move(x, y)
    page.wait_for_selector("#panel-8 .hoverlayer .hovertext")
    page.mouse.click(x, y)
    page.wait_for_url("**viewPanel=11**")
    opened.drawn()
    assert f"var-place={MOSCOW}" in page.url
    assert page.locator(".panel").count() == 1
    assert page.locator("#panel-11 td a").first.get_attribute("href") == "https://vk.com/wall-1_77"
    assert opened.complaints == []
    page.close()


def test_a_panel_that_fails_says_so_and_the_others_stand(served: Served, chromium: Browser) -> None:
    served.broken = True
    opened = Opened(chromium, served, "/d/gospulse-country?refresh=")
    assert opened.text(3) == "ClickHouse error 159 (TIMEOUT_EXCEEDED): It took too long."
    assert opened.text(1).startswith("15 ")
    opened.page.close()
