"""A running Grafana through grafana-client: what it holds, and how it is changed. Every failure is one sentence.

All calls stand in this file: Grafana 13 keeps these routes, but does not develop them any further.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import urlsplit

from dashboards.alerts.rules import GROUP, RULES, group
from dashboards.builders.targets import DATASOURCE_TYPE, DATASOURCE_UID
from dashboards.grafana.wanted import (
    FOLDER_TITLE,
    FOLDER_UID,
    OLDEST,
    Change,
    Reached,
    compare_board,
    compare_datasource,
    compare_folder,
    compare_rules,
    datasource,
    version_of,
)

PATIENCE_S: Final = 20.0
MESSAGE: Final = "gospulse grafana apply"


def _rules(folder_uid: str) -> str:
    return f"/v1/provisioning/folder/{folder_uid}/rule-groups/{GROUP}"


class GrafanaProblemError(Exception):
    """Grafana cannot be used, with the way out, in one sentence."""


class Grafana:
    """A Grafana with a service account's token."""

    def __init__(self, url: str, token: str) -> None:
        """Raises GrafanaProblemError where grafana-client is not installed or the address is none."""
        try:
            from grafana_client import GrafanaApi
        except ImportError as error:
            raise GrafanaProblemError(
                "this needs grafana-client, which replaces urllib3 by a fork: install gospulse[grafana] into an "
                "environment of its own"
            ) from error
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
            raise GrafanaProblemError("the address of Grafana must be http(s)://host[:port][/path], without a login")
        # grafana-client joins paths as texts: below a path the address must end with a slash.
        self._api = GrafanaApi.from_url(url.rstrip("/") + "/", token, timeout=PATIENCE_S)
        self.url = url.rstrip("/")

    def check(self) -> str:
        """The version, if it is one that the boards work with and its plugin is there. Raises GrafanaProblemError."""
        with self._sentences():
            health = self._api.client.GET("/health")
            version = str(health.get("version") or "")
            if not version:
                # Grafana can be told to hide its version from callers without a login.
                settings = self._api.client.GET("/frontend/settings")
                version = str(settings.get("buildInfo", {}).get("version", ""))
            if version_of(version) < OLDEST:
                raise GrafanaProblemError(
                    f"Grafana {version or 'of an unknown version'} is too old: the boards need "
                    f"{OLDEST[0]}.{OLDEST[1]} or later"
                )
            # Asks for a login, unlike health.
            self._api.client.GET("/org")
            if self._or_none(lambda: self._api.client.GET(f"/plugins/{DATASOURCE_TYPE}/settings")) is None:
                raise GrafanaProblemError(
                    f"the plugin {DATASOURCE_TYPE} is not installed: run `grafana cli plugins install "
                    f"{DATASOURCE_TYPE}` and restart Grafana"
                )
        return version

    def compare(self, boards: Sequence[Mapping[str, Any]], reached: Reached) -> list[Change]:
        """How everything differs, in the order of applying. Raises GrafanaProblemError."""
        with self._sentences():
            folder = self._folder()
            uid = FOLDER_UID if folder is None else str(folder["uid"])
            return [
                compare_datasource(
                    datasource(reached),
                    self._or_none(lambda: self._api.client.GET(f"/datasources/uid/{DATASOURCE_UID}")),
                ),
                compare_folder(folder),
                *(compare_board(board, self._stored(str(board["uid"])), uid) for board in boards),
                compare_rules(group(uid), self._or_none(lambda: self._api.client.GET(_rules(uid))), self._owners()),
            ]

    def apply(self, boards: Sequence[Mapping[str, Any]], reached: Reached, password: str) -> list[Change]:
        """Brings everything to what is wanted and says what was done; where one thing is refused, nothing is changed.

        Raises GrafanaProblemError.
        """
        changes = self.compare(boards, reached)
        if any(change.action == "refused" for change in changes):
            return changes
        source, folder, *of_boards, of_rules = changes
        wanted = datasource(reached) | {"secureJsonData": {"password": password}}
        with self._sentences():
            found = self._folder()
            uid = FOLDER_UID if found is None else str(found["uid"])
            if source.action == "create":
                self._api.client.POST("/datasources", json=wanted)
            elif source.action == "update":
                stored = self._api.client.GET(f"/datasources/uid/{DATASOURCE_UID}")
                self._api.client.PUT(
                    f"/datasources/uid/{DATASOURCE_UID}", json=wanted | {"isDefault": bool(stored.get("isDefault"))}
                )
            if folder.action == "create":
                self._api.client.POST("/folders", json={"uid": FOLDER_UID, "title": FOLDER_TITLE})
            for board, change in zip(boards, of_boards, strict=True):
                if change.action in ("create", "update"):
                    self._api.dashboard.update_dashboard(
                        {"dashboard": dict(board), "folderUid": uid, "overwrite": True, "message": MESSAGE}
                    )
            if of_rules.action in ("create", "update"):
                # Unchanged rules are not sent: Grafana resets the state of rules that it gets again.
                self._api.client.PUT(_rules(uid), json=group(uid))
        return changes

    def _folder(self) -> Mapping[str, Any] | None:
        """Ours, or one of its title: Grafana makes that where files provision alert rules."""
        ours: Mapping[str, Any] | None = self._or_none(lambda: self._api.client.GET(f"/folders/{FOLDER_UID}"))
        if ours is not None:
            return ours
        folders: Sequence[Mapping[str, Any]] = self._api.client.GET("/folders?limit=1000")
        return next((each for each in folders if each["title"] == FOLDER_TITLE), None)

    def _owners(self) -> frozenset[str]:
        """Who put our alert rules into Grafana, wherever they stand there: a group does not say that, a rule does.

        Empty without any; "" for people.
        """
        asked = [self._rule(rule.uid) for rule in RULES]
        return frozenset(str(rule.get("provenance") or "") for rule in asked if rule is not None)

    def _rule(self, uid: str) -> Mapping[str, Any] | None:
        found: Mapping[str, Any] | None = self._or_none(
            lambda: self._api.client.GET(f"/v1/provisioning/alert-rules/{uid}")
        )
        return found

    def _stored(self, uid: str) -> Mapping[str, Any] | None:
        found: Mapping[str, Any] | None = self._or_none(lambda: self._api.dashboard.get_dashboard(uid))
        return found

    @staticmethod
    def _or_none(ask: Callable[[], Any]) -> Any:
        from grafana_client.client import GrafanaClientError

        try:
            return ask()
        except GrafanaClientError as error:
            if error.status_code == 404:
                return None
            raise

    @contextmanager
    def _sentences(self) -> Iterator[None]:
        """Turns what the client raises into one sentence; it lets errors of its HTTP library through."""
        from grafana_client.client import GrafanaClientError, GrafanaException, GrafanaTimeoutError
        from niquests.exceptions import RequestException

        try:
            yield
        except GrafanaTimeoutError as error:
            raise GrafanaProblemError(f"Grafana at {self.url} does not answer within {PATIENCE_S:g} s") from error
        except GrafanaClientError as error:
            raise GrafanaProblemError(self._refusal(error.status_code, str(error.message))) from error
        except GrafanaException as error:
            raise GrafanaProblemError(
                f"Grafana at {self.url} failed with status {error.status_code}: its own log says more"
            ) from error
        except RequestException as error:
            raise GrafanaProblemError(
                f"Grafana at {self.url} does not answer: check the address and that it runs"
            ) from error

    def _refusal(self, status: int, message: str) -> str:
        if status == 401:
            return (
                f"Grafana at {self.url} rejects the token: create a service account's token there "
                "(Administration → Service accounts) and set GOSPULSE_GRAFANA_TOKEN_FILE"
            )
        if status == 403:
            return f"the token may not do this in Grafana at {self.url}: its service account needs the role Admin"
        if status == 412:
            return "the board was changed in Grafana meanwhile: run `gospulse grafana diff`, then apply again"
        return f"Grafana at {self.url} rejected a request with status {status}: {' '.join(message.split())[:200]}"
