"""Prunes once a day, in the worker: nobody has to set up a timer for it."""

import logging
import threading
import time

from django.core.management import call_command
from django.db import connections

logger = logging.getLogger(__name__)

# Seconds between looks; what is due, and who does it, stands in the database.
LOOK_EVERY = 600
FIRST_LOOK = 60


class Housekeeping(threading.Thread):
    def __init__(self) -> None:
        super().__init__(name="housekeeping", daemon=True)

    def run(self) -> None:
        time.sleep(FIRST_LOOK)
        while True:
            look()
            time.sleep(LOOK_EVERY)


def look() -> None:
    try:
        call_command("prune", if_due=True, verbosity=0)
    except Exception:
        # What was begun is complete in itself, and the rest is due again.
        logger.exception("Cannot prune")
    finally:
        connections.close_all()


def start() -> None:
    Housekeeping().start()
