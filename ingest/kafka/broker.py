"""Reaching a Kafka broker with kafka-python: its settings, a quiet log, and what to say when nobody answers."""

from __future__ import annotations

import logging
import socket
import time

from kafka import errors as kafka_errors


class BrokerAwayError(Exception):
    """No broker answers; the message is one sentence with the way out."""


def quiet_library() -> None:
    """Keep kafka-python's loggers silent unless somebody set their level: what matters is raised.

    While a broker is away they write several lines a second.
    """
    logger = logging.getLogger("kafka")
    if logger.level == logging.NOTSET:
        logger.setLevel(logging.CRITICAL + 1)


def wait_for_port(bootstrap: tuple[str, ...], patience: float) -> None:
    """Wait until one broker's port opens: the library itself would try for many seconds and fill the log.

    Raises:
        BrokerAwayError: none did within ``patience`` seconds, or an address cannot be read.
    """
    give_up = time.monotonic() + patience
    waited = f" (waited {patience:g} s)" if patience else ""
    while True:
        for address in bootstrap:
            host, _, port = address.rpartition(":")
            try:
                with socket.create_connection((host.strip("[]"), int(port)), timeout=max(0.2, min(2.0, patience))):
                    return
            except ValueError as error:
                raise BrokerAwayError(f"Kafka's address {address} is not host:port.") from error
            except OSError:
                continue
        if time.monotonic() >= give_up:
            raise BrokerAwayError(
                f"Kafka does not answer at {', '.join(bootstrap)}{waited}: start it with `gospulse up`, or set"
                " GOSPULSE_KAFKA to where it runs."
            )
        time.sleep(0.1)


def refusal(address: str, error: BaseException) -> str:
    """One sentence for a broker that answers but does not let us in."""
    if isinstance(error, kafka_errors.KafkaTimeoutError | kafka_errors.SaslAuthenticationFailedError):
        # The library tries again after a wrong password until its time is up, and does not say why.
        return not_let_in(address)
    return f"Kafka at {address} did not let us in: {plain(error)}."


def not_let_in(address: str) -> str:
    """One sentence for a port that answers where no Kafka client gets in."""
    return (
        f"Kafka at {address} answers but did not let us in: check user, password, GOSPULSE_KAFKA_SECURITY and"
        " GOSPULSE_KAFKA_SASL."
    )


def plain(error: BaseException) -> str:
    """The library's error on one line."""
    return " ".join(str(error).split()).rstrip(".") or type(error).__name__
