"""Processes of the stack: started detached, recorded with pid and start time, stopped only if still the same.

A pid alone is no identity: the kernel uses it again. A process is known by boot, pid and start time in clock ticks
(``/proc/<pid>/stat``, field 22), so that no other process is ever signalled. psutil's ``create_time`` is no substitute:
it is wall clock, and a corrected clock would change it.
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import signal
import socket
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

from deploy.machine import bounded_log


class StartError(Exception):
    """A process did not start. The message is one sentence, ``lines`` are the last ones of its log."""

    def __init__(self, message: str, lines: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.lines = tuple(lines)


class PortLostError(StartError):
    """Another process listens on the port. A new attempt with another port may succeed."""


class Process(Struct, frozen=True, kw_only=True):
    """A process that was started: ``ticks`` is its start in clock ticks since ``boot``, ``began`` in ms UTC."""

    name: str
    pid: int
    ticks: int
    boot: str
    began: int
    command: tuple[str, ...]
    log: str
    address: str | None = None

    def listens(self, port: int) -> bool:
        """Whether this process itself listens on the port, on any address; True where that cannot be known."""
        import psutil  # It is slow to import, and only starting needs it.

        try:
            sockets = psutil.Process(self.pid).net_connections("tcp")
        except psutil.AccessDenied:
            return True
        except psutil.NoSuchProcess:
            return False
        return any(found.status == psutil.CONN_LISTEN and found.laddr.port == port for found in sockets)

    def is_alive(self) -> bool:
        """Whether this process still runs. A zombie does not."""
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self.pid, os.WNOHANG)  # A child of this process (in tests) is reaped.
        return _boot() == self.boot and _ticks(self.pid) == self.ticks


def spawn(
    name: str,
    command: Sequence[str],
    *,
    run: Path,
    log: Path,
    environ: Mapping[str, str],
    address: str | None = None,
) -> Process:
    """Starts ``command`` in a session of its own, its output in a bounded ``log``, and records it in ``run``.

    Raises StartError when the program cannot be run.
    """
    run.mkdir(parents=True, exist_ok=True)
    log.parent.mkdir(parents=True, exist_ok=True)
    outlet, inlet = os.pipe()
    nothing = os.open(os.devnull, os.O_RDWR)
    try:
        copier = [sys.executable, "-I", "-S", bounded_log.__file__, str(log)]
        _detach(copier, environ, {0: outlet, 1: nothing, 2: nothing})
        pid = _detach(command, environ, {0: nothing, 1: inlet, 2: inlet})
    except OSError as error:
        raise StartError(f"{command[0]} cannot be started: {error.strerror}") from error
    finally:
        for descriptor in (outlet, inlet, nothing):
            os.close(descriptor)
    process = Process(
        name=name,
        pid=pid,
        # None only if it has ended already: no process has this start time, so it counts as dead.
        ticks=_ticks(pid) or -1,
        boot=_boot(),
        began=time.time_ns() // 1_000_000,
        command=tuple(command),
        log=str(log),
        address=address,
    )
    record = _record(run, name)
    fresh = record.with_suffix(".new")
    fresh.write_bytes(msgspec.json.format(msgspec.json.encode(process)))
    os.replace(fresh, record)
    return process


def find(run: Path, name: str) -> Process | None:
    """The recorded process of that name, alive or not."""
    try:
        return msgspec.json.decode(_record(run, name).read_bytes(), type=Process)
    except (FileNotFoundError, msgspec.DecodeError):
        return None


def recorded(run: Path) -> list[Process]:
    """All recorded processes, alive or not, by name."""
    found = (find(run, path.stem) for path in sorted(run.glob("*.json")))
    return [process for process in found if process is not None]


def forget(run: Path, name: str) -> None:
    """Removes the record of a process that was stopped on purpose."""
    _record(run, name).unlink(missing_ok=True)


def stop(processes: Iterable[Process], patience_s: float) -> list[Process]:
    """Stops processes: SIGTERM, up to ``patience_s`` seconds, then SIGKILL. Returns those that had to be killed."""
    left = [process for process in processes if process.is_alive()]
    for process in left:
        _signal(process, signal.SIGTERM)
    left = _wait(left, patience_s)
    for process in left:
        _signal(process, signal.SIGKILL)
    _wait(left, 10.0)
    return left


def demand_free(name: str, host: str, port: int) -> None:
    """Raises PortLostError when another process listens on the port."""
    if not is_free(host, port):
        raise PortLostError(f"{name} cannot listen on {host}:{port}: the port is in use")


def await_port(process: Process, host: str, port: int, patience_s: float) -> None:
    """Waits until ``process`` itself answers on the port; an answer of another process does not count.

    A plain socket, because clients retry for a long time and fill logs.

    Raises:
        PortLostError: the process died, and another process listens on the port.
        StartError: the process died or is too slow; with the last lines of its log.
    """
    deadline = time.monotonic() + patience_s
    while not (answers(host, port) and process.listens(port)):
        if not process.is_alive():
            raise _lost(process, host, port) if not is_free(host, port) else died(process)
        if time.monotonic() > deadline:
            raise StartError(
                f"{process.name} does not answer at {host}:{port} after {patience_s:.0f} s; see {process.log}",
                last_lines(Path(process.log)),
            )
        time.sleep(0.03)


def died(process: Process) -> StartError:
    """The error for a process that ended, with the last lines of its log."""
    time.sleep(0.1)  # The copier of the log may still have something in its pipe.
    lines = last_lines(Path(process.log))
    kind = PortLostError if any("Address already in use" in line for line in lines) else StartError
    return kind(f"{process.name} ended by itself; see {process.log}", lines)


def _lost(process: Process, host: str, port: int) -> PortLostError:
    message = f"{process.name} cannot listen on {host}:{port}: another process has taken the port"
    return PortLostError(message, last_lines(Path(process.log)))


def is_taken_over(run: Path, name: str) -> bool:
    """Whether the recorded process died and another one answers at its address."""
    process = find(run, name)
    if process is None or process.address is None or process.is_alive():
        return False
    host, _, port = process.address.rpartition(":")
    return answers(local_host(host), int(port))


def answers(host: str, port: int) -> bool:
    """Whether a server listens there."""
    try:
        with socket.create_connection((host, port), timeout=1.0):
            return True
    except OSError:
        return False


def is_free(host: str, port: int) -> bool:
    """Whether a server can bind that port now."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        # As servers do: a port whose old connections linger in TIME_WAIT is free.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
        except OSError:
            return False
        return True


