"""What can keep the stack from starting, as one sentence for the terminal, with the last lines of the log."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from deploy.cli.errors import FAILURE, WRONG_USE, UserError
from deploy.kafka_broker.jars import PrerequisiteError
from deploy.processes import StartError
from deploy.topics import TopicsError
from schemas.migrate import ChangedFileError
from schemas.sql_files import SqlFileError


@contextmanager
def explained() -> Iterator[None]:
    """Turns the exceptions of starting and setting up into UserError."""
    try:
        yield
    except StartError as error:
        lines = "".join(f"\n  | {line}" for line in error.lines)
        raise UserError(f"{error}{lines}", FAILURE) from error
    except PrerequisiteError as error:
        raise UserError(str(error), WRONG_USE) from error
    except (TopicsError, ChangedFileError, SqlFileError) as error:
        raise UserError(str(error), FAILURE) from error
