"""How many files are in memory at once, in this process.

One that is put into base64 or taken out of it takes several times its size.
"""

from threading import BoundedSemaphore

SMALL = 2_000_000


class Lanes:
    """Of what is small a few at once; of what is large, or of no known size, one."""

    def __init__(self, few: int = 4) -> None:
        self._few, self._one = BoundedSemaphore(few), BoundedSemaphore(1)

    def of(self, size: int | None) -> BoundedSemaphore:
        return self._few if is_small(size) else self._one


def is_small(size: int | None) -> bool:
    return size is not None and size <= SMALL
