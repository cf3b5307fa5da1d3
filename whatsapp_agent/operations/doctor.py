"""Everything that can be wrong, each with its remedy.

What is stored is judged as the checklist at Home judges it; beyond that, the doctor
looks at this machine and asks the bridge, the model and the sign-in provider.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from django.conf import settings
from django.core import checks as system_checks

from conversations.media import checks as media_checks
from whatsapp_agent.home import checklist, database
from whatsapp_agent.operations import machine, outside

BROKEN = "Mend this first: the rest of Home's checklist stands in it."


class Level(StrEnum):
    OK = "ok"
    WARN = "warn"
    BAD = "bad"


@dataclass(frozen=True)
class Finding:
    title: str
    level: Level = Level.OK
    problem: str = ""
    remedy: str = ""


# A title and a look, which yields what it finds as (level, problem, remedy).
Look = tuple[str, Callable[[], Iterable[tuple[str, str, str]]]]
HERE: list[Look] = [
    ("SQLite keeps what was acknowledged", machine.durability),
    ("Webhooks that were acknowledged are taken in", machine.webhooks),
    ("There is room on the disk", machine.disk),
    ("The worker's folder is writable", machine.run_folder),
    ("Files that people send can be kept", media_checks.storage),
    ("Voice messages can be transcribed", machine.transcription),
    ("The static files are collected", machine.static_files),
    ("There is a fresh backup", machine.backups),
    ("Old data is deleted as Settings say", machine.retention),
    ("E-mails can leave", machine.emails),
    ("People reach it safely", machine.address),
]
OUTSIDE: list[Look] = [
    ("The web server answers", outside.web),
    ("Webhooks with our secret are accepted", outside.webhook),
    ("The bridge can be reached, in a version that we know", outside.bridge),
    ("The bridge's webhooks are registered as they should be", outside.registration),
    ("The clocks agree", outside.clocks),
    ("The model answers when asked", outside.models),
    ("The sign-in provider publishes its addresses", outside.sign_in),
]


def examine(*, only_here: bool = False) -> Iterator[Finding]:
    yield from _configuration()
    yield from _guarded("What Home asks for", _checklist)
    for title, look in HERE if only_here else [*HERE, *OUTSIDE]:
        yield from _guarded(title, lambda title=title, look=look: _found(title, look))


def _guarded(title: str, look: Callable[[], Iterable[Finding]]) -> list[Finding]:
    """What breaks one look must not hide the others."""
    try:
        return list(look())
    except Exception as error:
        problem = f"It cannot be told: {type(error).__name__}: {error}"
        return [Finding(title, Level.BAD, problem, "First mend what else is bad.")]


def _found(title: str, look: Callable) -> list[Finding]:
    findings = [Finding(title, Level(level), *words) for level, *words in look()]
    return findings or [Finding(title)]


def _configuration() -> Iterator[Finding]:
    title = "The configuration is sound"
    # They are about https, which this machine alone can do without.
    found = system_checks.run_checks(include_deployment_checks=settings.SECURE)
    serious = [one for one in found if one.level >= system_checks.WARNING]
    for one in serious:
        is_bad = one.level >= system_checks.ERROR
        level = Level.BAD if is_bad else Level.WARN
        yield Finding(title, level, one.msg, one.hint or "")
    if not serious:
        yield Finding(title)


def _checklist() -> Iterator[Finding]:
    if problem := database.problem():
        yield Finding("The database works", Level.BAD, problem, BROKEN)
        return
    for line in checklist.everything():
        if line.is_done:
            yield Finding(str(line.title))
        else:
            remedy = " or ".join(map(_where, line.steps))
            yield Finding(str(line.title), _level(line), line.trouble, remedy)


def _where(step: checklist.Step) -> str:
    """A page can be opened; a button is to be pressed."""
    if step.is_button:
        return f"“{step.label}” at Home"
    return f"{step.label}: {settings.SITE_URL}{step.url}"


def _level(line: checklist.Line) -> Level:
    """That it only watches in groups may well be meant."""
    is_choice = line.permission == "conversations.view_conversation"
    return Level.WARN if is_choice else Level.BAD
