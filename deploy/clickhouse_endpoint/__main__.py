"""The command `python -m deploy.clickhouse_endpoint`."""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path

from deploy.clickhouse_endpoint.engine.configuration import AnalystLimits, EngineLimits
from deploy.clickhouse_endpoint.engine.engine import DataDirectoryLockedError
from deploy.clickhouse_endpoint.errors import ClickHouseError
from deploy.clickhouse_endpoint.server import EndpointOptions, PortInUseError, serve
from deploy.clickhouse_endpoint.wire.logins import PasswordFileError, Passwords

_EXAMPLES = """examples:
  python -m deploy.clickhouse_endpoint --data .gospulse/clickhouse --port 8123 --passwords .gospulse/passwords
  curl -u gospulse:"$(cat .gospulse/passwords/gospulse)" http://127.0.0.1:8123 --data 'SELECT version()'
"""


def main(arguments: list[str] | None = None) -> int:
    """Run the endpoint; 0 after a clean stop, 1 when it cannot run, 2 for wrong use."""
    parser = argparse.ArgumentParser(
        prog="python -m deploy.clickhouse_endpoint",
        description="The embedded ClickHouse engine behind ClickHouse's HTTP interface.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="where databases and tables are kept")
    parser.add_argument("--port", type=int, required=True, help="port to listen on; 0 takes a free one and logs it")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument(
        "--passwords", type=Path, required=True, metavar="DIR", help="files `gospulse` and `analyst`, mode 0600"
    )
    parser.add_argument(
        "--memory", type=int, default=EngineLimits().memory, metavar="BYTES", help="most memory of the engine"
    )
    parser.add_argument("--no-fsync", action="store_true", help="faster, but a power failure may lose rows; for tests")
    given = parser.parse_args(arguments)
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("asyncio").setLevel(logging.ERROR)
    try:
        passwords = Passwords.read(given.passwords)
        memory = int(given.memory)
        options = EndpointOptions(
            data=given.data,
            host=given.host,
            port=given.port,
            engine=EngineLimits(memory=memory, fsync=not given.no_fsync),
            analyst=AnalystLimits(memory=min(AnalystLimits().memory, memory // 2)),
        )
        serve(options, passwords)
    except PasswordFileError as error:
        return _report(str(error), 2)
    except (PortInUseError, DataDirectoryLockedError) as error:
        return _report(str(error), 1)
    except ClickHouseError as error:
        return _report(f"the engine does not start: {error}", 1)
    return 0


def _report(message: str, code: int) -> int:
    print(f"clickhouse-endpoint: {message}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
