"""How hard to try: as `make test` does, the same each time, or as `make fuzz` does."""

import os
from random import Random, SystemRandom

IS_LONG = bool(os.environ.get("FUZZ"))
TIMES = int(os.environ.get("FUZZ") or 1)


def examples(count: int) -> int:
    return count * TIMES


def randomness(seed: str) -> Random:
    return Random(f"{seed} {SystemRandom().getrandbits(64) if IS_LONG else ''}")
