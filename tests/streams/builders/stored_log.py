"""Records folded and stored as a worker would have done it, without Kafka: what the refresher and the views read."""

from __future__ import annotations

from clickhouse_connect.driver.client import Client
from msgspec.structs import replace

from schemas.clickhouse.migrate import create_generation
from schemas.clickhouse.sql_files import Rendering
from streams.bookkeeping.progress import Progress, progress_frame
from streams.definition import Definition, current_definition, encode_definition
from streams.fold.batch import Batch
from streams.fold.events import EventFold
from streams.fold.partition_fold import PartitionFold
from streams.fold.readings import ReadingFold
from streams.fold.rows import Rows
from streams.worker.inserts import inserts
from streams.worker.sink import DURABLE
from tests.streams.builders.records import APPENDED


def clear(client: Client, generation: int) -> None:
    """Removes every row of a generation: much faster than to make its tables anew."""
    tables = client.query(
        "SELECT name FROM system.tables WHERE database = 'gospulse_data' "
        f"AND endsWith(name, '_g{generation}') AND total_rows > 0"
    ).result_rows
    for (table,) in tables:
        client.command(f"TRUNCATE TABLE gospulse_data.{table}")


class StoredLog:
    """Partitions of a log that grow; each ``append`` is one flush. Log 1 holds events, log 2 readings."""

    def __init__(self, client: Client, generation: int, **definition: object) -> None:
        """Makes the generation's tables; ``definition`` replaces fields of today's, such as ``chunk=4``."""
        self.client = client
        self.generation = generation
        self.definition: Definition = replace(current_definition(generation), **definition)
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

    def store(self, rows: Rows, *, marks: bool = True) -> None:
        """Insert the rows of a flush, the marks last."""
        for table in sorted(rows.tables, key=lambda name: name == "touched"):
            if table == "touched" and not marks:
                continue
            for insert in inserts(table, rows.tables[table], self.generation):
                self.client.command(insert.statement, data=insert.body, settings=DURABLE)

    def tell(self, progress: Progress) -> None:
        """Record how far a partition is."""
        for insert in inserts("progress", progress_frame([progress]), self.generation):
            self.client.command(insert.statement, data=insert.body, settings=DURABLE)

    def rows(self, sql: str) -> list[tuple[object, ...]]:
        """Rows of a question; ``{g}`` stands for the generation."""
        return [tuple(row) for row in self.client.query(sql.replace("{g}", str(self.generation))).result_rows]
