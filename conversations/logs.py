"""Which message a line of the log is about, whoever writes it."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_ids: ContextVar[dict[str, int | str] | None] = ContextVar("ids", default=None)


@contextmanager
def about(**ids: int | str | None) -> Iterator[None]:
    """Add ids to every line that this thread logs meanwhile."""
    known = {name: value for name, value in ids.items() if value}
    token = _ids.set({**(_ids.get() or {}), **known})
    try:
        yield
    finally:
        _ids.reset(token)


class About(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        record.about = _ids.get() or {}
        return True
