"""Configuration of the one-machine broker: server.properties and a quiet log."""

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
    """The text of server.properties for a broker that is its own controller (KRaft), listening on ``host:port``."""
    return "".join(f"{name}={value}\n" for name, value in _settings(log_directory, host, port, controller_port).items())


def _settings(log_directory: Path, host: str, port: int, controller_port: int) -> dict[str, object]:
    return {
        "process.roles": "broker,controller",
        "node.id": 1,
        "controller.quorum.voters": f"1@127.0.0.1:{controller_port}",
        "listeners": f"PLAINTEXT://{host}:{port},CONTROLLER://127.0.0.1:{controller_port}",
        # Clients go where the broker says it is: "everywhere" is no address.
        "advertised.listeners": f"PLAINTEXT://{gethostname() if is_wildcard(host) else host}:{port}",
        "controller.listener.names": "CONTROLLER",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "inter.broker.listener.name": "PLAINTEXT",
        "log.dirs": log_directory,
        # Topics are made by `gospulse topics apply` with explicit settings, never by a client's spelling mistake.
        "auto.create.topics.enable": "false",
        "log.message.timestamp.type": "LogAppendTime",
        "log.retention.ms": -1,
        # One copy is all there is: let it reach the disk within a second or so instead of the kernel's half minute.
        "log.flush.interval.ms": 1000,
        "log.flush.scheduler.interval.ms": 1000,
        # Fail-over in seconds needs short sessions, and a group that forms at once.
        "group.min.session.timeout.ms": 1000,
        "group.initial.rebalance.delay.ms": 100,
        # After a kill a broker may not register again before its former session is over: 9 s by default.
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
        # Threads and buffers for one machine, not for a data centre.
        "num.network.threads": 2,
        "num.io.threads": 4,
        "background.threads": 4,
        "log.cleaner.dedupe.buffer.size": 8 * 1024 * 1024,
    }
