"""Ways in which a JSON body can be other than what was recorded."""

import json
from collections.abc import Callable, Iterator
from random import Random

from hypothesis import strategies as st

# What every reader of JSON, and every database, has stumbled over.
ODD = [
    None, True, False, 0, -1, 1.5, -0.0, 10**18, -(2**63), 2**63, 10**30, 1e308, float("nan"), float("inf"),
    "", " ", "0", "null", "true", "\0", "a\0b", "\ud800", "x\udc00y", "\u202e", "\u2028", "👨‍👩‍👧‍👦", "9" * 400, "x" * 70_000,
    "'; DROP TABLE conversations_message; --", "%s %(a)s {0} $1", "1@lid", "2@s.whatsapp.net", "3@g.us", "@", "@lid",
    "MESSAGE_EDIT", "REVOKE", "open", "ERROR", "READ", "messages.upsert", "messages.update", "connection.update",
    [], [[]], [None], {}, {"": {}}, {"low": -1, "high": 2**40}, {"key": {"id": "X"}}, {"x" * 5000: {"\0": "\ud800"}},
]  # fmt: skip
DEEP = "@@deep@@"

ANY_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(), max_size=10)
    | st.sampled_from(ODD),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(), max_size=5), inner, max_size=4)
    ),
    max_leaves=12,
)

Path = tuple[str | int, ...]


def places(value: object, path: Path = ()) -> Iterator[Path]:
    """Where something stands, but for the body itself."""
    if path:
        yield path
    if isinstance(value, dict):
        children = list(value.items())
    elif isinstance(value, list):
        children = list(enumerate(value))
    else:
        children = []
    for key, child in children:
        yield from places(child, (*path, key))


def holder(body: object, path: Path):
    for key in path[:-1]:
        body = body[key]
    return body


def _drop(held, key, random: Random) -> None:
    del held[key]


def _double(held, key, random: Random) -> None:
    """In a list once more, in an object under a second name."""
    if isinstance(held, list):
        held.insert(key, held[key])
    else:
        held[f"{key}2"] = held[key]


def _rename(held, key, random: Random) -> None:
    if isinstance(held, dict):
        held[f"{key} "] = held.pop(key)


def _replace(held, key, random: Random) -> None:
    held[key] = random.choice(ODD)


def _retype(held, key, random: Random) -> None:
    """The same, as a sloppy sender might write it."""
    match held[key]:
        case bool(value):
            held[key] = str(value).lower()
        case int(value) | float(value):
            held[key] = str(value)
        case str(value):
            held[key] = int(value) if value.isascii() and value.isdecimal() else [value]
        case dict(value):
            held[key] = random.choice([json.dumps(value), list(value.items())])
        case list(value):
            held[key] = {str(n): one for n, one in enumerate(value)}


def _nest(held, key, random: Random) -> None:
    held[key] = random.choice(
        [[held[key]], {"value": held[key]}, {"message": held[key]}]
    )


def _deepen(held, key, random: Random) -> None:
    held[key] = DEEP


DAMAGES: list[Callable] = [_drop, _double, _rename, _replace, _replace, _retype, _nest, _deepen]  # fmt: skip


def damage(body: dict, random: Random) -> list[tuple[str, Path]]:
    """Change one to three things; tell what was changed, and where."""
    done = []
    for _ in range(random.choice([1, 1, 1, 2, 3])):
        if not (found := list(places(body))):
            break
        path, change = random.choice(found), random.choice(DAMAGES)
        change(holder(body, path), path[-1], random)
        done.append((change.__name__, path))
    return done


def written(body: dict, random: Random) -> str:
    """The body as JSON, with what is too deep for a writer of JSON."""
    depth = random.choice([200, 900, 980, 5_000])
    left, right = random.choice([("[", "]"), ('{"a":', "}")])
    return json.dumps(body).replace(
        json.dumps(DEEP), left * depth + "1" + right * depth
    )
