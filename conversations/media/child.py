"""Has a stranger's file decoded in a process of its own, with little memory and time."""

import json
import subprocess
import sys
from pathlib import Path
from threading import Semaphore

from whatsapp_agent.interpreter import waiting

SECONDS = 15
_HERE = Path(__file__).parent
# Each takes a processor and some hundred megabytes at the most.
_one_at_a_time = Semaphore(1)


class Unreadable(Exception):
    """The message tells staff why."""


def run(script: str, data: bytes, *arguments: str) -> dict:
    """What the script says of the data that it is given."""
    try:
        with waiting(), _one_at_a_time:
            done = subprocess.run(
                [sys.executable, "-I", str(_HERE / script), *arguments],
                input=data,
                capture_output=True,
                timeout=SECONDS,
                env={},
                check=True,
            )
        return json.loads(done.stdout)
    except subprocess.TimeoutExpired as error:
        raise Unreadable(f"It cannot be read within {SECONDS} seconds") from error
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        raise Unreadable("It cannot be read") from error
