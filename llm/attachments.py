"""Pictures that go to a model beside the transcript."""

import base64
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

from llm.transcript import Line


@dataclass(frozen=True)
class Attachment:
    """A picture or a still of a film, re-encoded by us. `n` is the number of its message in the transcript."""

    n: int
    mimetype: str
    data: bytes
    file: int = 0  # by which staff find it again
    second: int | None = None  # of the film that it is a still of

    @property
    def base64(self) -> str:
        return base64.b64encode(self.data).decode()

    def label(self, number: int) -> str:
        """What precedes it where pictures follow the prompt."""
        second = {} if self.second is None else {"second": self.second}
        return json.dumps({"picture": number, **second})

    @property
    def facts(self) -> dict:
        """What is stored of it with the prompt."""
        return {
            "n": self.n,
            "file": self.file,
            **({} if self.second is None else {"second": self.second}),
            "mimetype": self.mimetype,
            "bytes": len(self.data),
            "sha256": hashlib.sha256(self.data).hexdigest(),
        }


def marked(lines: Sequence[Line], attachments: Sequence[Attachment]) -> list[Line]:
    """The lines, those whose pictures go along with these pictures' numbers."""
    shown: dict[int, dict] = {}
    for number, one in enumerate(attachments, 1):
        if one.second is None:
            shown.setdefault(one.n, {})["picture"] = number
        else:
            shown.setdefault(one.n, {}).setdefault("stills", []).append(number)
    return [
        replace(line, media={**line.media, **shown[line.n]})
        if line.n in shown
        else line
        for line in lines
    ]
