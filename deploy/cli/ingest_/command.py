"""``gospulse ingest webhook``: one process of the webhook service, in the foreground until SIGTERM or Ctrl-C."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import time

from deploy import addresses
from deploy.clickhouse.client import clickhouse
from deploy.errors import FAILURE, GOOD, WRONG_USE, UserError
from deploy.machine.processes import free_port
from deploy.settings import Settings
from ingest.author_keys import AuthorKeyError
from ingest.identities import IdentityKeyError, load_identity_key
from ingest.platforms.all import PLATFORMS
from ingest.registers.live import LiveRegister
from ingest.registers.page_register import PageRegister
from ingest.registers.store import read_page_register
from ingest.webhook.bounds import Bounds
from ingest.webhook.run import WebhookConfig, serve
from streams.worker.log import log_to

NAME = "ingest"
HELP = "receive what platforms send, and put it into Kafka"
EXAMPLES = """
  gospulse ingest webhook                     one process on the port of the settings, until Ctrl-C
  gospulse ingest webhook --port 8088         more processes on one port share its connections
  curl http://127.0.0.1:8088/ready            whether requests are accepted; if not, why
  gospulse sources add vk 123456              a page of VK that will call (docs/webhook.md)
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds ``webhook`` and its options."""
    kinds = parser.add_subparsers(dest="what", required=True, metavar="WHAT")
    webhook = kinds.add_parser(
        "webhook",
        help="the service that platforms call",
        description="Answer callbacks of platforms: /vk. An answer is given when Kafka has acknowledged the events.",
        epilog=f"examples:\n{EXAMPLES.strip(chr(10))}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    webhook.add_argument("--name", help="name in the list of processes (default: webhook and process id)")
    webhook.add_argument("--port", type=int, metavar="PORT", help="public port (default: the setting webhook_port)")
    webhook.add_argument(
        "--web-port", type=int, metavar="PORT", help="port of /metrics (default: the setting web_port, next free one)"
    )


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Exit code 0 after a clean end, 1 when it cannot run."""
    os.environ["TZ"] = "UTC"
    time.tzset()
    log_to()
    config = WebhookConfig(
        host=settings.bind,
        port=_port(args.port, settings.webhook_port),
        web_host=settings.bind,
        web_port=_port(args.web_port, 0) or free_port(settings.bind, settings.web_port),
        kafka=settings.kafka,
        sources=settings.sources,
        author_keys=settings.author_keys,
        bounds=Bounds(rate=settings.webhook_rate, connections=settings.webhook_connections),
        ack_timeout_s=settings.webhook_ack_timeout_s,
    )
    register = LiveRegister(
        lambda: _register(settings, register.register), settings.data / "registers" / "pages.snapshot"
    )
    name = args.name or f"webhook-{os.getpid()}"
    addresses.write(settings.data, name, f"{config.web_host}:{config.web_port}")
    code = FAILURE
    try:
        identity = load_identity_key(settings.identity_key)
        asyncio.new_event_loop().run_until_complete(serve(config, PLATFORMS, identity, register))
        code = GOOD
    except (IdentityKeyError, AuthorKeyError) as error:
        raise UserError(str(error)) from error
    except OSError as error:
        raise UserError(
            f"Port {config.port} or {config.web_port} on {config.host} cannot be used:"
            f" {os.strerror(error.errno or 0).lower()}. Choose others with --port and --web-port.",
        ) from error
    finally:
        addresses.forget(settings.data, name)
    logging.shutdown()
    # A question to ClickHouse that nobody answers any more would hold its thread, and the process with it.
    os._exit(code)


def _register(settings: Settings, before: PageRegister) -> PageRegister:
    with clickhouse(settings.clickhouse) as client:
        return read_page_register(client, before)


def _port(given: int | None, default: int) -> int:
    if given is None:
        return default
    if not 0 < given < 65_536:
        raise UserError(f"{given} is not a port", WRONG_USE)
    return given
