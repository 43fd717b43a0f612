"""Kafka's jars: fetched once by Maven into the cache, with a class archive that halves the start."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

from deploy.machine.processes import StartError

POM: Final = Path(__file__).with_name("pom.xml")
OLDEST_JAVA: Final = 17

Say = Callable[[str], None]


class PrerequisiteError(Exception):
    """Java or Maven are missing or too old. The message says what to do."""


def java() -> str:
    """Path of a Java that is new enough (``JAVA_HOME`` first, then ``PATH``). Raises PrerequisiteError."""
    home = os.environ.get("JAVA_HOME")
    candidates = [str(Path(home) / "bin" / "java")] if home else []
    candidates += [found] if (found := shutil.which("java")) else []
    advice = f"install a JRE {OLDEST_JAVA} or newer (Debian: apt install openjdk-17-jre-headless)"
    for candidate in candidates:
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            done = subprocess.run([candidate, "-version"], capture_output=True, text=True, timeout=60, check=True)
            version = _java_version(done.stderr)
            if version < OLDEST_JAVA:
                raise PrerequisiteError(f"Kafka needs Java {OLDEST_JAVA}, {candidate} is {version}: {advice}")
            return candidate
    raise PrerequisiteError(f"Kafka needs Java: {advice} or set GOSPULSE_KAFKA to an existing Kafka")


def folder(cache: Path) -> Path:
    """The folder of the jars of this pom.xml; another pom has another folder."""
    return cache / "kafka" / hashlib.sha256(POM.read_bytes()).hexdigest()[:12]


def fetch(cache: Path, say: Say) -> Path:
    """The folder of the jars, complete; Maven resolves them when they are not there.

    Raises PrerequisiteError when Maven is missing, StartError when it fails.
    """
    jars = folder(cache)
    if jars.is_dir():
        return jars
    maven = shutil.which("mvn")
    if maven is None:
        raise PrerequisiteError(
            "Kafka's jars are fetched by Maven, and mvn was not found: install it (Debian: apt install maven) "
            "or set GOSPULSE_KAFKA to an existing Kafka"
        )
    say("fetching Kafka's jars with Maven (about 43 MB, once)")
    jars.parent.mkdir(parents=True, exist_ok=True)
    # A folder of its own, renamed when complete: an interrupted download never looks complete.
    with tempfile.TemporaryDirectory(dir=jars.parent, prefix="fetching-") as place:
        # ``-C``: a jar whose checksum differs is an error, not a warning.
        command = [maven, "-B", "-q", "-C", "-f", str(POM), "dependency:copy-dependencies"]
        command += ["-DincludeScope=runtime", f"-DoutputDirectory={place}/jars", f"-Dproject.build.directory={place}"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
        if done.returncode != 0:
            lines = [line for line in (done.stdout + done.stderr).splitlines() if "ERROR" in line]
            raise StartError("Maven could not fetch Kafka's jars: is Maven Central reachable?", lines[:8])
        with contextlib.suppress(OSError):  # Another process was faster: its folder is as good.
            Path(place, "jars").rename(jars)
    return jars


def classpath(jars: Path) -> str:
    """The jars in a fixed order: the class archive is valid for this text only."""
    return os.pathsep.join(str(path) for path in sorted(jars.glob("*.jar")))


def archive(jars: Path, java_path: str) -> Path:
    """The class archive of these jars for this Java; it may not exist yet."""
    status = Path(java_path).resolve().stat()
    identity = f"{Path(java_path).resolve()} {status.st_size} {status.st_mtime_ns}"
    return jars.with_name(f"{jars.name}-{hashlib.sha256(identity.encode()).hexdigest()[:12]}.jsa")


def _java_version(text: str) -> int:
    found = re.search(r'version "(?:1\.)?(\d+)', text)
    return int(found[1]) if found else 0
