"""What stands a hundred times on a conversation's page: as templates these would
take longer than all the rest of it.
"""

from collections.abc import Iterable, Iterator

from django import template
from django.template import Context
from django.utils import timezone
from django.utils.formats import number_format, time_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext, gettext_lazy as _

from conversations.admin.chain import Step
from conversations.models import KnowledgeUse, Message
from llm.models import Decision, Label

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


@register.simple_tag(takes_context=True)
def thumbs(context: Context, decision: Decision) -> SafeString:
    """Two buttons to say whether a reply was wanted; pressed is what was said."""
    said = context["corrections"].get(decision.pk)
    return format_html_join(
        "",
        '<button class="wa-button" name="action" value="{}" aria-pressed="{}">'
        '<span aria-hidden="true">{}</span> {}</button>',
        (
            (verdict.value, "true" if verdict == said else "false", thumb, words)
            for verdict, thumb, words in (
                (Label.Verdict.WANTED, "👍", gettext("Wanted")),
                (Label.Verdict.UNWANTED, "👎", gettext("Not wanted")),
            )
        ),
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


@register.simple_tag(takes_context=True)
def told(context: Context, step: Step, message: str) -> SafeString:
    """A step in how a message came to its outcome."""
    return format_html(
        "<li{}><b>{}</b>{}</li>",
        SafeString(' class="bad"') if step.is_bad else "",
        step.title,
        format_html_join(
            "", "{}", ((part,) for part in _parts(context, step, message))
        ),
    )


def _parts(context: Context, step: Step, message: str) -> Iterator[SafeString]:
    decision = step.decision
    if decision.why:
        yield format_html("<p><bdi>{}</bdi></p>", decision.why)
    if decision.p is not None:
        verdict = f" · {step.verdict}" if step.verdict else ""
        yield format_html("<p>{}{}</p>", against(decision), verdict)
    if decision.error:
        yield format_html('<p class="error" dir="auto">{}</p>', decision.error)
    if step.facts:
        yield format_html("<p><bdi>{}</bdi></p>", step.facts)
        if context["may_read_prompts"]:
            yield _prompt(context, decision.pk, message)
    if step.known:
        yield _known(step.known)
    if step.sent:
        sent = ((_sent(context, reply),) for reply in step.sent)
        yield format_html("<ul>{}</ul>", format_html_join("", "<li>{}</li>", sent))


def _known(uses: Iterable[KnowledgeUse]) -> SafeString:
    """The texts and passages that a reply was given, each with its version."""
    return format_html(
        '<p>{}</p><ul class="known">{}</ul>',
        gettext("From your texts:"),
        format_html_join("", "<li>{}</li>", ((_use(use),) for use in uses)),
    )


def _use(use: KnowledgeUse) -> SafeString:
    words = format_html("<bdi>{}</bdi>, {}", use.title, use.what)
    return format_html('<a href="{}">{}</a>', use.url, words) if use.url else words


def _prompt(context: Context, decision: int, message: str) -> SafeString:
    """A link that a script opens in place."""
    return format_html(
        '<p><a href="{}{}/change/" hx-get="{}decisions/{}/" hx-swap="innerHTML"'
        ' hx-target="#{place}">{}</a></p><div id="{place}" class="prompt"></div>',
        context["decisions_url"],
        decision,
        context["base_url"],
        decision,
        gettext("Prompt and answer"),
        place=f"prompt-{message}-{decision}",
    )


def _sent(context: Context, reply: Message) -> SafeString:
    return format_html(
        '<a href="{}"><bdi>{}</bdi></a> <time datetime="{}">{}</time> {}',
        place(context, reply),
        reply.start or reply.gone,
        reply.sent_at.isoformat(),
        time_format(timezone.localtime(reply.sent_at), "TIME_FORMAT"),
        ticks(reply),
    )
