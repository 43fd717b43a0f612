from __future__ import annotations

import os
import signal
import socket
import sys
import time
from pathlib import Path

import msgspec
import pytest

from deploy.machine import bounded_log
from deploy.machine.processes import (
    PortLostError,
    Process,
    StartError,
    await_port,
    find,
    forget,
    free_port,
    is_free,
    is_taken_over,
    last_lines,
    recorded,
    spawn,
    stop,
)


def _spawn(folder: Path, script: str, name: str = "thing") -> Process:
    return spawn(
        name, [sys.executable, "-u", "-c", script], run=folder / "run", log=folder / f"{name}.log", environ=os.environ
    )


def _until(path: Path, text: str) -> None:
    while not path.exists() or text not in path.read_text():
        time.sleep(0.01)


def test_a_process_is_found_again_by_its_record_and_ended_by_sigterm(tmp_path: Path) -> None:
    process = _spawn(tmp_path, "import time; print('ready'); time.sleep(60)")
    _until(tmp_path / "thing.log", "ready")
    found = find(tmp_path / "run", "thing")
    assert found == process
    assert found.is_alive()
    assert os.getsid(process.pid) == process.pid  # a session of its own: Ctrl-C in the terminal does not reach it
    assert stop([found], 10.0) == []
    assert not found.is_alive()
    assert recorded(tmp_path / "run") == [process]
    forget(tmp_path / "run", "thing")
    assert recorded(tmp_path / "run") == []


def test_a_process_holds_nothing_that_its_starter_has_open(tmp_path: Path) -> None:
    with (tmp_path / "lock").open("w") as lock:
        os.set_inheritable(lock.fileno(), True)
        process = _spawn(tmp_path, "import time; print('ready'); time.sleep(60)")
        _until(tmp_path / "thing.log", "ready")
        held = [str(path.readlink()) for path in Path(f"/proc/{process.pid}/fd").iterdir()]
    stop([process], 10.0)
    assert str(tmp_path / "lock") not in held


def test_a_process_that_does_not_heed_sigterm_is_killed_and_named(tmp_path: Path) -> None:
    script = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready'); time.sleep(60)"
    process = _spawn(tmp_path, script)
    _until(tmp_path / "thing.log", "ready")
    assert stop([process], 0.3) == [process]
    assert not process.is_alive()


def test_a_pid_that_was_used_again_is_never_signalled(tmp_path: Path) -> None:
    innocent = _spawn(tmp_path, "import time; print('ready'); time.sleep(60)", "innocent")
    try:
        _until(tmp_path / "innocent.log", "ready")
        # The record of a process that ended, whose pid another one has now: only the start differs.
        for other in ({"ticks": innocent.ticks - 1}, {"boot": "another boot"}):
            stale = msgspec.structs.replace(innocent, name="stale", **other)
            assert not stale.is_alive()
            assert stop([stale], 0.5) == []
        assert innocent.is_alive()
    finally:
        stop([innocent], 5.0)


def test_a_process_that_dies_while_it_is_waited_for_is_reported_with_its_last_lines(tmp_path: Path) -> None:
    process = _spawn(tmp_path, "import sys; print('the disk is full'); sys.exit(3)")
    with pytest.raises(StartError) as caught:
        await_port(process, "127.0.0.1", free_port("127.0.0.1"), 20.0)
    assert "thing ended by itself" in str(caught.value)
    assert caught.value.lines == ("the disk is full",)


def test_the_answer_of_another_process_is_not_taken_for_the_process(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        port = stranger.getsockname()[1]
        # As a server whose port was taken between its choice and its use.
        script = f"""
import socket, sys, time
print("starting")
time.sleep(0.3)
socket.create_server(("127.0.0.1", {port}))
"""
        process = _spawn(tmp_path, script)
        with pytest.raises(PortLostError, match=f"thing cannot listen on 127.0.0.1:{port}: another process has taken"):
            await_port(process, "127.0.0.1", port, 20.0)
        assert any("Address already in use" in line for line in last_lines(tmp_path / "thing.log"))


def test_a_process_owns_the_ports_on_which_it_listens_itself(tmp_path: Path) -> None:
    port, foreign = free_port("127.0.0.1"), free_port("127.0.0.1")
    process = _spawn(tmp_path, f"import socket, time; s = socket.create_server(('', {port})); time.sleep(60)")
    try:
        await_port(process, "127.0.0.1", port, 20.0)
        assert process.listens(port) and not process.listens(foreign)
    finally:
        stop([process], 5.0)
    assert not process.listens(port)


def test_a_dead_server_whose_port_another_process_has_is_known(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        address = f"127.0.0.1:{stranger.getsockname()[1]}"
        script = "import time; print('ready'); time.sleep(60)"
        process = spawn(
            "kafka",
            [sys.executable, "-u", "-c", script],
            run=tmp_path,
            log=tmp_path / "kafka.log",
            environ=os.environ,
            address=address,
        )
        assert not is_taken_over(tmp_path, "kafka")
        stop([process], 0.0)
        assert is_taken_over(tmp_path, "kafka")
    assert not is_taken_over(tmp_path, "kafka")
    assert not is_taken_over(tmp_path, "clickhouse")


def test_a_killed_process_counts_as_dead_at_once_also_as_a_zombie(tmp_path: Path) -> None:
    process = _spawn(tmp_path, "import time; time.sleep(60)")
    os.kill(process.pid, signal.SIGKILL)
    while process.is_alive():
        time.sleep(0.01)
    assert find(tmp_path / "run", "thing") == process


def test_a_program_that_does_not_exist_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(StartError, match="no-such-program cannot be started: No such file"):
        spawn("x", ["no-such-program"], run=tmp_path, log=tmp_path / "x.log", environ=os.environ)


def test_a_log_stays_below_its_bound_and_keeps_the_last_lines(tmp_path: Path) -> None:
    outlet, inlet = os.pipe()
    log = tmp_path / "x.log"
    with os.fdopen(inlet, "wb") as writer:
        for number in range(1000):
            writer.write(f"line {number}\n".encode())
    bounded_log.copy(outlet, str(log), 100_000)
    for number in range(1000, 1400):
        outlet, inlet = os.pipe()
        os.write(inlet, f"line {number}\n".encode())
        os.close(inlet)
        bounded_log.copy(outlet, str(log), 10_000)
        os.close(outlet)
    assert log.stat().st_size <= 10_000
    assert (tmp_path / "x.log.1").exists()
    assert last_lines(log, 3) == ["line 1397", "line 1398", "line 1399"]


def test_a_port_in_use_is_passed_over(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        assert not is_free("127.0.0.1", port)
        assert free_port("127.0.0.1", port) > port
    assert is_free("127.0.0.1", port)
    assert free_port("127.0.0.1", port, taken=[port]) > port


def test_a_process_lives_until_its_last_thread_is_gone(tmp_path: Path) -> None:
    # As a JVM that was killed: its first thread is a zombie while others still hold port and files.
    script = """
import ctypes, platform, threading, time
threading.Thread(target=lambda: (print("left alone"), time.sleep(60))).start()
time.sleep(0.1)
ctypes.CDLL(None).syscall({"x86_64": 60, "aarch64": 93}[platform.machine()], 0)  # exit(2): this thread only
"""
    process = _spawn(tmp_path, script)
    _until(tmp_path / "thing.log", "left alone")
    while ") Z " not in Path(f"/proc/{process.pid}/stat").read_text():
        time.sleep(0.01)
    assert process.is_alive()
    stop([process], 0.3)  # without its first thread Python does not heed SIGTERM
    assert not process.is_alive()
