"""Connection settings as the client libraries take them."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from schemas.connections import ClickHouseConnection, KafkaConnection, Secret


def test_a_plain_cluster_has_neither_tls_nor_a_login() -> None:
    options = KafkaConnection(bootstrap=("one:9092", "two:9092")).client_options()
    assert options == {
        "bootstrap_servers": ["one:9092", "two:9092"],
        "security_protocol": "PLAINTEXT",
        "ssl_context": None,
    }


def test_a_login_reaches_the_library_and_nobody_else() -> None:
    connection = KafkaConnection(
        bootstrap=("one:9092",),
        security_protocol="SASL_PLAINTEXT",
        sasl_mechanism="PLAIN",
        sasl_username="worker",
        sasl_password=Secret("hush"),
    )
    options = connection.client_options()
    assert (options["sasl_plain_username"], options["sasl_plain_password"]) == ("worker", "hush")
    assert options["ssl_context"] is None
    assert "hush" not in repr(connection)


@pytest.mark.parametrize("file", ["ssl_cafile", "ssl_certfile", "ssl_keyfile"])
def test_a_file_that_is_missing_is_named(file: str, tmp_path: Path) -> None:
    missing = str(tmp_path / "ca.pem")
    connection = replace(KafkaConnection(bootstrap=("one:9092",), security_protocol="SSL"), **{file: missing})
    with pytest.raises(FileNotFoundError) as caught:
        connection.client_options()
    assert caught.value.filename == missing


def test_clickhouse_statements_may_run_at_once() -> None:
    connection = ClickHouseConnection(host="h", port=8443, username="u", password=Secret("hush"), secure=True)
    assert connection.client_options() == {
        "host": "h",
        "port": 8443,
        "username": "u",
        "password": "hush",
        "secure": True,
        "ca_cert": None,
        "autogenerate_session_id": False,
    }
