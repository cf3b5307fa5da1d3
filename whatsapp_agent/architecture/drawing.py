"""Where each part and arrow stands: side by side on a screen, one below the other on a phone.

All in whole numbers, since templates write fractions as the language does.
"""

from dataclasses import dataclass

from django.utils.text import Truncator

from whatsapp_agent.architecture.flows import Flow
from whatsapp_agent.architecture.parts import Part

LINE = 19  # from one line of a box to the next


@dataclass(frozen=True)
class Arrow:
    points: str
    number: tuple[int, int] | None = None  # the middle of it
    is_double: bool = False


@dataclass(frozen=True)
class Layout:
    name: str
    size: tuple[int, int]
    box: tuple[int, int]
    letters: int  # of a fact, that fit into a box
    middles: dict[str, tuple[int, int]]
    arrows: dict[str, Arrow]


@dataclass(frozen=True)
class PlacedPart:
    part: Part
    x: int
    y: int
    middle: int
    dot: int
    lines: list[tuple[str, int, str]]  # class, y, text


@dataclass(frozen=True)
class PlacedFlow:
    flow: Flow
    arrow: Arrow


@dataclass(frozen=True)
class Drawing:
    layout: Layout
    parts: list[PlacedPart]
    flows: list[PlacedFlow]


WIDE = Layout(
    name="wide",
    size=(1060, 560),
    box=(206, 112),
    letters=30,
    middles={
        "whatsapp": (109, 75),
        "bridge": (390, 75),
        "web": (670, 75),
        "staff": (951, 75),
        "outbox": (390, 280),
        "database": (670, 280),
        "queue": (951, 280),
        "settings": (109, 485),
        "relevance": (390, 485),
        "worker": (670, 485),
        "response": (951, 485),
    },
    arrows={
        "in": Arrow("212,55 285,55", (249, 46)),
        "out": Arrow("287,97 214,97", (249, 116)),
        "webhook": Arrow("493,75 565,75", (530, 66)),
        "staff": Arrow("848,75 775,75"),
        "store": Arrow("670,131 670,222", (628, 178)),
        "wake": Arrow("730,131 730,170 951,170 951,222"),
        "take": Arrow("951,336 951,388 730,388 730,427"),
        "lease": Arrow("670,338 670,427", (626, 366), is_double=True),
        "put": Arrow("610,429 610,388 390,388 390,338", (490, 380)),
        "send": Arrow("390,224 390,133", (426, 184)),
        "step1": Arrow("567,485 495,485", (530, 474)),
        "step2": Arrow("773,485 846,485", (810, 474)),
        "settings": Arrow("212,485 285,485"),
    },
)
NARROW = Layout(
    name="narrow",
    size=(400, 912),
    box=(166, 100),
    letters=23,
    middles={
        "whatsapp": (90, 56),
        "staff": (300, 56),
        "bridge": (90, 216),
        "web": (300, 216),
        "outbox": (90, 376),
        "database": (300, 376),
        "worker": (90, 536),
        "queue": (300, 536),
        "relevance": (90, 696),
        "response": (300, 696),
        "settings": (90, 856),
    },
    arrows={
        "in": Arrow("70,106 70,164", (46, 140)),
        "out": Arrow("110,166 110,108", (136, 140)),
        "webhook": Arrow("173,216 215,216", (194, 206)),
        "staff": Arrow("300,106 300,164"),
        "store": Arrow("300,266 300,324", (338, 300)),
        "wake": Arrow("383,216 393,216 393,536 385,536"),
        "take": Arrow("217,536 175,536"),
        "lease": Arrow("300,428 300,456 130,456 130,484", (226, 448), is_double=True),
        "put": Arrow("80,486 80,428", (40, 462)),
        "send": Arrow("90,326 90,268", (124, 300)),
        "step1": Arrow("60,586 60,644", (98, 634)),
        "step2": Arrow("130,586 130,612 300,612 300,644", (226, 605)),
        "settings": Arrow("90,806 90,748"),
    },
)


def drawings(parts: dict[str, Part], flows: list[Flow]) -> list[Drawing]:
    return [_drawing(layout, parts, flows) for layout in (WIDE, NARROW)]


def _drawing(layout: Layout, parts: dict[str, Part], flows: list[Flow]) -> Drawing:
    return Drawing(
        layout,
        [_place(layout, part) for part in parts.values()],
        [PlacedFlow(flow, layout.arrows[flow.key]) for flow in flows],
    )


def _place(layout: Layout, part: Part) -> PlacedPart:
    middle, centre = layout.middles[part.key]
    width, height = layout.box
    texts = [("title", str(part.title)), ("name", part.name)]
    texts += [("fact", fact) for fact in part.facts if fact]
    first = centre - (len(texts) - 1) * LINE // 2 + 5
    return PlacedPart(
        part,
        x=middle - width // 2,
        y=centre - height // 2,
        middle=middle,
        dot=middle + width // 2 - 14,
        lines=[
            (kind, first + number * LINE, _short(text, kind, layout))
            for number, (kind, text) in enumerate(texts)
        ],
    )


def _short(text: str, kind: str, layout: Layout) -> str:
    """What fits into a box; the page has the whole of it in words."""
    more = {"title": 4, "name": -6}.get(kind, 0)
    return Truncator(text).chars(layout.letters + more)
