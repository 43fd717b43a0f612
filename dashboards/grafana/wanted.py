"""What a Grafana must hold: the data source, the folder, the boards; and how that differs from what it holds. Pure."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

from msgspec import Struct

from dashboards.builders.targets import DATASOURCE_TYPE, DATASOURCE_UID

FOLDER_UID: Final = "gospulse"
FOLDER_TITLE: Final = "ГосПульс"
DATASOURCE_NAME: Final = "ГосПульс ClickHouse"
#: The oldest Grafana whose data source plugin is the one that the boards are written for.
OLDEST: Final = (11, 6)
#: What Grafana itself adds to a dashboard.
_OWN: Final = ("id", "version", "iteration")


class Reached(Struct, frozen=True):
    """ClickHouse as Grafana reaches it, with the login that only reads."""

    host: str
    port: int
    username: str
    secure: bool = False


class Change(Struct, frozen=True):
    """One thing of Grafana. ``reason`` says why a ``refused`` one is left alone; ``diff`` are lines for a person."""

    thing: str
    action: Literal["create", "update", "same", "refused"]
    diff: tuple[str, ...] = ()
    reason: str = ""


def datasource(reached: Reached) -> dict[str, Any]:
    """The data source without its password. The key is `defaultDatabase`: the back end ignores `database`."""
    return {
        "name": DATASOURCE_NAME,
        "uid": DATASOURCE_UID,
        "type": DATASOURCE_TYPE,
        "access": "proxy",
        "isDefault": False,
        "jsonData": {
            "host": reached.host,
            "port": reached.port,
            "protocol": "http",
            "secure": reached.secure,
            "defaultDatabase": "gospulse",
            "username": reached.username,
            "dialTimeout": "10",
            "queryTimeout": "60",
            "validateSql": True,
        },
    }


def compare_datasource(wanted: Mapping[str, Any], found: Mapping[str, Any] | None) -> Change:
    """What to do with the data source. Passwords cannot be read back: whether there is one can."""
    thing = f"data source {wanted['name']}"
    if found is None:
        return Change(thing, "create", _lines(wanted, None))
    kept = {key: found.get(key) for key in wanted if key != "jsonData"}
    kept["jsonData"] = {key: (found.get("jsonData") or {}).get(key) for key in wanted["jsonData"]}
    has_password = bool((found.get("secureJsonFields") or {}).get("password"))
    # Grafana makes its only data source the default one, whatever the file says: that is not ours to change.
    wanted = {**wanted, "isDefault": kept["isDefault"]}
    if kept == wanted and has_password:
        return Change(thing, "same")
    lines = _lines(wanted, kept) or ("+ password",)
    if found.get("type") != wanted["type"]:
        return Change(thing, "refused", lines, f"uid {wanted['uid']} belongs to a data source of type {found['type']}")
    if found.get("readOnly"):
        return Change(
            thing, "refused", lines, "a file provisions it: change that file, or take the data source out of it"
        )
    return Change(thing, "update", lines)


def compare_folder(found: Mapping[str, Any] | None) -> Change:
    """What to do with the folder."""
    thing = f"folder {FOLDER_TITLE}"
    if found is None:
        return Change(thing, "create")
    return Change(thing, "same")


def compare_board(wanted: Mapping[str, Any], found: Mapping[str, Any] | None, folder_uid: str = FOLDER_UID) -> Change:
    """What to do with a board; ``found`` is Grafana's answer with ``dashboard`` and ``meta``, None without one."""
    thing = f"board {wanted['title']} ({wanted['uid']})"
    if found is None:
        return Change(thing, "create")
    stored, meta = found["dashboard"], found.get("meta") or {}
    if "elements" in stored or str(meta.get("apiVersion", "")).startswith("v2"):
        return Change(
            thing, "refused", (), "it is stored in schema version 2: applying would lose its tabs; delete or rename it"
        )
    kept = {key: value for key, value in stored.items() if key not in _OWN}
    lines = _lines(wanted, kept)
    in_folder = meta.get("provisioned") or meta.get("folderUid") in (folder_uid, None)
    if not lines and in_folder:
        return Change(thing, "same")
    if meta.get("provisioned"):
        return Change(thing, "refused", lines, "a file provisions it: update that file instead")
    if not in_folder:
        lines = (*lines, f"- folder {meta.get('folderUid') or 'General'}", f"+ folder {folder_uid}")
    return Change(thing, "update", lines)


def compare_rules(
    wanted: Mapping[str, Any], found: Mapping[str, Any] | None, owners: frozenset[str] = frozenset()
) -> Change:
    """What to do with a group of alert rules; ``found`` is the group in Grafana, ``owners`` the rules' provenances."""
    thing = f"alert rules {wanted['title']}"
    if found is None and "file" in owners:
        return Change(thing, "refused", (), f"a file provisions them into another folder: name it {FOLDER_TITLE} there")
    if found is None and owners:
        return Change(
            thing, "refused", (), "they stand in another folder or group: delete them there, then apply again"
        )
    if found is None:
        return Change(thing, "create")
    stored = {each.get("uid"): each for each in found.get("rules", [])}
    kept = {
        "title": found.get("title"),
        "folderUid": found.get("folderUid"),
        "interval": found.get("interval"),
        "rules": [_set_by_us(rule, stored.get(rule["uid"])) for rule in wanted["rules"]],
    }
    lines = _lines(wanted, kept)
    extra = sorted(str(uid) for uid in set(stored) - {rule["uid"] for rule in wanted["rules"]})
    lines = (*lines, *(f"- rule {uid}" for uid in extra))
    if not lines:
        return Change(thing, "same")
    if "file" in owners:
        return Change(thing, "refused", lines, "a file provisions them: update that file instead")
    return Change(thing, "update", lines)


def version_of(text: str) -> tuple[int, int]:
    """Major and minor of a version such as ``12.3.0-pre``; (0, 0) where it cannot be read."""
    parts = text.split(".")
    try:
        return int(parts[0]), int(parts[1])
    except (IndexError, ValueError):
        return (0, 0)


def _lines(wanted: Mapping[str, Any], found: Mapping[str, Any] | None) -> tuple[str, ...]:
    """Lines that differ, with a minus for what is there and a plus for what comes."""
    before = _text(found) if found is not None else []
    return tuple(
        line
        for line in difflib.unified_diff(before, _text(wanted), lineterm="", n=0)
        if not line.startswith(("---", "+++", "@@"))
    )


def _set_by_us(wanted: Any, found: Any) -> Any:
    """``found`` without the fields that Grafana adds of its own, at any depth: to rules, their queries and models."""
    if isinstance(wanted, Mapping) and isinstance(found, Mapping):
        return {key: _set_by_us(value, found.get(key)) for key, value in wanted.items()}
    if isinstance(wanted, list) and isinstance(found, list) and len(wanted) == len(found):
        return [_set_by_us(*pair) for pair in zip(wanted, found, strict=True)]
    return found


def _text(value: Mapping[str, Any]) -> Sequence[str]:
    # Grafana gives back numbers as Go writes them: 1.0 as 1.
    plain = json.loads(json.dumps(value), parse_float=_number)
    return json.dumps(plain, ensure_ascii=False, indent=1, sort_keys=True).splitlines()


def _number(text: str) -> int | float:
    value = float(text)
    return int(value) if value.is_integer() else value
