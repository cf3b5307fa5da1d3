"""How many files are in memory at once, in this process.

One that is put into base64 or taken out of it takes several times its size.
"""

from threading import BoundedSemaphore

from whatsapp_agent.interpreter import waiting

SMALL = 2_000_000


class Lane(BoundedSemaphore):
    def acquire(self, blocking: bool = True, timeout: float | None = None) -> bool:
        with waiting():
            return super().acquire(blocking, timeout)

    __enter__ = acquire


class Lanes:
    """Of what is small a few at once; of what is large, or of no known size, one."""

    def __init__(self, few: int = 4) -> None:
        self._few, self._one = Lane(few), Lane(1)

    def of(self, size: int | None) -> Lane:
        return self._few if is_small(size) else self._one


def is_small(size: int | None) -> bool:
    return size is not None and size <= SMALL
