"""What our pages draw again and again."""

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

register = template.Library()

AVATAR_COLOURS = 8


@register.simple_tag
def avatar(name: str, number: int) -> SafeString:
    """A disc with the initials of a name, in the colour of a row's number."""
    letters = [word[0] for word in str(name).split() if word[0].isalnum()]
    return format_html(
        '<span class="wa-avatar wa-avatar-{}" aria-hidden="true">{}</span>',
        number % AVATAR_COLOURS,
        "".join(letters[:2]).upper() or "#",
    )


@register.simple_tag
def meter(p: float | None, threshold: float | None) -> SafeString | str:
    """The probability as a bar, with the threshold as a mark on it."""
    if p is None:
        return ""
    if threshold is None:
        mark, label = "", _("p %(p).2f") % {"p": p}
    else:
        label = _("p %(p).2f, threshold %(threshold).2f") % {
            "p": p,
            "threshold": threshold,
        }
        x = round(threshold * 100, 1)
        mark = format_html('<line x1="{}" x2="{}" y1="0" y2="10"/>', x, x)
    return format_html(
        '<svg class="wa-meter{}" viewBox="0 0 100 10" preserveAspectRatio="none"'
        ' role="img" aria-label="{}"><rect class="track" width="100" height="6" y="2"'
        ' rx="3"/><rect class="fill" width="{}" height="6" y="2" rx="3"/>{}</svg>',
        " on" if threshold is None or p >= threshold else "",
        label,
        round(p * 100, 1),
        mark,
    )
