"""Configuration of the one-machine broker: server.properties and log4j2.xml."""

from __future__ import annotations

from pathlib import Path
from socket import gethostname
from typing import Final

from deploy.machine.processes import is_wildcard

#: To standard output, warnings only; the process's log file is bounded by whoever started it.
LOG4J2: Final = """\
<?xml version="1.0" encoding="UTF-8"?>
<Configuration status="ERROR" shutdownHook="disable">
  <Appenders>
    <Console name="out"><PatternLayout pattern="%d{ISO8601} %p %m (%c{1})%n"/></Console>
  </Appenders>
  <Loggers>
    <Root level="WARN"><AppenderRef ref="out"/></Root>
  </Loggers>
</Configuration>
"""


def server_properties(log_directory: Path, host: str, port: int, controller_port: int) -> str:
    """The text of server.properties, in ASCII, for a broker that is its own controller (KRaft) on ``host:port``."""
    settings = _settings(log_directory, host, port, controller_port)
    return "".join(f"{name}={_escaped(str(value))}\n" for name, value in settings.items())


def _escaped(text: str) -> str:
    """A value as ``java.util.Properties`` reads it: Latin-1, other characters as ``\\uXXXX`` units of UTF-16."""
    escaped = []
    for letter in text.replace("\\", "\\\\"):
        units = letter.encode("utf-16-be", "surrogatepass")
        pairs = [units[i : i + 2] for i in range(0, len(units), 2)]
        escaped.append(letter if " " < letter <= "~" else "".join(f"\\u{pair.hex()}" for pair in pairs))
    return "".join(escaped)


def _settings(log_directory: Path, host: str, port: int, controller_port: int) -> dict[str, object]:
    return {
        "process.roles": "broker,controller",
        "node.id": 1,
        "controller.quorum.voters": f"1@127.0.0.1:{controller_port}",
        "listeners": f"PLAINTEXT://{host}:{port},CONTROLLER://127.0.0.1:{controller_port}",
        # Clients connect to this address, and a wildcard is none.
        "advertised.listeners": f"PLAINTEXT://{gethostname() if is_wildcard(host) else host}:{port}",
        "controller.listener.names": "CONTROLLER",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "inter.broker.listener.name": "PLAINTEXT",
        "log.dirs": log_directory,
        # `gospulse topics apply` makes topics with explicit settings; a misspelt topic name makes none.
        "auto.create.topics.enable": "false",
        "log.message.timestamp.type": "LogAppendTime",
        "log.retention.ms": -1,
        # There is one copy only: it reaches the disk within a second or so instead of the kernel's half minute.
        "log.flush.interval.ms": 1000,
        "log.flush.scheduler.interval.ms": 1000,
        # Fail-over in seconds needs short sessions and a short first rebalance.
        "group.min.session.timeout.ms": 1000,
        "group.initial.rebalance.delay.ms": 100,
        # A killed broker cannot register again before its former session ends: 9 s by default.
        "broker.session.timeout.ms": 3000,
        "broker.heartbeat.interval.ms": 500,
        # A group without members keeps its offsets for a year instead of a week.
        "offsets.retention.minutes": 525_600,
        "offsets.topic.num.partitions": 2,
        "offsets.topic.replication.factor": 1,
        "transaction.state.log.num.partitions": 1,
        "transaction.state.log.replication.factor": 1,
        "transaction.state.log.min.isr": 1,
        "share.coordinator.state.topic.num.partitions": 1,
        "share.coordinator.state.topic.replication.factor": 1,
        "share.coordinator.state.topic.min.isr": 1,
        # Threads and buffers for one machine.
        "num.network.threads": 2,
        "num.io.threads": 4,
        "background.threads": 4,
        "log.cleaner.dedupe.buffer.size": 8 * 1024 * 1024,
    }
