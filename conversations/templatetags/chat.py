"""What stands many times on a conversation's page: includes would cost a second."""

from django import template
from django.template import Context
from django.utils.formats import number_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from conversations.models import Message
from llm.models import Decision

register = template.Library()

Status = Message.Status

_DOUBLE = "M1 6.5l3.2 3.2L11 2.5M7.5 9l.7.7L15 2.5"
_CIRCLE = "M14 6A5 5 0 1 1 4 6a5 5 0 0 1 10 0z"
# How far a message of ours got: what to say, and the path of an SVG of 18 by 12.
TICKS = {
    Status.QUEUED: (_("Queued"), f"{_CIRCLE}M9 3v3l2 1.5"),
    Status.SENDING: (_("Sending"), "M9 11V2M5.5 5L9 1.5 12.5 5"),
    Status.UNKNOWN: (
        _("Not known whether it was sent"),
        "M6 3.7a3 2.7 0 1 1 3.6 2.6q-.6.2-.6 1.2M9 10.4v.1",
    ),
    Status.SENT: (_("Sent"), "M4 6.5l3.2 3.2L14 2.5"),
    Status.DELIVERED: (_("Delivered"), _DOUBLE),
    Status.READ: (_("Read"), _DOUBLE),
    Status.FAILED: (_("Failed"), f"{_CIRCLE}M9 3.2v3.2M9 8.7v.1"),
    Status.DROPPED: (_("Dropped"), "M5.5 2.5l7 7M12.5 2.5l-7 7"),
}


@register.simple_tag(takes_context=True)
def place(context: Context, message: Message) -> str:
    """Where a message is: on this page, or on one round it."""
    on_page = message.pk in context["on_page"]
    page = "" if on_page else f"{context['page_url']}?message={message.pk}"
    return f"{page}#message-{message.pk}"


@register.simple_tag
def ticks(message: Message) -> SafeString | str:
    if message.status not in TICKS:
        return ""
    label, path = TICKS[message.status]
    return format_html(
        '<svg class="tick {}" viewBox="0 0 18 12" role="img" aria-label="{}">'
        '<path d="{}"/></svg>',
        message.status,
        label,
        path,
    )


@register.simple_tag
def against(decision: Decision) -> SafeString:
    """The probability, and the threshold that it had to reach."""
    p, threshold = decision.p, decision.threshold
    if threshold is None:
        beside = ""
    else:
        beside = f"{'≥' if p >= threshold else '<'} {number_format(threshold, 2)}"
    return format_html(
        '<span class="against" dir="ltr"><b>{}</b> {}</span>',
        number_format(p, 2),
        beside,
    )
