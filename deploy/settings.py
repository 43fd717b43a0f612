"""Settings: one frozen object with every value, its bounds, its description and its origin.

A setting has one name: ``flush_interval_s`` in the TOML file is ``GOSPULSE_FLUSH_INTERVAL_S`` in the environment. The
environment goes before the file, the file before the default.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal, get_type_hints
from urllib.parse import urlsplit

from msgspec import Meta, Struct
from msgspec.structs import replace

from deploy import addresses, passwords
from deploy.errors import WRONG_USE, UserError
from schemas.clickhouse.sql_files import Rendering, Retention
from schemas.connections import ClickHouseConnection, KafkaConnection, Secret
from schemas.contract.topics import EVENTS, READINGS, TOPICS, Topic

PREFIX: Final = "GOSPULSE_"
DEFAULT: Final = "default"
#: Secrets are not allowed in the TOML file. Each may be in a file that ``<name>_file`` names.
SECRETS: Final = ("kafka_password", "clickhouse_password", "analyst_password", "grafana_token")

Port = Annotated[int, Meta(ge=1, le=65_535)]
Days = Annotated[int, Meta(ge=0, le=36_500)]


class Settings(Struct, frozen=True, kw_only=True):
    """The settings in force; paths are absolute. ``gospulse config --describe`` prints the descriptions."""

    data: Annotated[Path, Meta(description="Data directory: data, logs, pids, addresses, passwords")]
    cache: Annotated[Path, Meta(description="Downloads: Kafka's jars")]
    bind: Annotated[str, Meta(min_length=1, description="Address to which all servers bind")] = "127.0.0.1"

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
    kafka_password_file: Annotated[Path | None, Meta(description="File with the SASL password")] = None
    kafka_ca: Annotated[Path | None, Meta(description="CA certificates for Kafka (PEM)")] = None
    kafka_certificate: Annotated[Path | None, Meta(description="Client certificate for Kafka (PEM)")] = None
    kafka_key: Annotated[Path | None, Meta(description="Key of the client certificate (PEM)")] = None
    kafka_port: Annotated[Port, Meta(description="Port of the broker of `gospulse up`; the next free one if taken")] = (
        9092
    )
    kafka_heap_mb: Annotated[int, Meta(ge=128, le=65_536, description="Heap of the broker of `gospulse up`, MB")] = 512
    topic_prefix: Annotated[
        str, Meta(pattern=r"^[A-Za-z0-9._-]{0,100}$", description="Prefix of the names of all topics and groups")
    ] = ""
    events_partitions: Annotated[
        int, Meta(ge=1, le=1_000, description="Partitions of a new topic events; never changed in place")
    ] = 8
    readings_partitions: Annotated[
        int,
        Meta(ge=1, le=1_000, description="Partitions of a new topic readings; never changed in place"),
    ] = 4
    replication_factor: Annotated[int, Meta(ge=1, le=32, description="Copies of each topic; 3 on a cluster")] = 1

    clickhouse_server: Annotated[
        str | None, Meta(description="Existing ClickHouse, http(s)://host:port; empty: the endpoint of `gospulse up`")
    ] = None
    clickhouse_user: Annotated[str, Meta(min_length=1, description="ClickHouse login that writes")] = passwords.WRITER
    clickhouse_password: Annotated[
        Secret | None, Meta(description="Password of that login; generated for the built-in endpoint")
    ] = None
    clickhouse_password_file: Annotated[
        Path | None, Meta(description="File with the password of the login that writes")
    ] = None
    clickhouse_ca: Annotated[Path | None, Meta(description="CA certificates for ClickHouse (PEM)")] = None
    clickhouse_port: Annotated[
        Port, Meta(description="Port of the endpoint of `gospulse up`; the next free one if taken")
    ] = 8123
    clickhouse_memory_mb: Annotated[
        int, Meta(ge=0, description="Memory limit of the built-in endpoint, MB (0: default)")
    ] = 0
    analyst_user: Annotated[str, Meta(min_length=1, description="ClickHouse login that only reads")] = passwords.ANALYST
    analyst_password: Annotated[
        Secret | None, Meta(description="Password of that login; generated for the built-in endpoint")
    ] = None
    analyst_password_file: Annotated[
        Path | None, Meta(description="File with the password of the login that only reads")
    ] = None
    replicated: Annotated[bool, Meta(description="Replicated engines and ON CLUSTER (the server's macros)")] = False
    fsync: Annotated[
        bool, Meta(description="Tables sync each insert to the disk before they acknowledge it (false: for tests)")
    ] = True
    insert_quorum: Annotated[
        int, Meta(ge=0, le=32, description="Replicas that must acknowledge an insert (0: no quorum)")
    ] = 0
    answer_limit_h: Annotated[
        int, Meta(ge=1, le=8_760, description="Hours within which an official answer is on time")
    ] = 24
    minimum_sample: Annotated[int, Meta(ge=1, description="Fewest due appeals with which a region gets a rank")] = 30

    workers: Annotated[int, Meta(ge=1, le=64, description="Workers that `gospulse up` runs")] = 2
    web_port: Annotated[
        Port, Meta(description="First web port of the workers (metrics); the next free one if taken")
    ] = 6066
    flush_interval_s: Annotated[float, Meta(ge=0.05, le=60, description="Seconds between two flushes of a worker")] = (
        1.0
    )
    inserts_per_s: Annotated[
        float, Meta(gt=0, le=1_000, description="Limit of inserts per second of the whole consumer group")
    ] = 10.0
    session_timeout_s: Annotated[
        float, Meta(ge=1, le=300, description="Seconds without a heartbeat after which a worker loses its partitions")
    ] = 6.0

    identity_key_file: Annotated[
        Path | None, Meta(description="File with the identity key, never rotated (empty: data directory)")
    ] = None
    author_keys_folder: Annotated[
        Path | None, Meta(description="Keys of the accounts' pseudonyms; empty: in the data directory")
    ] = None

    webhook_port: Annotated[Port, Meta(description="Port that platforms call; the next free one if taken")] = 8088
    webhook_processes: Annotated[
        int, Meta(ge=0, le=64, description="Webhook processes that `gospulse up` runs on that port")
    ] = 1
    webhook_url: Annotated[
        str, Meta(pattern=r"^(https?://[^\s/]+(/[^\s]*)?)?$", description="Public address of the webhook, https://host")
    ] = ""
    webhook_rate: Annotated[float, Meta(gt=0, description="Requests a second of one webhook process, at most")] = (
        3_000.0
    )
    webhook_connections: Annotated[
        int, Meta(ge=1, le=100_000, description="Open connections of one webhook process, at most")
    ] = 1_000
    webhook_ack_timeout_s: Annotated[
        float, Meta(ge=0.5, le=60, description="Seconds that a caller of the webhook waits for Kafka")
    ] = 5.0

    spikes: Annotated[bool, Meta(description="Whether `gospulse up` runs the spike detector")] = True
    spikes_false_alerts_a_week: Annotated[
        float, Meta(ge=0.1, le=70, description="False alerts a week that the country can bear")
    ] = 7.0
    spikes_minimum: Annotated[int, Meta(ge=1, le=100, description="Fewest appeals of a window that may alert")] = 3
    spikes_levels: Annotated[
        tuple[Literal["municipality", "region", "district", "country"], ...],
        Meta(description="Levels that may alert"),
    ] = ("municipality", "region", "district", "country")
    spikes_links_url: Annotated[
        str,
        Meta(
            pattern=r"^(https?://[^\s/]+(/[^\s]*)?)?$",
            description="Public address of the links in alerts, https://host; empty: alerts carry no links",
        ),
    ] = ""
    spikes_links_port: Annotated[
        Port, Meta(description="Port of this machine on which `gospulse up` answers these links, behind a proxy")
    ] = 8090

    grafana_url: Annotated[str | None, Meta(description="Grafana into which `gospulse grafana` brings the boards")] = (
        None
    )
    grafana_token: Annotated[Secret | None, Meta(description="Token of a service account of that Grafana")] = None
    grafana_token_file: Annotated[Path | None, Meta(description="File with the token for Grafana")] = None

    retention_days_appeals: Annotated[Days, Meta(description="Days for which appeals are kept (0: for ever)")] = 0
    retention_days_answers: Annotated[Days, Meta(description="Days for which answers are kept (0: for ever)")] = 0
    retention_days_appeal_changes: Annotated[
        Days, Meta(description="Days for which changes of appeals are kept (0: for ever)")
    ] = 0
    retention_days_page_hour: Annotated[
        Days, Meta(description="Days for which counters and their roll-ups are kept (0: for ever)")
    ] = 0
    retention_days_people_day: Annotated[
        Days, Meta(description="Days for which sketches of accounts are kept (0: for ever)")
    ] = 0
    retention_days_readings: Annotated[Days, Meta(description="Days for which readings are kept (0: for ever)")] = 0
    retention_days_rejected: Annotated[
        Days, Meta(description="Days for which rejected records are kept (0: for ever)")
    ] = 400

    #: Where each value came from: the variable's name, ``FILE: name``, or "default".
    origins: Mapping[str, str] = {}

    @property
    def kafka(self) -> KafkaConnection:
        """Kafka as set, or as ``gospulse up`` started it. Raises UserError when there is neither."""
        servers = self.kafka_servers
        if not servers:
            address = addresses.read(self.data, addresses.KAFKA)
            if address is None:
                raise UserError("Kafka's address is not known: run `gospulse up` or set GOSPULSE_KAFKA")
            self._demand_own(addresses.KAFKA, address)
            servers = (address,)
        return KafkaConnection(
            bootstrap=servers,
            security_protocol=self.kafka_security,
            sasl_mechanism=self.kafka_sasl,
            sasl_username=self.kafka_user,
            sasl_password=self._secret("kafka_password"),
            ssl_cafile=self._file("kafka_ca"),
            ssl_certfile=self._file("kafka_certificate"),
            ssl_keyfile=self._file("kafka_key"),
            topic_prefix=self.topic_prefix,
        )

    @property
    def topics(self) -> tuple[Topic, ...]:
        """The topics as they must be here: those of the contract with the partitions that are set."""
        partitions = {EVENTS: self.events_partitions, READINGS: self.readings_partitions}
        return tuple(replace(topic, partitions=partitions.get(topic.name, topic.partitions)) for topic in TOPICS)

    @property
    def clickhouse(self) -> ClickHouseConnection:
        """ClickHouse with the login that writes. Raises UserError when its address or password is unknown."""
        return self._clickhouse(self.clickhouse_user, "clickhouse_password", passwords.WRITER)

    @property
    def analyst(self) -> ClickHouseConnection:
        """ClickHouse with the read-only login. Raises UserError when its address or password is not known."""
        return self._clickhouse(self.analyst_user, "analyst_password", passwords.ANALYST)

    @property
    def grafana_access(self) -> Secret | None:
        """The token for Grafana; None where none is set."""
        return self._secret("grafana_token")

    @property
    def rendering(self) -> Rendering:
        """What fills the placeholders of the SQL files: engines, retention by table, limits of the ratings."""
        days = {table: getattr(self, f"retention_days_{table}") or None for table in Retention.__struct_fields__}
        return Rendering(
            replicated=self.replicated,
            fsync=self.fsync,
            retention=Retention(**days),
            answer_limit_h=self.answer_limit_h,
            minimum_sample=self.minimum_sample,
        )

    @property
    def identity_key(self) -> Path:
        """The file of the identity key; the default one is made when it is first needed."""
        return self.identity_key_file or self.data / "keys" / "identity"

    @property
    def sources(self) -> Path:
        """The folder with the secrets of the pages whose platform calls the webhook."""
        return self.data / "sources"

    @property
    def author_keys(self) -> Path:
        """The folder of the author keys; the first key is made when it is first needed."""
        return self.author_keys_folder or self.data / "keys" / "authors"

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
            self._demand_own(addresses.CLICKHOUSE, address)
            host, _, digits = address.rpartition(":")
            port, secure = int(digits), False
            password = password or passwords.read_generated(self.data, generated)
        if password is None:
            variable = PREFIX + secret.upper()
            raise UserError(
                f"the password of ClickHouse's login {username} is not known: set {variable}_FILE or {variable}"
            )
        return ClickHouseConnection(
            host=host,
            port=port,
            username=username,
            password=password,
            secure=secure,
            ca_cert=self._file("clickhouse_ca"),
        )

    def _demand_own(self, server: str, address: str) -> None:
        """Raises UserError when the server of this data directory died and another one answers at its address."""
        from deploy.machine.processes import is_taken_over

        if is_taken_over(self.data / "run", server):
            raise UserError(
                f"the {server} of {self.data} does not run, and another server answers at {address}: run `gospulse up`"
            )

    def _file(self, name: str) -> str | None:
        """The path of a setting that names a file. Raises UserError when there is none: no library names it."""
        path: Path | None = getattr(self, name)
        if path is None:
            return None
        if not path.is_file():
            raise UserError(f"{self.origins[name]}: there is no file {path}", WRONG_USE)
        return str(path)

    def _secret(self, name: str) -> Secret | None:
        path: Path | None = getattr(self, f"{name}_file")
        value: Secret | None = getattr(self, name)
        return passwords.read_file(path) if path is not None else value


#: The settings ``kafka`` and ``clickhouse`` are addresses; on the object these names are the connections.
_FIELD_OF_NAME: Final = {"kafka": "kafka_servers", "clickhouse": "clickhouse_server"}
_NAME_OF_FIELD: Final = {field: name for name, field in _FIELD_OF_NAME.items()}


def names() -> list[str]:
    """Names of all settings, as they stand in the TOML file, in the order of the documentation."""
    return [_NAME_OF_FIELD.get(field, field) for field in Settings.__struct_fields__ if field != "origins"]


def field_of(name: str) -> str:
    """The field of ``Settings`` that holds a setting."""
    return _FIELD_OF_NAME.get(name, name)


def kind_of(field: str) -> Any:
    """The type of a field of ``Settings`` with its bounds."""
    return _TYPES[field]


def value(settings: Settings, name: str) -> object:
    """The value of a setting by its name."""
    return getattr(settings, field_of(name))


def description(name: str) -> str:
    """What a setting means, in one line."""
    # A type with bounds of its own, such as Port, has a Meta of its own before the one of the setting.
    texts = [meta.description for meta in _TYPES[field_of(name)].__metadata__ if meta.description is not None]
    return str(texts[-1])


def variable(name: str) -> str:
    """The environment variable of a setting."""
    return PREFIX + name.upper()


_TYPES: Final = get_type_hints(Settings, include_extras=True)
