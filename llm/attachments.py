"""Pictures that go to a model beside the transcript."""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from llm.transcript import Line


@dataclass(frozen=True)
class Attachment:
    """A picture, re-encoded by us. `n` is the number of its message in the transcript."""

    n: int
    mimetype: str
    data: bytes
    file: int = 0  # by which staff find it again

    @property
    def base64(self) -> str:
        return base64.b64encode(self.data).decode()

    @property
    def facts(self) -> dict:
        """What is stored of it with the prompt."""
        return {
            "n": self.n,
            "file": self.file,
            "mimetype": self.mimetype,
            "bytes": len(self.data),
            "sha256": hashlib.sha256(self.data).hexdigest(),
        }


def marked(lines: Sequence[Line], attachments: Sequence[Attachment]) -> list[Line]:
    """The lines, those whose pictures go along with these pictures' numbers."""
    numbers = {one.n: number for number, one in enumerate(attachments, 1)}
    return [
        replace(line, media={**line.media, "picture": numbers[line.n]})
        if line.n in numbers
        else line
        for line in lines
    ]
