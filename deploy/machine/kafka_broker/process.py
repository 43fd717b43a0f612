"""The broker's process: formats its data directory once, starts, waits for the port."""

from __future__ import annotations

import base64
import contextlib
import fcntl
import os
import re
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from deploy.machine.kafka_broker import configuration, jars
from deploy.machine.processes import Process, StartError, await_port, demand_free, free_port, spawn, stop

#: For a lightly loaded JVM: the quick compiler and the serial collector start fastest and use the least memory.
FLAGS: Final = (
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-Xss512k",
    "-XX:-UsePerfData",
    "-Djava.awt.headless=true",
)
START_PATIENCE_S: Final = 60.0
#: A clean stop takes about two seconds and saves the recovery of the log at the next start.
STOP_PATIENCE_S: Final = 20.0


def prepare(cache: Path, say: jars.Say) -> tuple[str, Path]:
    """Java's path and the folder of the jars, with the class archive beside it. Existing files are kept.

    Raises PrerequisiteError when Java or Maven are missing, StartError when the jars cannot be fetched.
    """
    java = jars.java()
    place = jars.fetch(cache, say)
    if not jars.archive(place, java).exists():
        _make_archive(java, place, say)
    return java, place


def start_broker(
    data: Path,
    host: str,
    port: int,
    *,
    cache: Path,
    run: Path,
    log: Path,
    heap_mb: int = 512,
    say: jars.Say = lambda _line: None,
) -> Process:
    """Starts the broker on ``host:port`` with its data below ``data`` and waits until it answers.

    Fetches the jars when they are missing. The process is recorded as ``kafka`` in ``run``. Raises PrerequisiteError
    when Java or Maven are missing, PortLostError when another process has the port, StartError with the last lines of
    the log when the broker does not start.
    """
    demand_free("kafka", host, port)
    _demand_unused(data)
    java, place = prepare(cache, say)
    process = _start(data, host, port, java, place, run, log, heap_mb)
    try:
        await_port(process, host, port, START_PATIENCE_S)
    except StartError:
        stop([process], 0.0)
        raise
    return process


def cluster_id(data: Path) -> str | None:
    """The cluster id of the broker whose data lie below ``data``, None before its first start."""
    try:
        text = (data / "log" / "meta.properties").read_text(encoding="latin-1")
    except FileNotFoundError:
        return None
    found = re.search(r"^cluster\.id=(\S+)$", text, re.MULTILINE)
    return found[1] if found else None


def _demand_unused(data: Path) -> None:
    """Raises StartError when a broker runs on ``data``: a second one writes into its log before it notices.

    Kafka holds a POSIX lock on ``.lock`` in its log directory as long as it lives.
    """
    with contextlib.suppress(FileNotFoundError), (data / "log" / ".lock").open("r+b") as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise StartError(f"another broker runs on the data directory {data}") from error


def _start(
    data: Path,
    host: str,
    port: int,
    java: str,
    place: Path,
    run: Path,
    log: Path,
    heap_mb: int,
    extra: Sequence[str] = (),
) -> Process:
    if "," in str(data):
        raise StartError(f"Kafka takes a comma for the end of a directory's name: move {data}, or set GOSPULSE_DATA")
    data.mkdir(parents=True, exist_ok=True)
    properties, log4j2 = data / "server.properties", data / "log4j2.xml"
    properties.write_text(
        configuration.server_properties(data / "log", host, port, free_port("127.0.0.1")), encoding="ascii"
    )
    log4j2.write_text(configuration.LOG4J2, encoding="utf-8")
    # The native lz4 is unpacked at every start and stays behind after kill -9: in our own folder, emptied here.
    temporary = data / "tmp"
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir()
    archive = jars.archive(place, java)
    shared = [] if extra or not archive.exists() else [f"-XX:SharedArchiveFile={archive}", "-Xshare:auto"]
    base = [java, *FLAGS, *shared, *extra, f"-Djava.io.tmpdir={temporary}", f"-Dlog4j2.configurationFile={log4j2}"]
    base += ["-cp", jars.classpath(place)]
    if not (data / "log" / "meta.properties").exists():
        _format(base, properties)
    command = [*base[:1], f"-Xmx{heap_mb}m", *base[1:], "kafka.Kafka", str(properties)]
    return spawn("kafka", command, run=run, log=log, environ=_environ(), address=f"{host}:{port}")


def _format(base: Sequence[str], properties: Path) -> None:
    # One id in 64 would begin with a dash, which Kafka's tool takes for an option.
    cluster = "g" + base64.urlsafe_b64encode(uuid.uuid4().bytes).decode()[1:22]
    command = [part for part in base if not part.startswith("-XX:ArchiveClassesAtExit")]
    command += ["kafka.tools.StorageTool", "format", "-t", cluster, "-c", str(properties), "--ignore-formatted"]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env=_environ(), stdin=subprocess.DEVNULL
    )
    if done.returncode != 0:
        raise StartError(
            f"Kafka's data folder {properties.parent} could not be formatted", done.stderr.splitlines()[-8:]
        )


def _make_archive(java: str, place: Path, say: jars.Say) -> None:
    """Runs a throwaway broker once; its JVM writes the archive of its loaded classes when it ends (AppCDS, JEP 350)."""
    say("preparing Kafka's quick start (once)")
    archive = jars.archive(place, java)
    with tempfile.TemporaryDirectory(dir=place.parent, prefix="archiving-") as temporary:
        folder = Path(temporary)
        written = folder / archive.name
        port = free_port("127.0.0.1")
        extra = [f"-XX:ArchiveClassesAtExit={written}", "-Xlog:cds=off", "-Xlog:cds+dynamic=off"]
        process = _start(folder / "data", "127.0.0.1", port, java, place, folder / "run", folder / "log", 512, extra)
        try:
            await_port(process, "127.0.0.1", port, START_PATIENCE_S)
        finally:
            stop([process], STOP_PATIENCE_S)
        # Without an archive Kafka starts as well, only later: no reason to fail.
        with contextlib.suppress(OSError):
            os.replace(written, archive)


def _environ() -> dict[str, str]:
    # Other flags and classes do not fit the class archive.
    environ = {name: value for name, value in os.environ.items() if name not in ("CLASSPATH", "JDK_JAVA_OPTIONS")}
    # Java decodes the names of files by the locale: in the locale C it cannot open a directory with Cyrillic letters.
    return environ | {"LC_ALL": "C.UTF-8"}
