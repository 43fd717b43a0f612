"""A ClickHouse of the boards' own with a country that is small enough to count by hand."""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from dashboards.datasource.request import Answer, Ask
from deploy.clickhouse.asking import asking
from deploy.clickhouse.client import clickhouse
from tests.conftest import ClickHouseServer
from tests.dashboards.builders.small_country import fill
from tests.schemas.builders.shown_log import Shown


@pytest.fixture(scope="session")
def country(clickhouse_factory: Callable[[], ClickHouseServer]) -> Iterator[ClickHouseServer]:
    """A server of its own, filled once: no test of the boards writes."""
    server = clickhouse_factory()
    server.prepare()
    with clickhouse(server.connection) as client:
        fill(Shown(client))
    yield server


@pytest.fixture(scope="session")
def ask(country: ClickHouseServer) -> Iterator[Ask]:
    """Asks as the login that only reads; from several threads, too. The same question is asked of the server once."""
    known: dict[str, Answer] = {}
    with ExitStack() as stack:
        free: queue.SimpleQueue[Ask] = queue.SimpleQueue()
        for _ in range(4):
            free.put(asking(stack.enter_context(clickhouse(country.analyst))))

        def question(sql: str) -> Answer:
            if sql not in known:
                one = free.get()
                try:
                    known[sql] = one(sql)
                finally:
                    free.put(one)
            return known[sql]

        yield question
