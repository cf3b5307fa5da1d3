"""Reads Evolution's record of messages, the oldest first, one span of time after another."""

from collections.abc import Iterator
from datetime import UTC, datetime

from conversations.whatsapp import BridgeError
from evolution import client
from evolution.values import dig, whole

PAGE_SIZE = 50
# More than anybody gets; a bridge that does not heed the time returns everything.
MOST_IN_A_SECOND = 500


class Reader:
    def __init__(self, instance: str) -> None:
        self.instance = instance
        self.pages = 0  # asked for so far
        self._waiting: list[tuple[int, int]] = []

    @property
    def is_at_end(self) -> bool:
        return not self._waiting

    def spans(
        self, since: datetime, until: datetime
    ) -> Iterator[tuple[datetime, list[dict]]]:
        """Yield the end of each span, and what was sent in it.

        Evolution sorts by the second alone, so what stands on which page may change
        from one to the next: a span is halved until it fits on a single page.
        """
        self._waiting = [(int(since.timestamp()), int(until.timestamp()))]
        while self._waiting:
            first, last = self._waiting.pop()
            total, records = self._page(first, last, PAGE_SIZE)
            if total > PAGE_SIZE and first < last:
                middle = (first + last) // 2
                self._waiting += [(middle + 1, last), (first, middle)]
                continue
            if total > PAGE_SIZE:
                records = self._whole_second(first, total)
            records.reverse()  # they come newest first
            yield datetime.fromtimestamp(last, UTC), sorted(records, key=second_of)

    def _whole_second(self, second: int, total: int) -> list[dict]:
        if total > MOST_IN_A_SECOND:
            raise BridgeError(
                f"Evolution API names {total} messages of one second.", kind="failed"
            )
        return self._page(second, second, MOST_IN_A_SECOND)[1]

    def _page(self, first: int, last: int, size: int) -> tuple[int, list[dict]]:
        self.pages += 1
        span = {"gte": _iso(first), "lte": _iso(last)}
        answer = client.find_messages(
            self.instance, {"messageTimestamp": span}, page_size=size
        )
        records = answer["records"]
        return max(whole(answer.get("total")) or 0, len(records)), records


def second_of(record: dict) -> int:
    return whole(dig(record, "messageTimestamp")) or 0


def _iso(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
