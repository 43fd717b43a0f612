"""The register of pages at full size: import of a file, load into memory, memory that it costs, look-ups."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

import msgspec
from clickhouse_connect.driver.client import Client
from msgspec import Struct

from deploy import passwords
from deploy.clickhouse.client import clickhouse
from deploy.machine.processes import stop
from deploy.settings_sources import load
from ingest.registers.page_register import PageRegister
from ingest.registers.snapshot import read_snapshot, write_snapshot
from ingest.registers.store import read_page_register
from schemas.reference.reference_data import municipalities
from tests.conftest import ClickHouseServer
from tests.servers.ports import free_port

PAGES: Final = 200_000
#: Every tenth organisation of the file keeps several pages, as in a real register.
_ORGANISATIONS: Final = 150_000
_LOOKUPS: Final = 1_000_000


class Registers(Struct, frozen=True):
    """Seconds and megabytes for ``pages`` pages; memory is resident memory of the process that loads."""

    pages: int
    #: ``gospulse pages import`` of the whole file, and of the same file again.
    import_s: float
    again_s: float
    #: From ClickHouse into memory, with the largest memory on the way and what stays.
    load_s: float
    peak_mb: float
    kept_mb: float
    #: From the snapshot on disk.
    snapshot_s: float
    snapshot_mb: float
    lookups_per_s: float
    #: Reading the whole views `pages` and `organisations`, without any event.
    views_s: tuple[float, float]


class _Loaded(Struct, frozen=True):
    load_s: float
    peak_mb: float
    kept_mb: float
    snapshot_s: float
    snapshot_mb: float
    lookups_per_s: float
    views_s: tuple[float, float]


def measure(pages: int = PAGES) -> Registers:
    """Imports and loads a register of ``pages`` pages on an endpoint of its own."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        passwords.generate(folder)
        server = ClickHouseServer(folder, free_port())
        server.start()
        try:
            server.prepare()
            environ = os.environ | {
                "GOSPULSE_DATA": str(folder / "data"),
                "GOSPULSE_CLICKHOUSE": f"http://{server.connection.host}:{server.connection.port}",
                "GOSPULSE_CLICKHOUSE_PASSWORD": server.connection.password.reveal(),
            }
            _write_files(folder, pages)
            _gospulse(environ, "organisations", "import", str(folder / "organisations.csv"))
            first, again = (_gospulse(environ, "pages", "import", str(folder / "pages.csv")) for _ in range(2))
            snapshot = str(folder / "snapshot")
            child = [sys.executable, "-m", "tests.bench.registers", snapshot]
            said = subprocess.run(child, env=environ, check=True, capture_output=True).stdout
        finally:
            stop([server.process], 10)
    loaded = msgspec.json.decode(said, type=_Loaded)
    return Registers(pages, first, again, *msgspec.structs.astuple(loaded))


def _write_files(folder: Path, pages: int) -> None:
    places = [row.code for row in municipalities()]
    with (folder / "organisations.csv").open("w", encoding="utf-8") as stream:
        stream.write("organisation,name,kind,place,level\n")
        for number in range(_ORGANISATIONS):
            place = places[number % len(places)]
            name = f"Муниципальное бюджетное общеобразовательное учреждение № {number}"
            stream.write(f"org-{number},{name},education,{place},municipal\n")
    with (folder / "pages.csv").open("w", encoding="utf-8") as stream:
        stream.write("network,native_id,name,place,organisation,class,gos_mark,pos_widget\n")
        for number in range(pages):
            organisation = number % _ORGANISATIONS
            place = places[organisation % len(places)]
            name = f"Официальная страница учреждения № {number}"
            stream.write(f"vk,{200_000_000 + number},{name},{place},org-{organisation},active,yes,no\n")


def _gospulse(environ: dict[str, str], *arguments: str) -> float:
    began = time.monotonic()
    subprocess.run(
        [sys.executable, "-m", "deploy.cli.main", *arguments], env=environ, check=True, stdout=subprocess.DEVNULL
    )
    return time.monotonic() - began


def _load(client: Client, snapshot: Path) -> _Loaded:
    before = _memory_mb("VmRSS")
    began = time.monotonic()
    register = read_page_register(client)
    load_s = time.monotonic() - began
    peak, kept = _memory_mb("VmHWM") - before, _memory_mb("VmRSS") - before
    write_snapshot(snapshot, register)
    began = time.monotonic()
    assert len(read_snapshot(snapshot)) == len(register)
    snapshot_s = time.monotonic() - began
    size = snapshot.stat().st_size / 1e6
    views = _seconds(client, "pages"), _seconds(client, "organisations")
    return _Loaded(load_s, peak, kept, snapshot_s, size, _lookups_per_s(register), views)


def _seconds(client: Client, view: str) -> float:
    began = time.monotonic()
    client.command(f"SELECT * FROM gospulse.{view} FORMAT Null")
    return time.monotonic() - began


def _lookups_per_s(register: PageRegister) -> float:
    ids = [str(200_000_000 + number % (2 * PAGES)) for number in range(0, _LOOKUPS * 7, 7)]
    began = time.monotonic()
    for native_id in ids:
        register.at("vk", native_id, 1_772_438_400_000)
    return len(ids) / (time.monotonic() - began)


def _memory_mb(kind: str) -> float:
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith(kind):
            return int(line.split()[1]) / 1024
    raise LookupError(kind)


if __name__ == "__main__":
    with clickhouse(load(os.environ, Path.cwd()).clickhouse, timeout_s=60) as opened:
        opened.query("SELECT 1")
        sys.stdout.buffer.write(msgspec.json.encode(_load(opened, Path(sys.argv[1]))))
