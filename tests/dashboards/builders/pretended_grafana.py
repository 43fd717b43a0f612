"""A local server that answers like Grafana's HTTP API: the routes that the boards need, with its errors."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOKEN = "glsa_known"
PLUGIN = "grafana-clickhouse-datasource"


class PretendedGrafana:
    """Holds what was put into it. ``refuse`` maps a path's beginning to a status that it then gets."""

    def __init__(self, version: str = "12.3.0", *, plugin: bool = True) -> None:
        self.version, self.plugin = version, plugin
        self.datasources: dict[str, dict[str, Any]] = {}
        self.folders: dict[str, dict[str, Any]] = {}
        self.boards: dict[str, dict[str, Any]] = {}
        #: Groups of alert rules by their path.
        self.rules: dict[str, dict[str, Any]] = {}
        #: Provenance of each rule. A group does not tell it.
        self.owner_of_rules = "api"
        self.refuse: dict[str, int] = {}
        self.writes: list[str] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *args: Any) -> None: ...

            def _do(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                body = json.loads(self.rfile.read(length)) if length else None
                status, answer = outer.answer(
                    self.command, self.path.split("?")[0], body, self.headers.get("Authorization")
                )
                data = json.dumps(json.loads(json.dumps(answer), parse_float=_as_go_writes)).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = do_PUT = _do  # noqa: N815

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, method: str, path: str, body: Any, login: str | None) -> tuple[int, Any]:
        """Status and JSON, as Grafana gives them."""
        for begin, status in self.refuse.items():
            if path.startswith(begin):
                return status, {"message": "no"}
        if path == "/api/health":
            return 200, {"database": "ok", "version": self.version}
        if login != f"Bearer {TOKEN}":
            return 401, {"message": "Invalid API key"}
        if method != "GET":
            self.writes.append(f"{method} {path}")
        return self._known(method, path, body)

    def _known(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        missing = 404, {"message": "not found"}
        if path == "/api/org":
            return 200, {"id": 1, "name": "Main Org."}
        if path == f"/api/plugins/{PLUGIN}/settings":
            return (200, {"id": PLUGIN}) if self.plugin else missing
        if path.startswith("/api/datasources"):
            uid = str(path.removeprefix("/api/datasources").removeprefix("/uid/") or body["uid"])
            if method == "GET":
                return (200, self.datasources[uid]) if uid in self.datasources else missing
            kept = {key: value for key, value in body.items() if key != "secureJsonData"}
            self.datasources[uid] = kept | {
                "id": 7,
                "readOnly": False,
                "secureJsonFields": dict.fromkeys(body.get("secureJsonData", {}), True),
            }
            return 200, {"datasource": self.datasources[uid]}
        if path == "/api/folders" and method == "GET":
            return 200, list(self.folders.values())
        if path.startswith("/api/folders"):
            if method == "POST":
                self.folders[body["uid"]] = body
                return 200, body
            uid = path.removeprefix("/api/folders/")
            return (200, self.folders[uid]) if uid in self.folders else missing
        if path.startswith("/api/v1/provisioning/folder/"):
            if method == "PUT":
                rules = [_completed(rule) | {"id": 1 + n} for n, rule in enumerate(body["rules"])]
                self.rules[path] = body | {"rules": rules}
                return 200, self.rules[path]
            return (200, self.rules[path]) if path in self.rules else missing
        if path.startswith("/api/v1/provisioning/alert-rules/"):
            uid = path.removeprefix("/api/v1/provisioning/alert-rules/")
            known = [rule for each in self.rules.values() for rule in each["rules"] if rule["uid"] == uid]
            return (200, known[0] | {"provenance": self.owner_of_rules}) if known else missing
        if path == "/api/dashboards/db":
            uid = body["dashboard"]["uid"]
            before = self.boards.get(uid)
            version = before["dashboard"]["version"] + 1 if before else 1
            self.boards[uid] = {
                "dashboard": body["dashboard"] | {"id": 99, "version": version},
                "meta": {"provisioned": False, "folderUid": body["folderUid"]},
            }
            return 200, {"uid": uid, "status": "success", "version": version}
        if path.startswith("/api/dashboards/uid/"):
            uid = path.removeprefix("/api/dashboards/uid/")
            return (200, self.boards[uid]) if uid in self.boards else missing
        return missing


def _completed(rule: dict[str, Any]) -> dict[str, Any]:
    """A rule with what Grafana 12.3 adds to its queries."""
    added = {"intervalMs": 1000, "maxDataPoints": 43200}
    queries = [
        {"queryType": ""} | query | {"model": (added if query["datasourceUid"] == "__expr__" else {}) | query["model"]}
        for query in rule["data"]
    ]
    return rule | {"data": queries, "keep_firing_for": "0s"}


def _as_go_writes(text: str) -> int | float:
    """A number as Go encodes it: 1.0 is 1."""
    return int(float(text)) if float(text).is_integer() else float(text)
