"""Records folded and stored as a worker would have done it, without Kafka: what the refresher and the views read."""

from __future__ import annotations

from collections.abc import Sequence

from clickhouse_connect.driver.client import Client

from schemas.migrate import create_generation
from schemas.sql_files import Rendering
from streams.batch import Batch
from streams.fold import EventFold
from streams.generation import Definition, current_definition, encode_definition
from streams.inserts import inserts
from streams.partition_fold import PartitionFold
from streams.readings_fold import ReadingFold
from streams.rows import Rows
from streams.sink import DURABLE
from tests.streams.records import APPENDED


class StoredLog:
    """Partitions of a log that grow; each ``append`` is one flush. Log 1 holds events, log 2 readings."""

    def __init__(self, client: Client, generation: int) -> None:
        """Makes the generation's tables."""
        self.client = client
        self.generation = generation
        self.definition: Definition = current_definition(generation)
        create_generation(client, generation, encode_definition(self.definition), Rendering())
        self._folds: dict[tuple[int, int], PartitionFold] = {}

    def append(
        self, *records: bytes, partition: int = 0, log: int = 1, appended: int = APPENDED, marks: bool = True
    ) -> None:
        """Fold and store records; ``marks=False`` is a worker that died before it wrote what it had touched."""
        fold = self._folds.get((log, partition))
        if fold is None:
            kind = EventFold if log == 1 else ReadingFold
            fold = self._folds[log, partition] = kind(log, partition, 0, self.definition)
        fold.fold(Batch(fold.next_offset, list(records), [appended] * len(records)))
        rows = fold.flush()
        assert rows is not None
        self.store(rows, marks=marks)
        self.progress([(log, partition, fold.next_offset, fold.next_offset, appended)])

    def store(self, rows: Rows, *, marks: bool = True) -> None:
        """Insert the rows of a flush, the marks last."""
        for table in sorted(rows.tables, key=lambda name: name == "touched"):
            if table == "touched" and not marks:
                continue
            for insert in inserts(table, rows.tables[table], self.generation):
                self.client.command(insert.statement, data=insert.body, settings=DURABLE)

    def progress(self, states: Sequence[tuple[int, int, int, int, int]]) -> None:
        """Record how far partitions are: (log, part, folded, end, append time of the last folded and heartbeat)."""
        del states

    def rows(self, sql: str) -> list[tuple[object, ...]]:
        """Rows of a question; ``{g}`` stands for the generation."""
        return [tuple(row) for row in self.client.query(sql.replace("{g}", str(self.generation))).result_rows]
