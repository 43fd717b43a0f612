"""Connection settings for Kafka and ClickHouse: address, TLS, credentials, and how client libraries name them."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any, Literal

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

    def client_options(self) -> dict[str, Any]:
        """Address, TLS and login by the names that kafka-python and aiokafka share.

        Raises FileNotFoundError with the file's name, and ``ssl.SSLError`` for a file that is no certificate or key.
        """
        options: dict[str, Any] = {
            "bootstrap_servers": list(self.bootstrap),
            "security_protocol": self.security_protocol,
            "ssl_context": self._ssl_context(),
        }
        if self.sasl_mechanism is not None:
            options["sasl_mechanism"] = self.sasl_mechanism
            options["sasl_plain_username"] = self.sasl_username
            options["sasl_plain_password"] = self.sasl_password.reveal() if self.sasl_password is not None else None
        return options

    def _ssl_context(self) -> ssl.SSLContext | None:
        if "SSL" not in self.security_protocol.split("_"):
            return None
        for file in (self.ssl_cafile, self.ssl_certfile, self.ssl_keyfile):
            if file is not None:
                # OpenSSL's own error does not name the file.
                with Path(file).open("rb"):
                    pass
        context = ssl.create_default_context(cafile=self.ssl_cafile)
        if self.ssl_certfile is not None:
            context.load_cert_chain(self.ssl_certfile, self.ssl_keyfile)
        return context

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

    def client_options(self) -> dict[str, Any]:
        """Address, TLS and login by the names of clickhouse-connect; no session, so that statements may run at once."""
        return {
            "host": self.host,
            "port": self.port,
            "username": self.username,
            "password": self.password.reveal(),
            "secure": self.secure,
            "ca_cert": self.ca_cert,
            "autogenerate_session_id": False,
        }
