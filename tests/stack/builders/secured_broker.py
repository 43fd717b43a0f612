"""A broker for tests that lets in nobody without a password or a certificate; certificates are made with openssl."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from deploy.machine.kafka_broker import configuration
from deploy.machine.kafka_broker.process import start_broker
from deploy.machine.processes import Process
from tests.servers.ports import free_port

HOST = "127.0.0.1"
USER = "gospulse"
PASSWORD = "open sesame"
PROTOCOLS = ("SASL_PLAINTEXT", "SASL_SSL", "SSL")


class SecuredBroker:
    """One broker with a listener for each of ``PROTOCOLS``, with data and certificates below ``folder``."""

    def __init__(self, folder: Path, cache: Path) -> None:
        self.folder = folder
        make_certificates(folder)
        self.ports: dict[str, int] = {}
        for protocol in PROTOCOLS:
            self.ports[protocol] = free_port()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(configuration, "server_properties", self._properties(configuration.server_properties))
            self.process: Process = start_broker(
                folder / "kafka",
                HOST,
                free_port(),
                cache=cache,
                run=folder / "run",
                log=folder / "kafka.log",
                heap_mb=256,
            )

    def settings(self, protocol: str, password: str = PASSWORD) -> dict[str, str]:
        """Settings without their prefix, as a person would set them."""
        found = {"KAFKA": f"{HOST}:{self.ports[protocol]}", "KAFKA_SECURITY": protocol}
        if protocol != "SSL":
            found |= {"KAFKA_SASL": "PLAIN", "KAFKA_USER": USER, "KAFKA_PASSWORD": password}
        if protocol != "SASL_PLAINTEXT":
            found["KAFKA_CA"] = str(self.folder / "ca.pem")
        if protocol == "SSL":
            found |= {
                "KAFKA_CERTIFICATE": str(self.folder / "client.pem"),
                "KAFKA_KEY": str(self.folder / "client.key"),
            }
        return found

    def _properties(self, plain: Callable[[Path, str, int, int], str]) -> Callable[[Path, str, int, int], str]:
        def secured(log: Path, host: str, port: int, controller_port: int) -> str:
            settings = dict(line.split("=", 1) for line in plain(log, host, port, controller_port).splitlines())
            ours = "".join(f",{protocol}://{host}:{number}" for protocol, number in self.ports.items())
            settings["listeners"] += ours
            settings["advertised.listeners"] += ours
            settings["listener.security.protocol.map"] += "".join(f",{name}:{name}" for name in PROTOCOLS)
            settings["sasl.enabled.mechanisms"] = "PLAIN"
            for name in ("sasl_plaintext", "sasl_ssl"):
                settings[f"listener.name.{name}.plain.sasl.jaas.config"] = (
                    f'org.apache.kafka.common.security.plain.PlainLoginModule required user_{USER}="{PASSWORD}";'
                )
            for store, file in (("keystore", "server.store.pem"), ("truststore", "ca.pem")):
                settings[f"ssl.{store}.type"] = "PEM"
                settings[f"ssl.{store}.location"] = str(self.folder / file)
            settings["listener.name.ssl.ssl.client.auth"] = "required"
            return "".join(f"{name}={value}\n" for name, value in settings.items())

        return secured


def make_certificates(folder: Path) -> None:
    """An authority, and certificates of a server at 127.0.0.1 and of a client, all in PEM."""
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    _openssl(folder, "req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=test authority")
    (folder / "server.ext").write_text(f"subjectAltName=IP:{HOST}\n")
    (folder / "client.ext").write_text("extendedKeyUsage=clientAuth\n")
    for name in ("server", "client"):
        _openssl(folder, "req", *key[:-2], "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
        sign = ["-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2"]
        _openssl(folder, "x509", *sign, "-extfile", f"{name}.ext", "-out", f"{name}.pem")
    store = (folder / "server.key").read_text() + (folder / "server.pem").read_text()
    (folder / "server.store.pem").write_text(store)


def _openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)
