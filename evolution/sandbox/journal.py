"""An append-only file of JSON lines: the bridge's memory, and evidence for tests."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path


class Journal:
    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._drop_torn_line()
        self._file = self.path.open("a", encoding="utf-8")

    def _drop_torn_line(self) -> None:
        """A kill in the middle of a write leaves a line without its end."""
        if not self.path.exists():
            return
        with self.path.open("rb+") as file:
            file.truncate(file.read().rfind(b"\n") + 1)

    def write(self, kind: str, at: float, fields: dict) -> None:
        line = json.dumps({"kind": kind, "at": at, **fields}, ensure_ascii=False)
        with self._lock:
            if not self._file.closed:
                self._file.write(line + "\n")
                self._file.flush()

    def close(self) -> None:
        with self._lock:
            self._file.close()


def read(path: Path | str) -> Iterator[tuple[str, float, dict]]:
    """Every whole record of a journal, which may be growing."""
    if not Path(path).exists():
        return
    with Path(path).open(encoding="utf-8") as file:
        for line in file:
            if line.endswith("\n"):
                record = json.loads(line)
                yield record.pop("kind"), record.pop("at"), record
