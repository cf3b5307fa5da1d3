"""A model provider that kills the process that asks it about a certain word."""

import os
import signal

from llm.providers import Completion, Request, openai

WORD = "arsenic"

missing = openai.missing


def complete(connection: dict, request: Request) -> Completion:
    judged = [
        line for line in request.data["lines"] if line.n in request.data["judged"]
    ]
    if any(WORD in line.text for line in judged):
        os.kill(os.getpid(), signal.SIGKILL)
    return openai.complete(connection, request)
