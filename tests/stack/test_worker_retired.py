"""Workers of a retired generation: those that run end by themselves, new ones do not start."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from schemas.clickhouse.generations import FIRST, record_state
from schemas.connections import ClickHouseConnection, KafkaConnection
from tests.stack.builders.folding import Folding, ended, small_chunks, until


@pytest.mark.long
def test_a_worker_whose_generation_is_retired_ends_and_none_starts(
    kafka: KafkaConnection, tables: ClickHouseConnection, tmp_path: Path
) -> None:
    small_chunks(tables)
    folding = Folding(kafka, tables, tmp_path)
    folding.publish(300)
    workers: list[subprocess.Popen[bytes]] = [folding.spawn("old")]
    try:
        until(lambda: folding.folded() == folding.published(), "folded")
        record_state(folding.client, FIRST, "retired")
        assert workers[0].wait(20) == 0
        assert "Generation 1 is retired: nobody reads its tables." in folding.said("old")
        assert folding.committed() == folding.published()
        workers.append(folding.spawn("new", "--generation", str(FIRST)))
        assert workers[1].wait(20) == 1
        said = folding.said("new")
        assert "Generation 1 is retired" in said
        assert "without --generation" in said
        assert "Traceback" not in said
    finally:
        ended(workers)
        folding.close()
