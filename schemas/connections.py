"""Where Kafka and ClickHouse are, and how one proves to them who one is."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct


class Secret(str):
    """A text that prints as asterisks; ``reveal()`` gives it to the library that needs it."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'***'"

    def __str__(self) -> str:
        return "***"

    def __format__(self, _spec: str) -> str:
        return "***"

    def reveal(self) -> str:
        """The secret itself."""
        return str.__str__(self)


class KafkaConnection(Struct, frozen=True, kw_only=True):
    """A Kafka cluster. ``topic_prefix`` goes before every topic and group name (tests, systems that share one)."""

    bootstrap: tuple[str, ...]
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] | None = None
    sasl_username: str | None = None
    sasl_password: Secret | None = None
    ssl_cafile: str | None = None
    ssl_certfile: str | None = None
    ssl_keyfile: str | None = None
    topic_prefix: str = ""

    def topic(self, name: str) -> str:
        """The topic's name on the cluster."""
        return self.topic_prefix + name

    def group(self, generation: int) -> str:
        """The consumer group of a generation."""
        return f"{self.topic_prefix}gospulse-g{generation}"


class ClickHouseConnection(Struct, frozen=True, kw_only=True):
    """A ClickHouse server's HTTP interface."""

    host: str
    port: int
    username: str
    password: Secret
    secure: bool = False
    ca_cert: str | None = None
