"""Reading the settings: the environment, then an optional TOML file, then the defaults."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal, get_args, get_origin
from urllib.parse import urlsplit

import msgspec

from deploy.errors import WRONG_USE, UserError
from deploy.settings import DEFAULT, PREFIX, SECRETS, Settings, field_of, kind_of, names, variable
from schemas.connections import Secret

CONFIG: Final = "GOSPULSE_CONFIG"
CONFIG_FILE: Final = "gospulse.toml"
#: Variables that are no settings: the file to read, and whether to show stack traces.
ENVIRONMENT_ONLY: Final = frozenset({CONFIG, "GOSPULSE_DEBUG"})

_SOURCES: Final = Path(__file__).resolve().parents[1]
_CACHE: Final = _SOURCES / ".cache" if (_SOURCES / "pyproject.toml").is_file() else Path.home() / ".cache" / "gospulse"


def load(environ: Mapping[str, str], cwd: Path) -> Settings:
    """Settings from the environment and from the TOML file that ``GOSPULSE_CONFIG`` names, else ``cwd/gospulse.toml``.

    Relative paths begin at ``cwd``, those in the file at the file's folder. An empty variable counts as unset.
    Raises UserError for an unknown name, naming the nearest known one, and for a value that does not fit.
    """
    found: dict[str, Any] = {"data": cwd / ".gospulse", "cache": _CACHE}
    origins = dict.fromkeys(names(), DEFAULT)
    for name, raw, folder, origin in [*_from_file(environ, cwd), *_from_environment(environ, cwd)]:
        field = field_of(name)
        found[field] = _converted(field, raw, folder, origin)
        origins[name] = origin
        # A password and the file of a password exclude each other: the later source stands.
        if name in SECRETS:
            found.pop(f"{name}_file", None)
        elif name.removesuffix("_file") in SECRETS:
            found.pop(name.removesuffix("_file"), None)
    settings = Settings(**found, origins=origins)
    _check(settings)
    return settings


_Item = tuple[str, Any, Path, str]


def _from_file(environ: Mapping[str, str], cwd: Path) -> list[_Item]:
    named = environ.get(CONFIG)
    path = cwd / Path(named).expanduser() if named else cwd / CONFIG_FILE
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        if named:
            raise UserError(f"{CONFIG} names {path}, which does not exist", WRONG_USE) from error
        return []
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not valid TOML: {error}", WRONG_USE) from error
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}", WRONG_USE) from error
    for name in content:
        if name in SECRETS:
            raise UserError(
                f"{path}: {name} is a secret and does not belong there; use {name}_file or {variable(name)}", WRONG_USE
            )
        if name not in names():
            known = [other for other in names() if other not in SECRETS]
            raise UserError(f"{path}: unknown setting {name!r}{_nearest(name, known)}", WRONG_USE)
    return [(name, raw, path.parent, f"{path}: {name}") for name, raw in content.items()]


def _from_environment(environ: Mapping[str, str], cwd: Path) -> list[_Item]:
    known = {variable(name): name for name in names()}
    items = []
    for name, text in environ.items():
        if not name.startswith(PREFIX) or name in ENVIRONMENT_ONLY:
            continue
        if name not in known:
            raise UserError(f"unknown setting {name}{_nearest(name, [*known, *ENVIRONMENT_ONLY])}", WRONG_USE)
        if text != "":
            items.append((known[name], text, cwd, name))
    # Sorted, so that `X_FILE` is read after `X` whatever the order in the environment.
    return sorted(items, key=lambda item: item[0])


def _nearest(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f"; did you mean {near[0]}?" if near else "; `gospulse config` lists the known ones"


def _converted(field: str, raw: Any, folder: Path, origin: str) -> Any:
    def decode(kind: type, text: object) -> object:
        if not isinstance(text, str) or not text:
            raise ValueError("a text is expected")
        if kind is not Path:
            return Secret(text)
        try:
            return folder / Path(text).expanduser()
        except RuntimeError as error:
            raise ValueError("a path that begins with ~ names a user whose home is not known") from error

    if field == "kafka_servers" and isinstance(raw, str):
        raw = [server.strip() for server in raw.split(",") if server.strip()]
    try:
        return msgspec.convert(raw, kind_of(field), strict=False, dec_hook=decode)
    except msgspec.ValidationError as error:
        # The value itself is left out: it may be a secret under a wrong name.
        allowed = _choices(kind_of(field))
        what = f"expected one of {', '.join(allowed)}" if allowed else str(error)
        raise UserError(f"{origin}: {what}", WRONG_USE) from error


def _choices(kind: Any) -> list[str]:
    """The values of a setting that has a fixed list of them, else nothing."""
    if get_origin(kind) is Literal:
        return [str(value) for value in get_args(kind)]
    return [choice for part in get_args(kind) for choice in _choices(part)]


def _check(settings: Settings) -> None:
    for server in settings.kafka_servers:
        host, _, port = server.rpartition(":")
        if not host or not port.isdigit():
            raise UserError(f"{settings.origins['kafka']}: {server!r} is not host:port", WRONG_USE)
    if settings.clickhouse_server is not None:
        url = urlsplit(settings.clickhouse_server)
        try:
            fits = url.scheme in ("http", "https") and bool(url.hostname) and (url.port is None or url.port > 0)
        except ValueError:
            fits = False
        if not fits or url.username or url.path.strip("/") or url.query:
            raise UserError(
                f"{settings.origins['clickhouse']}: expected http(s)://host:port without login and path", WRONG_USE
            )
    if settings.kafka_security.startswith("SASL") != (settings.kafka_sasl is not None):
        raise UserError("kafka_security SASL_... and kafka_sasl belong together: set both or none", WRONG_USE)
