"""A film becomes a few stills, which then go the way of pictures."""

import base64
from dataclasses import dataclass

from conversations.media import child
from conversations.media.child import Unreadable
from conversations.media.pictures import NotAPicture, shrink

# How a film of each type is packed. Of no other type is anything looked at.
CONTAINERS = {
    "video/mp4": "mov",
    "video/quicktime": "mov",
    "video/3gpp": "mov",
    "video/webm": "matroska",
}
MOST_BYTES = 50_000_000


@dataclass(frozen=True)
class Still:
    second: int
    mimetype: str
    data: bytes


def stills(data: bytes, mimetype: str, longest: int) -> tuple[Still, ...]:
    """The first picture and others at even distances, or Unreadable."""
    if len(data) > MOST_BYTES:
        raise Unreadable("It is too large to be looked at")
    found = child.run("film_stills.py", data, CONTAINERS[mimetype], str(longest))
    try:
        if refused := found.get("refused"):
            raise Unreadable(str(refused))
        # What decoded a stranger's film is trusted no more than the film.
        return tuple(
            Still(
                int(one["second"]),
                *shrink(base64.b64decode(one["jpeg"]), longest),
            )
            for one in found["stills"]
        )
    except (NotAPicture, AttributeError, KeyError, TypeError, ValueError) as error:
        raise Unreadable("It cannot be read") from error
