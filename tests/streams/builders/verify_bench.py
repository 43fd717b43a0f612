"""A bench for the verifier: one log of a thousand records, folded into as many generations as tests ask for."""

from __future__ import annotations

import itertools
from pathlib import Path

from clickhouse_connect.driver.client import Client

from schemas.connections import ClickHouseConnection, KafkaConnection
from streams.definition import encode_definition
from streams.fold.batch import Batch
from streams.verify.recount.rules import parse_rules
from streams.verify.report import Report
from streams.verify.run import VerifyConfig, verify
from tests.conftest import ClickHouseServer
from tests.streams.builders.folded_log import FoldedLog

EVENTS = 400
LIMIT = 200
_generations = itertools.count(100)


class Bench:
    """A log on the session's broker, and generations of it on the session's engine."""

    def __init__(self, kafka: KafkaConnection, server: ClickHouseServer, client: Client, scratch: Path) -> None:
        self.kafka = kafka
        self.clickhouse: ClickHouseConnection = server.connection
        self.client = client
        self._scratch = scratch
        self._read: dict[tuple[str, int, int], Batch] = {}

    def generation(self, **definition: object) -> FoldedLog:
        """A new generation of the same log; nothing is folded yet."""
        return FoldedLog(self.kafka, self.client, next(_generations), self._read, **definition)

    def other_log(self, kafka: KafkaConnection) -> FoldedLog:
        """A new generation of another log, which is empty."""
        return FoldedLog(kafka, self.client, next(_generations))

    def verify(self, log: FoldedLog, processes: int = 1) -> Report:
        """Verify a generation."""
        scratch = self._scratch / f"{next(_generations)}"
        scratch.mkdir()
        rules = parse_rules(encode_definition(log.definition))
        return verify(
            VerifyConfig(
                kafka=log.kafka,
                clickhouse=self.clickhouse,
                rules=rules,
                scratch=scratch,
                processes=processes,
                limit=LIMIT,
                rollup_patience_s=0,
            )
        )
