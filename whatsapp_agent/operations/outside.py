"""The doctor's questions to others. Each yields (level, problem, remedy)."""

from collections.abc import Iterator

import requests
from django.conf import settings
from django.utils import timezone

from conversations.whatsapp import BridgeError
from evolution import client, instances, provider
from evolution.models import Instance
from whatsapp_agent.auth import provider as sign_in_provider
from whatsapp_agent.auth.refusals import SignInError
from whatsapp_agent.home import checks

Found = Iterator[tuple[str, str, str]]
TIMEOUT = 5
MOST_SKEW = 30  # seconds
OLDEST = (2, 3, 7)
# An event that is taken and of which nothing is stored.
HARMLESS = {"event": "application.startup"}
ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri")


def web() -> Found:
    url = f"{settings.SITE_URL}/healthz"
    try:
        response = requests.get(url, timeout=TIMEOUT, allow_redirects=False)
    except requests.exceptions.SSLError as error:
        yield "bad", f"{url}: {error}", "Renew or mend the proxy's certificate."
    except requests.RequestException as error:
        yield (
            "bad",
            f"{url} cannot be reached from here: {error}",
            "Start the web server (manage.py run), and see that SITE_URL leads to it.",
        )
    else:
        if response.status_code != 200:
            yield (
                "bad",
                f"{url} answered {response.status_code}.",
                "See that SITE_URL leads to this installation, and its proxy's log.",
            )


def webhook() -> Found:
    if not settings.WEBHOOK_SECRETS:
        return  # the configuration's finding already
    url = settings.WEBHOOK_URL
    headers = {instances.SECRET_HEADER: settings.WEBHOOK_SECRETS[0]}
    try:
        response = requests.post(
            url, json=HARMLESS, headers=headers, timeout=TIMEOUT, allow_redirects=False
        )
    except requests.RequestException as error:
        yield (
            "warn",
            f"{url} cannot be reached from here: {error}",
            "WEBHOOK_URL must be the address at which Evolution API reaches us.",
        )
        return
    if response.status_code == 401:
        yield (
            "bad",
            f"{url} refuses our secret.",
            "Restart the web server: it still runs with an older WEBHOOK_SECRET.",
        )
    elif response.status_code != 200:
        yield (
            "bad",
            f"{url} answered {response.status_code}.",
            "See that WEBHOOK_URL leads to this installation.",
        )


def bridge() -> Found:
    if not provider.is_configured():
        return  # the checklist's finding already
    try:
        client.fetch_instances()
        version = client.version()
    except BridgeError as error:
        yield (
            "bad",
            f"{settings.EVOLUTION_URL}: {error}",
            "See that Evolution API runs, and EVOLUTION_URL and EVOLUTION_API_KEY.",
        )
        return
    if version and not client.is_at_least(*OLDEST):
        yield (
            "warn",
            f"Evolution API is {version}.",
            f"Install {'.'.join(map(str, OLDEST))}, which this was made for.",
        )


def registration() -> Found:
    present = Instance.objects.exclude(state=Instance.State.REMOVED)
    for name in present.values_list("name", flat=True):
        try:
            problems = instances.webhook_problems(name)
        except BridgeError as error:
            if error.status is None:
                return  # it cannot be reached, which is a finding already
            problems = [str(error)]
        for problem in problems:
            yield "bad", f"{name}: {problem}", f"Run: manage.py instance webhook {name}"


def clocks() -> Found:
    theirs = client.clock() if provider.is_configured() else None
    if theirs is None:
        return
    skew = abs((timezone.now() - theirs).total_seconds())
    if skew > MOST_SKEW:
        yield (
            "bad",
            f"The bridge's clock and ours differ by {skew:.0f} seconds.",
            "Let both machines set their clocks by NTP (timedatectl set-ntp true).",
        )


def models() -> Found:
    for agent, step in checks.all_models():
        try:
            checks.ask_model(agent, step)
        except checks.CheckFailed as error:
            yield (
                "bad",
                f"{step.label}: {error}",
                "See the provider's key, its model's name and its bill; "
                "`manage.py llm check` tells more.",
            )


def sign_in() -> Found:
    if settings.SIGN_IN == "local":
        return
    for name in ENDPOINTS:
        try:
            sign_in_provider.endpoint(name)
        except SignInError as error:
            yield "bad", str(error), "See OIDC_ISSUER; docs/sign-in.md tells how."
            return
