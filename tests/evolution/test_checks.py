import pytest

from evolution.checks import check_evolution, check_webhook_secrets


@pytest.mark.parametrize(
    ("debug", "secrets", "found"),
    [
        (False, [], ["evolution.E001"]),
        (True, [], []),
        (False, ["s" * 32], []),
        (False, ["s" * 31], ["evolution.W004"]),
        (True, ["s" * 31], []),
        (False, ["ß" * 32], ["evolution.W001"]),
    ],
    ids=[
        "no secret",
        "debugging",
        "a secret",
        "short",
        "short but debugging",
        "not ASCII",
    ],
)
def test_the_webhook_needs_a_secret(settings, debug, secrets, found):
    settings.DEBUG = debug
    settings.WEBHOOK_SECRETS = secrets

    assert [one.id for one in check_webhook_secrets(None)] == found


@pytest.mark.parametrize(
    ("url", "key", "found"),
    [
        ("", "", ["evolution.W002"]),
        ("http://evolution.test", "", ["evolution.W003"]),
        ("http://evolution.test", "key", []),
    ],
    ids=["no address", "no key", "both"],
)
def test_sending_needs_an_address_and_a_key(settings, url, key, found):
    settings.EVOLUTION_URL = url
    settings.EVOLUTION_API_KEY = key

    assert [one.id for one in check_evolution(None)] == found
