"""``gospulse spikes links`` and ``gospulse spikes answer``: decide about an episode from a link, without a shell.

Opening a link shows the episode and a button; only the button decides, because messengers open links to preview them.
"""

from __future__ import annotations

import secrets
import signal
import threading
import time
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

from clickhouse_connect.driver.client import Client

from deploy.cli.signals import beside_main_thread
from deploy.cli.spikes.decide import exists, record
from deploy.clickhouse.client import clickhouse
from deploy.errors import FAILURE, GOOD, WRONG_USE, UserError
from deploy.settings import Settings
from ingest.secret_files import SecretFileError, read_secret_file, write_secret_file
from streams.spikes.links import KEY_BYTES, LINKED, VALID_S, Link, LinkError, sign, verify

_WORDS: Final = {"accept": "Принять в работу", "dismiss": "Отклонить как ложный", "hand_over": "Передать другому"}
_DECIDED: Final = {
    "accept": "принят в работу",
    "confirm": "подтверждён",
    "dismiss": "отклонён",
    "hand_over": "передан другому",
}
_REQUEST_TIMEOUT_S: Final = 10


def link_key(data: Path) -> bytes:
    """The key that signs links: a file of mode 0600 in the data directory, made when it is first wanted.

    Raises UserError where it cannot be used.
    """
    path = data / "spike-links.key"
    try:
        write_secret_file(path, secrets.token_bytes(KEY_BYTES), replace=False)
        key = read_secret_file(path, 1024)
    except (OSError, SecretFileError) as error:
        raise UserError(f"the key of the links cannot be used: {error}", FAILURE) from error
    if len(key) < KEY_BYTES:
        raise UserError(f"{path} is too short to be a key: remove it, and a new one is made", FAILURE)
    return key


def print_links(settings: Settings, episode: str, url: str, valid_h: float) -> int:
    """Print a link for each decision. Exit code 1 where the episode is not known."""
    if not url.startswith(("http://", "https://")):
        what = f"--url is {url!r}, not an address" if url else "no public address is known: give --url"
        raise UserError(f"{what} such as https://spikes.example.org, or set spikes_links_url", WRONG_USE)
    key = link_key(settings.data)
    with clickhouse(settings.clickhouse) as client:
        if not exists(client, episode):
            raise UserError(f"there is no episode {episode}: see `gospulse spikes list --all`", FAILURE)
    expires = int(time.time() + min(VALID_S, valid_h * 3600))
    for decision in LINKED:
        token = sign(Link(episode, decision, expires, secrets.token_hex(8)), key)
        print(f"{decision:<10} {url.rstrip('/')}/spikes/{token}")
    return GOOD


def answer(settings: Settings, host: str, port: int) -> int:
    """Answer links until SIGTERM or SIGINT. Exit code 1 where the address cannot be listened on."""
    key = link_key(settings.data)
    try:
        server = answering(settings, key, host, port)
    except OSError as error:
        reason = error.strerror or str(error)
        raise UserError(
            f"{host}:{port} cannot be listened on: {reason}; choose another port (setting spikes_links_port)", FAILURE
        ) from error
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: beside_main_thread(server.shutdown))
    print(f"Links are answered at http://{host}:{server.server_address[1]}/spikes/. Ctrl-C ends it.", flush=True)
    with server:
        server.serve_forever(poll_interval=0.2)
    return GOOD


def answering(settings: Settings, key: bytes, host: str, port: int) -> ThreadingHTTPServer:
    """The server, bound and not yet serving. Raises OSError where it cannot listen."""
    one_at_a_time = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        timeout = _REQUEST_TIMEOUT_S
        server_version, sys_version = "gospulse", ""

        def do_GET(self) -> None:
            if self.path == "/health":
                self._say(200, "alive")
                return
            self._with_link(decide=False)

        def do_POST(self) -> None:
            self._with_link(decide=True)

        def _with_link(self, *, decide: bool) -> None:
            prefix, _, token = self.path.rpartition("/")
            try:
                if prefix != "/spikes":
                    raise LinkError("По этому адресу ничего нет.")
                link = verify(token, key, time.time())
                with one_at_a_time, clickhouse(settings.clickhouse, timeout_s=10) as client:
                    if _was_used(client, link):
                        raise LinkError("По этой ссылке решение уже принято.")
                    if decide:
                        record(client, link.episode, link.decision, "by a signed link", _officer(link))
                        self._say(200, f"Записано: {_WORDS[link.decision].lower()}.")
                    else:
                        self._say(200, _description(client, link), button=_WORDS[link.decision])
            except LinkError as error:
                self._say(404 if prefix != "/spikes" else 403, str(error))
            except UserError:
                self._say(503, "База данных не отвечает, решение не записано. Повторите через минуту.")

        def _say(self, status: int, text: str, *, button: str = "") -> None:
            form = f'<form method="post"><button>{escape(button)}</button></form>' if button else ""
            body = (
                '<!doctype html><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
                f"<title>Всплеск</title><p>{escape(text)}</p>{form}"
            ).encode()
            self.send_response(status)
            for name, value in (
                ("Content-Type", "text/html; charset=utf-8"),
                ("Content-Length", str(len(body))),
                ("Cache-Control", "no-store"),
                ("Referrer-Policy", "no-referrer"),
                ("Content-Security-Policy", "default-src 'none'; form-action 'self'; frame-ancestors 'none'"),
            ):
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Write nothing: a log of addresses would be a log of valid links."""

    return ThreadingHTTPServer((host, port), Handler)


def _officer(link: Link) -> str:
    """Who decided, for the audit: the link, by its nonce."""
    return f"link {link.nonce}"


def _was_used(client: Client, link: Link) -> bool:
    rows = client.query(
        "SELECT count() FROM gospulse_data.spike_decisions WHERE id = {id:String} AND by = {by:String}",
        parameters={"id": link.episode, "by": _officer(link)},
    ).result_rows
    return bool(rows[0][0])


def _description(client: Client, link: Link) -> str:
    """What happened there, and what a colleague has decided already."""
    rows = client.query(
        "SELECT reason, state, ifNull(decision, '') FROM gospulse.spikes WHERE id = {id:String}",
        parameters={"id": link.episode},
    ).result_rows
    if not rows:
        return link.episode
    reason, state, decision = rows[0]
    closed = " Всплеск уже закончился." if state == "closed" else ""
    decided = f" Уже решено: {_DECIDED[decision]}." if decision in _DECIDED else ""
    return f"{reason}{closed}{decided}"
