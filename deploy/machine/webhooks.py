"""Webhook processes of the stack: they share one port that platforms call, and each has one for its operator."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Final

from deploy import addresses
from deploy.machine.processes import Process, await_port, find, forget, free_port, local_host, recorded, spawn
from deploy.machine.workers import (
    START_PATIENCE_S,
    environment,
    log_file,
    run_directory,
    stop_workers,
    worker_names,
)
from deploy.settings import Settings

PREFIX: Final = "webhook-"

Say = Callable[[str], None]


def start_webhooks(settings: Settings, say: Say) -> list[str]:
    """Starts the webhook processes that are missing and stops those that are too many; gives the names of the started.

    Raises StartError when one does not come up.
    """
    run = run_directory(settings.data)
    names = worker_names(settings.webhook_processes, PREFIX)
    surplus = [each for each in recorded(run) if each.name.startswith(PREFIX) and each.name not in names]
    stop_workers(surplus)
    for each in surplus:
        forget(run, each.name)
        say(f"{each.name} is no longer wanted and was stopped")
    alive = [name for name in names if (found := find(run, name)) is not None and found.is_alive()]
    missing = [name for name in names if name not in alive]
    if not missing:
        return []
    port = _port(settings, shared=bool(alive), say=say)
    address = f"{local_host(settings.bind)}:{port}"
    processes = [_spawn(settings, name, port) for name in missing]
    addresses.write(settings.data, addresses.WEBHOOK, address)
    for process in processes:
        assert process.address is not None
        host, _, web_port = process.address.rpartition(":")
        await_port(process, host, int(web_port), START_PATIENCE_S)
        say(f"{process.name} is up at {address}, for its operator at {process.address} (pid {process.pid})")
    return missing


def _spawn(settings: Settings, name: str, port: int) -> Process:
    run = run_directory(settings.data)
    # A port that another recorded process was given but has not yet bound is not free either.
    given = [int(each.address.rpartition(":")[2]) for each in recorded(run) if each.address and each.is_alive()]
    web_port = free_port(settings.bind, settings.web_port, given)
    command = [sys.executable, "-P", "-m", "deploy.cli.main", "ingest", "webhook"]
    command += ["--name", name, "--port", str(port), "--web-port", str(web_port)]
    return spawn(
        name,
        command,
        run=run,
        log=log_file(settings.data, name),
        environ=environment(settings),
        address=f"{local_host(settings.bind)}:{web_port}",
    )


def _port(settings: Settings, *, shared: bool, say: Say) -> int:
    """The port that platforms call: that of the processes that run, else that of the last life, else the setting."""
    before = addresses.read(settings.data, addresses.WEBHOOK)
    first = settings.webhook_port if before is None else int(before.rpartition(":")[2])
    if shared:
        return first
    port = free_port(settings.bind, first)
    if port != first:
        say(f"port {first} is in use, the webhook takes {port}")
    return port