def is_wildcard(host: str) -> bool:
    """Whether ``host`` means all addresses of the machine, which is no address for a client."""
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return False


def local_host(bind: str) -> str:
    """The address at which a server that binds to ``bind`` is reached from this machine."""
    if not is_wildcard(bind):
        return bind
    return "::1" if ":" in bind else "127.0.0.1"


def free_port(host: str, first: int | None = None, taken: Iterable[int] = ()) -> int:
    """A free port: from ``first`` on and not ``taken``, or any. Raises StartError when a hundred are in use."""
    if first is None:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM) as listener:
            listener.bind((host, 0))
            return int(listener.getsockname()[1])
    avoided = set(taken)
    for port in range(first, min(first + 100, 65_536)):
        if port not in avoided and is_free(host, port):
            return port
    raise StartError(f"no free port on {host} from {first} on: stop the processes that hold them, or set another port")


def last_lines(log: Path, count: int = 12) -> list[str]:
    """The last lines of a log, of both its parts; none when there is no log."""
    lines: list[str] = []
    for path in (log.with_name(log.name + ".1"), log):
        with contextlib.suppress(FileNotFoundError), path.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - 65_536))
            lines += file.read().decode("utf-8", "replace").splitlines()
    return lines[-count:]


def _record(run: Path, name: str) -> Path:
    return run / f"{name}.json"


def _detach(command: Sequence[str], environ: Mapping[str, str], descriptors: Mapping[int, int]) -> int:
    actions: list[tuple[int, ...]] = [(os.POSIX_SPAWN_DUP2, source, target) for target, source in descriptors.items()]
    # What our caller left open is not the process's: a lock of flock(1) would be held for as long as the stack runs.
    opened = [int(path.name) for path in Path("/proc/self/fd").iterdir()]
    actions += [(os.POSIX_SPAWN_CLOSE, descriptor) for descriptor in opened if descriptor > 2]
    return os.posix_spawnp(command[0], list(command), dict(environ), file_actions=actions, setsid=True)


def _wait(processes: list[Process], patience_s: float) -> list[Process]:
    deadline = time.monotonic() + patience_s
    while True:
        processes = [process for process in processes if process.is_alive()]
        if not processes or time.monotonic() > deadline:
            return processes
        time.sleep(0.02)


def _signal(process: Process, number: signal.Signals) -> None:
    # Between the check and the signal the pid could be used again: a descriptor of the process cannot.
    with contextlib.suppress(ProcessLookupError):
        descriptor = os.pidfd_open(process.pid)
        try:
            if process.is_alive():
                signal.pidfd_send_signal(descriptor, number)
        finally:
            os.close(descriptor)


def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


def _ticks(pid: int) -> int | None:
    """Start time of a process in clock ticks since the boot; None when it is gone or a zombie (proc_pid_stat(5))."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    # The command's name in parentheses may hold anything; what follows the last one is plain: field 3 is the state.
    fields = stat[stat.rindex(")") + 2 :].split()
    # A zombie with threads left (field 20) is a process whose first thread ended: the others still hold its ports.
    gone = fields[0] in "ZX" and int(fields[17]) <= 1
    return None if gone else int(fields[19])
