"""Errors of a start, as one sentence for the terminal, with the last lines of the log."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from deploy.errors import FAILURE, WRONG_USE, UserError
from deploy.machine.kafka_broker.jars import PrerequisiteError
from deploy.machine.processes import StartError
from deploy.topics import TopicsError
from schemas.clickhouse.migrate import ChangedFileError
from schemas.clickhouse.sql_files import SqlFileError


@contextmanager
def explained() -> Iterator[None]:
    """Turns the exceptions of starting and preparing into UserError."""
    try:
        yield
    except StartError as error:
        lines = "".join(f"\n  | {line}" for line in error.lines)
        raise UserError(f"{error}{lines}", FAILURE) from error
    except PrerequisiteError as error:
        raise UserError(str(error), WRONG_USE) from error
    except (TopicsError, ChangedFileError, SqlFileError) as error:
        raise UserError(str(error), FAILURE) from error
