"""``gospulse spikes run``: evaluate every five minutes until SIGTERM, whatever happens to ClickHouse meanwhile."""

from __future__ import annotations

import importlib.util
import logging
import signal
import threading
import time
from datetime import UTC, datetime

from deploy.cli.signals import beside_main_thread
from deploy.cli.spikes.links import link_key
from deploy.clickhouse.client import clickhouse
from deploy.errors import FAILURE, GOOD, UserError
from deploy.settings import Settings

log = logging.getLogger("gospulse.spikes")

#: A moment is evaluated so many seconds after it: its last appeals are on their way to the tables.
SETTLE_S = 20
STEP_S = 300
RETRY_S = 15


def run(settings: Settings, *, once: bool, at: datetime | None) -> int:
    """Run the detector. Exit code 1 where ``--once`` cannot evaluate; 0 after SIGTERM or SIGINT."""
    if importlib.util.find_spec("scipy") is None:
        raise UserError("the detector needs scipy: install Gospulse with its extra `spikes`", FAILURE)
    from schemas.clickhouse.generations import active_generation
    from streams.spikes.links import Signer
    from streams.spikes.service import Detector, Knobs

    url = settings.spikes_links_url
    signer = Signer(url, link_key(settings.data)) if url else None
    knobs = Knobs(
        false_alerts_a_week=settings.spikes_false_alerts_a_week,
        minimum=settings.spikes_minimum,
        levels=settings.spikes_levels,
    )
    if once:
        with clickhouse(settings.clickhouse, timeout_s=120) as client:
            detector = Detector(client, active_generation, knobs, signer)
            found = detector.evaluate(at or datetime.now(UTC), hold_late=at is None)
        for episode in found:
            print(f"{episode.id} {episode.state} {episode.reason}")
        print(f"{len(found)} episodes are open or have just closed.")
        return GOOD
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: beside_main_thread(stop.set))
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    troubled = False
    while not stop.is_set():
        try:
            with clickhouse(settings.clickhouse, timeout_s=120) as client:
                detector = Detector(client, active_generation, knobs, signer)
                if troubled:
                    log.info("ClickHouse answers again.")
                troubled = False
                _evaluate_until(stop, detector)
        except UserError as error:
            if not troubled:
                log.warning("%s. Evaluations wait.", error)
            troubled = True
            stop.wait(RETRY_S)
        except Exception:
            # A detector that is gone raises no alert: say what failed and try the next moment.
            log.exception("An evaluation failed (a mistake in the program). The next one is in %s s.", STEP_S)
            stop.wait(STEP_S)
    log.info("The detector has ended.")
    return GOOD


def _evaluate_until(stop: threading.Event, detector: object) -> None:
    from streams.spikes.service import Detector

    assert isinstance(detector, Detector)
    while not stop.is_set():
        moment = (time.time() - SETTLE_S) // STEP_S * STEP_S
        for episode in detector.evaluate(datetime.fromtimestamp(moment, UTC)):
            log.info("%s %s: %s", episode.state, episode.id, episode.reason)
        stop.wait(max(0.0, moment + STEP_S + SETTLE_S - time.time()))
