"""Small bars, drawn by the server."""

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

WIDTH, HEIGHT, GAP = 150, 32, 1.5


def spark(values: list[int]) -> SafeString:
    most, step = max(values, default=0), WIDTH / max(len(values), 1)
    bars = format_html_join(
        "",
        '<rect x="{}" y="{}" width="{}" height="{}" rx="1"/>',
        (
            (round(n * step, 1), HEIGHT - height, round(step - GAP, 1), height)
            for n, value in enumerate(values)
            for height in [_height(value, most)]
        ),
    )
    label = _("By the hour; most in one hour: %(most)d") % {"most": most}
    return format_html(
        '<svg class="wa-spark" viewBox="0 0 {} {}" preserveAspectRatio="none"'
        ' role="img" aria-label="{}">{}</svg>',
        WIDTH,
        HEIGHT,
        label,
        bars,
    )


def _height(value: int, most: int) -> float:
    """An hour without messages keeps a foot, so that it is seen to be there."""
    return max(round(value / most * HEIGHT, 1), 1.5) if most else 1.5
