"""The boards' way to ask: one question, the whole answer, as the login that only reads."""

from __future__ import annotations

from clickhouse_connect.driver.client import Client

from dashboards.datasource.request import Answer, Ask, QueryFailedError
from deploy.clickhouse.answers import QueryError, ask


def asking(client: Client) -> Ask:
    """A function that asks through a client; not for several threads at once."""

    def question(sql: str) -> Answer:
        try:
            answer = ask(client, sql)
            return Answer(answer.columns, answer.types, tuple(tuple(row) for row in answer.rows))
        except QueryError as error:
            raise QueryFailedError(str(error)) from error

    return question
