"""A refresher that is paused before it writes, as by a machine that stops for a while."""

from __future__ import annotations

from typing import Any

from clickhouse_connect.driver.client import Client


class Stalled:
    """A client whose refresher is stopped (a pause of the machine) just before it writes, and goes on later."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.held: list[tuple[Any, dict[str, Any]]] = []

    def query(self, *arguments: Any, **options: Any) -> Any:
        return self._client.query(*arguments, **options)

    def raw_insert(self, *arguments: Any, **options: Any) -> None:
        self.held.append(((self._client.raw_insert, arguments), options))

    def command(self, statement: str, **options: Any) -> None:
        if "life_steps" in statement and not self.held:
            # A step is recorded before its facts are read.
            self._client.command(statement, **options)
        # INSERT … SELECT reads when it runs: what it would write is kept as it is now.
        elif " SELECT " in statement:
            target, _, select = statement.partition(" SELECT ")
            rows = self._client.raw_query(f"SELECT {select}", fmt="Native", settings=options.get("settings"))
            self.held.append(((self._client.command, (f"{target} FORMAT Native",)), {"data": rows}))
        else:
            self.held.append(((self._client.command, (statement,)), options))

    def go_on(self) -> None:
        for (call, arguments), options in self.held:
            call(*arguments, **options)
