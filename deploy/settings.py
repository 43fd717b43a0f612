"""Settings: one frozen object, read from ``GOSPULSE_*`` and an optional TOML file, with where each value came from.

A setting has one name: ``flush_interval_s`` in the TOML file is ``GOSPULSE_FLUSH_INTERVAL_S`` in the environment. The
environment stands above the file, the file above the default.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal, get_type_hints
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta, Struct

from deploy import addresses, passwords
from deploy.cli.errors import WRONG_USE, UserError
from schemas.connections import ClickHouseConnection, KafkaConnection, Secret

PREFIX: Final = "GOSPULSE_"
CONFIG: Final = "GOSPULSE_CONFIG"
CONFIG_FILE: Final = "gospulse.toml"
DEFAULT: Final = "default"
#: Names in the environment that are no settings: which file to read, and whether to show traces.
ENVIRONMENT_ONLY: Final = frozenset({CONFIG, "GOSPULSE_DEBUG"})
#: Secrets never stand in the TOML file; each may stand in a file that ``<name>_file`` names.
SECRETS: Final = ("kafka_password", "clickhouse_password", "analyst_password")

_SOURCES: Final = Path(__file__).resolve().parents[1]
_CACHE: Final = _SOURCES / ".cache" if (_SOURCES / "pyproject.toml").is_file() else Path.home() / ".cache" / "gospulse"

Port = Annotated[int, Meta(ge=1, le=65_535)]
Days = Annotated[int, Meta(ge=1, le=36_500)]


class Settings(Struct, frozen=True, kw_only=True):
    """The settings in force; paths are absolute. The description of each field is what ``gospulse config`` prints."""

    data: Annotated[Path, Meta(description="Data directory: data, logs, pids, addresses, passwords")]
    cache: Annotated[Path, Meta(description="What was downloaded once: Kafka's jars")]
    bind: Annotated[str, Meta(min_length=1, description="Address that everything binds to")] = "127.0.0.1"

    kafka_servers: Annotated[
        tuple[str, ...], Meta(description="Existing Kafka, host:port,host:port; empty: the broker of `gospulse up`")
    ] = ()
    kafka_security: Annotated[
        Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"], Meta(description="Security protocol of Kafka")
    ] = "PLAINTEXT"
    kafka_sasl: Annotated[
        Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] | None, Meta(description="SASL mechanism of Kafka")
    ] = None
    kafka_user: Annotated[str | None, Meta(description="SASL user")] = None
    kafka_password: Annotated[Secret | None, Meta(description="SASL password")] = None
    kafka_password_file: Annotated[Path | None, Meta(description="File that holds the SASL password")] = None
    kafka_ca: Annotated[Path | None, Meta(description="CA certificates for Kafka (PEM)")] = None
    kafka_certificate: Annotated[Path | None, Meta(description="Client certificate for Kafka (PEM)")] = None
    kafka_key: Annotated[Path | None, Meta(description="Key of the client certificate (PEM)")] = None
    kafka_port: Annotated[Port, Meta(description="Port of the broker of `gospulse up`; the next free one if taken")] = (
        9092
    )
    kafka_heap_mb: Annotated[int, Meta(ge=128, le=65_536, description="Heap of that broker in MB")] = 512
    topic_prefix: Annotated[
        str, Meta(pattern=r"^[A-Za-z0-9._-]{0,100}$", description="Goes before the name of every topic and group")
    ] = ""
    replication_factor: Annotated[int, Meta(ge=1, le=32, description="Copies of each topic; 3 on a cluster")] = 1

    clickhouse_server: Annotated[
        str | None, Meta(description="Existing ClickHouse, http(s)://host:port; empty: the endpoint of `gospulse up`")
    ] = None
    clickhouse_user: Annotated[str, Meta(min_length=1, description="Login that writes")] = passwords.WRITER
    clickhouse_password: Annotated[Secret | None, Meta(description="Its password; generated for the own endpoint")] = (
        None
    )
    clickhouse_password_file: Annotated[Path | None, Meta(description="File that holds its password")] = None
    clickhouse_ca: Annotated[Path | None, Meta(description="CA certificates for ClickHouse (PEM)")] = None
    clickhouse_port: Annotated[
        Port, Meta(description="Port of the endpoint of `gospulse up`; the next free one if taken")
    ] = 8123
    analyst_user: Annotated[str, Meta(min_length=1, description="Read-only login")] = passwords.ANALYST
    analyst_password: Annotated[Secret | None, Meta(description="Its password; generated for the own endpoint")] = None
    analyst_password_file: Annotated[Path | None, Meta(description="File that holds its password")] = None
    replicated: Annotated[bool, Meta(description="Replicated table engines, for a cluster")] = False
    cluster: Annotated[
        str | None, Meta(pattern=r"^[A-Za-z0-9_.{}-]+$", description="Cluster named in ON CLUSTER; empty: none")
    ] = None

    workers: Annotated[int, Meta(ge=1, le=64, description="Workers that `gospulse up` runs")] = 2
    web_port: Annotated[
        Port, Meta(description="First web port of the workers (metrics); the next free one if taken")
    ] = 6066
    flush_interval_s: Annotated[float, Meta(ge=0.05, le=60, description="Seconds between two flushes of a worker")] = (
        1.0
    )
    inserts_per_s: Annotated[
        float, Meta(gt=0, le=1_000, description="Inserts a second of the whole group, at most")
    ] = 10.0
    session_timeout_s: Annotated[
        float, Meta(ge=1, le=300, description="Silence after which a worker's partitions go to the others")
    ] = 6.0

    identity_key_file: Annotated[
        Path | None, Meta(description="Key of the identities, never rotated; empty: one in the data directory")
    ] = None

    retention_page_hour: Annotated[
        Days | None, Meta(description="Days that page-hour counters are kept; empty: for ever")
    ] = None
    retention_people_day: Annotated[
        Days | None, Meta(description="Days that sketches of active accounts are kept; empty: for ever")
    ] = None
    retention_rejected: Annotated[
        Days | None, Meta(description="Days that refused records are kept; empty: for ever")
    ] = None

    #: Where each value came from: the variable's name, ``FILE: name``, or "default".
    origins: Mapping[str, str] = {}

    @property
    def kafka(self) -> KafkaConnection:
        """Kafka as set, or as ``gospulse up`` started it. Raises UserError when neither is there."""
        servers = self.kafka_servers
        if not servers:
            address = addresses.read(self.data, addresses.KAFKA)
            if address is None:
                raise UserError("Kafka's address is not known: run `gospulse up` or set GOSPULSE_KAFKA")
            servers = (address,)
        return KafkaConnection(
            bootstrap=servers,
            security_protocol=self.kafka_security,
            sasl_mechanism=self.kafka_sasl,
            sasl_username=self.kafka_user,
            sasl_password=self._secret("kafka_password"),
            ssl_cafile=_text(self.kafka_ca),
            ssl_certfile=_text(self.kafka_certificate),
            ssl_keyfile=_text(self.kafka_key),
            topic_prefix=self.topic_prefix,
        )

    @property
    def clickhouse(self) -> ClickHouseConnection:
        """ClickHouse with the login that writes. Raises UserError when its address or password is not known."""
        return self._clickhouse(self.clickhouse_user, "clickhouse_password", passwords.WRITER)

    @property
    def analyst(self) -> ClickHouseConnection:
        """ClickHouse with the read-only login. Raises UserError when its address or password is not known."""
        return self._clickhouse(self.analyst_user, "analyst_password", passwords.ANALYST)

    @property
    def retention(self) -> dict[str, int]:
        """Days by table, for the tables that have a limit; the others are kept for ever."""
        prefix = "retention_"
        days = {name.removeprefix(prefix): getattr(self, name) for name in names() if name.startswith(prefix)}
        return {table: limit for table, limit in days.items() if limit is not None}

    @property
    def identity_key(self) -> Path:
        """The file of the identity key; the default one is made when it is first needed."""
        return self.identity_key_file or self.data / "keys" / "identity"

    def _clickhouse(self, username: str, secret: str, generated: str) -> ClickHouseConnection:
        password = self._secret(secret)
        if self.clickhouse_server is not None:
            url = urlsplit(self.clickhouse_server)
            secure = url.scheme == "https"
            host, port = url.hostname or "", url.port or (8443 if secure else 8123)
        else:
            address = addresses.read(self.data, addresses.CLICKHOUSE)
            if address is None:
                raise UserError("ClickHouse's address is not known: run `gospulse up` or set GOSPULSE_CLICKHOUSE")
            host, _, digits = address.rpartition(":")
            port, secure = int(digits), False
            password = password or passwords.read_generated(self.data, generated)
        if password is None:
            variable = PREFIX + secret.upper()
            raise UserError(
                f"the password of ClickHouse's login {username} is not known: set {variable}_FILE or {variable}"
            )
        return ClickHouseConnection(
            host=host, port=port, username=username, password=password, secure=secure, ca_cert=_text(self.clickhouse_ca)
        )

    def _secret(self, name: str) -> Secret | None:
        path: Path | None = getattr(self, f"{name}_file")
        value: Secret | None = getattr(self, name)
        return passwords.read_file(path) if path is not None else value


#: Two settings bear the name of what they address, ``kafka`` and ``clickhouse``, which on the object is the connection.
_FIELD_OF_NAME: Final = {"kafka": "kafka_servers", "clickhouse": "clickhouse_server"}
_NAME_OF_FIELD: Final = {field: name for name, field in _FIELD_OF_NAME.items()}


def names() -> list[str]:
    """Names of all settings, as they stand in the TOML file, in the order of the documentation."""
    return [_NAME_OF_FIELD.get(field, field) for field in Settings.__struct_fields__ if field != "origins"]


def value(settings: Settings, name: str) -> object:
    """The value of a setting by its name."""
    return getattr(settings, _FIELD_OF_NAME.get(name, name))


def description(name: str) -> str:
    """What a setting means, in one line."""
    field = _FIELD_OF_NAME.get(name, name)
    return str(_TYPES[field].__metadata__[0].description)


def variable(name: str) -> str:
    """The environment variable of a setting."""
    return PREFIX + name.upper()


def load(environ: Mapping[str, str], cwd: Path) -> Settings:
    """Settings from the environment and from the TOML file that ``GOSPULSE_CONFIG`` names, else ``cwd/gospulse.toml``.

    Relative paths begin at ``cwd``, those in the file at the file's folder. An empty variable is as good as none.
    Raises UserError for an unknown name, naming the nearest known one, and for a value that does not fit.
    """
    found: dict[str, Any] = {"data": cwd / ".gospulse", "cache": _CACHE}
    origins = dict.fromkeys(names(), DEFAULT)
    for name, raw, folder, origin in [*_from_file(environ, cwd), *_from_environment(environ, cwd)]:
        field = _FIELD_OF_NAME.get(name, name)
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
        return folder / Path(text).expanduser() if kind is Path else Secret(text)

    if field == "kafka_servers" and isinstance(raw, str):
        raw = [server.strip() for server in raw.split(",") if server.strip()]
    try:
        return msgspec.convert(raw, _TYPES[field], strict=False, dec_hook=decode)
    except msgspec.ValidationError as error:
        # The value itself is left out: it may be a secret under a wrong name.
        raise UserError(f"{origin}: {error}", WRONG_USE) from error


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
        raise UserError("kafka_security SASL_... and kafka_sasl belong together: set both or neither", WRONG_USE)


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)


_TYPES: Final = get_type_hints(Settings, include_extras=True)
