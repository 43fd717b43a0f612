"""The preview's server: serves the committed boards, puts variables in, asks ClickHouse, hands rows to the page.

The page sends names and values, never SQL: what is run are the queries of the committed files, as a login that only
reads. Hosts other than this machine are rejected, so that a foreign page cannot ask through the reader's browser.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec
from aiohttp import web
from msgspec import Struct

from dashboards.checker import kind_of
from dashboards.datasource.macros import MacroError, Window
from dashboards.datasource.request import Answer, Ask, QueryFailedError, resolve, sql_of
from dashboards.datasource.variables import Chosen, replace
from dashboards.preview.time_range import RangeError, range_ms

PAGE: Final = Path(__file__).parent / "page"
#: The charting library, whole, as its Python package brings it.
LIBRARY: Final = ("plotly", "package_data", "plotly.min.js")
#: Questions at a time: a screen has a dozen panels, a machine two cores.
QUESTIONS: Final = 4
#: How long the options of a board's variables are not asked for again, and of how many requests at most.
REMEMBERED: Final = timedelta(seconds=5)
MOST_REMEMBERED: Final = 200
_POLICY: Final = (
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; frame-ancestors 'none'"
)


class Asked(Struct, frozen=True, forbid_unknown_fields=True):
    """What the page asks for: a board, its time and variables, and the panels whose rows it wants."""

    board: str
    panels: list[int] = []
    since: str = msgspec.field(name="from", default="now-24h")
    until: str = msgspec.field(name="to", default="now")
    variables: dict[str, list[str]] = {}


def application(
    boards: Mapping[str, Mapping[str, Any]],
    ask: Ask,
    server_zone: str,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> web.Application:
    """The web application. ``boards`` are the dashboards by uid; ``ask`` may be called from several threads.

    ``server_zone`` is ClickHouse's own time zone, in which it writes times that name none.
    """
    pool = ThreadPoolExecutor(QUESTIONS, thread_name_prefix="question")
    first = next(iter(boards))

    async def home(_request: web.Request) -> web.StreamResponse:
        raise web.HTTPFound(f"/d/{first}")

    async def page(request: web.Request) -> web.StreamResponse:
        if request.match_info["uid"] not in boards:
            raise web.HTTPNotFound(text=f"There is no such board; there are {', '.join(boards)}.")
        return web.FileResponse(PAGE / "index.html")

    async def board(request: web.Request) -> web.StreamResponse:
        model = boards.get(request.match_info["uid"])
        if model is None:
            raise web.HTTPNotFound
        titles = [{"uid": uid, "title": each["title"]} for uid, each in boards.items()]
        return _json({"board": {key: model[key] for key in model if key != "panels"}, "boards": titles})

    async def library(_request: web.Request) -> web.StreamResponse:
        path = Path(str(files(LIBRARY[0]).joinpath(*LIBRARY[1:])))
        return web.FileResponse(path, headers={"Cache-Control": "max-age=86400"})

    remembered: dict[bytes, tuple[datetime, dict[str, Chosen]]] = {}

    def variables_of(asked: Asked) -> tuple[Mapping[str, Any], Window, dict[str, Chosen]]:
        model = boards.get(asked.board)
        if model is None:
            raise RangeError(f"there is no board {asked.board}")
        at = now()
        begin, end = range_ms(asked.since, asked.until, at, ZoneInfo(str(model["timezone"])))
        window = Window(begin, end)
        # The panels of a screen ask one after the other for the same variables.
        key = msgspec.json.encode(msgspec.structs.replace(asked, panels=[]), order="sorted")
        known = remembered.get(key)
        if known is None or at - known[0] > REMEMBERED:
            if len(remembered) > MOST_REMEMBERED:
                remembered.clear()
            known = remembered[key] = (at, resolve(model, asked.variables, window, ask))
        return model, window, known[1]

    def frame_of(sql: str) -> dict[str, Any]:
        try:
            return frame(ask(sql), server_zone)
        except QueryFailedError as error:
            return {"error": str(error)}

    async def layout(request: web.Request) -> web.StreamResponse:
        asked = await _asked(request)
        try:
            model, window, chosen = await asyncio.get_running_loop().run_in_executor(pool, variables_of, asked)
        except (RangeError, QueryFailedError, MacroError) as error:
            return _json({"error": _sentence(error)})
        panels = [
            {key: value for key, value in panel.items() if key != "targets"}
            | {"title": replace(str(panel["title"]), {name: _as_text(one) for name, one in chosen.items()})}
            for panel in model["panels"]
        ]
        shown = [
            {
                "name": each["name"],
                "label": each["label"],
                "hidden": each["hide"] == 2,
                "all": each["includeAll"],
                "options": msgspec.to_builtins(chosen[each["name"]].options),
                "values": chosen[each["name"]].values,
                "many": chosen[each["name"]].many,
            }
            for each in model["templating"]["list"]
        ]
        return _json({"panels": panels, "variables": shown, "from": window.from_ms, "to": window.to_ms})

    async def rows(request: web.Request) -> web.StreamResponse:
        asked = await _asked(request)
        run = asyncio.get_running_loop().run_in_executor
        try:
            model, window, chosen = await run(pool, variables_of, asked)
            wanted = [panel for panel in model["panels"] if panel["id"] in asked.panels and "targets" in panel]
            found = {
                str(panel["id"]): await asyncio.gather(
                    *(run(pool, frame_of, sql_of(target, chosen, window)) for target in panel["targets"])
                )
                for panel in wanted
            }
        except (RangeError, QueryFailedError, MacroError) as error:
            return _json({"error": _sentence(error)})
        return _json({"frames": found, "from": window.from_ms, "to": window.to_ms})

    app = web.Application(middlewares=[_only_here], client_max_size=1 << 16)
    app.router.add_get("/", home)
    app.router.add_get("/d/{uid}", page)
    app.router.add_get("/api/boards/{uid}", board)
    app.router.add_post("/api/layout", layout)
    app.router.add_post("/api/rows", rows)
    app.router.add_get("/plotly.min.js", library)
    app.router.add_static("/page", PAGE)

    async def close(_app: web.Application) -> None:
        pool.shutdown(wait=False, cancel_futures=True)

    app.on_cleanup.append(close)
    return app


def frame(answer: Answer, server_zone: str) -> dict[str, Any]:
    """An answer for the page: columns with their kind, rows; times as milliseconds UTC, days as they are."""
    moments = {i: _zone_of(declared, server_zone) for i, declared in enumerate(answer.types) if "DateTime" in declared}
    columns = [
        {"name": name, "kind": "day" if declared in ("Date", "Nullable(Date)") else kind_of(declared)}
        for name, declared in zip(answer.columns, answer.types, strict=True)
    ]
    rows = [[_moment(cell, moments[i]) if i in moments else cell for i, cell in enumerate(row)] for row in answer.rows]
    return {"columns": columns, "rows": rows}


def _zone_of(declared: str, server_zone: str) -> ZoneInfo:
    quoted = declared.split("'")
    return ZoneInfo(quoted[1] if len(quoted) > 1 else server_zone)


def _moment(cell: Any, zone: ZoneInfo) -> int | None:
    if cell is None:
        return None
    return int(datetime.fromisoformat(str(cell)).replace(tzinfo=zone).timestamp() * 1000)


def _as_text(chosen: Chosen) -> Chosen:
    """A variable whose values are its texts, as titles show it."""
    return Chosen((), chosen.texts)


async def _asked(request: web.Request) -> Asked:
    try:
        return msgspec.json.decode(await request.read(), type=Asked)
    except msgspec.MsgspecError as error:
        raise web.HTTPBadRequest(text=f"The request is not as it should be: {error}") from error


@web.middleware
async def _only_here(request: web.Request, handler: Callable[[web.Request], Any]) -> web.StreamResponse:
    """Lets in who calls this machine by its own name, and forbids pages of others to embed or script this one."""
    host = request.host.rpartition(":")[0] or request.host
    own = str(request.transport.get_extra_info("sockname")[0]) if request.transport is not None else ""
    if host.strip("[]") not in ("127.0.0.1", "localhost", "::1", own):
        raise web.HTTPForbidden(text="The preview answers only under the address of its own machine.")
    response: web.StreamResponse = await handler(request)
    response.headers["Content-Security-Policy"] = _POLICY
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


def _sentence(error: Exception) -> str:
    text = str(error)
    return text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".")


def _json(value: Any) -> web.Response:
    return web.Response(
        body=json.dumps(value, ensure_ascii=False, default=list).encode(),
        content_type="application/json",
        headers={"Cache-Control": "no-store"},
    )
