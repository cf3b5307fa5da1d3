import json

import pytest
from django.core.exceptions import ImproperlyConfigured

from whatsapp_agent import env
from whatsapp_agent.checks import check_secret_files


@pytest.fixture
def secret_file(tmp_path, monkeypatch):
    path = tmp_path / "evolution-api.json"
    path.write_text(json.dumps({"api_key": "from the file"}))
    path.chmod(0o640)
    monkeypatch.setenv("EVOLUTION_API_FILE", str(path))
    return path


def api_key() -> str:
    return env.secret("EVOLUTION_API_KEY", "evolution-api", "api_key", "default")


def test_a_secret_comes_from_the_environment(monkeypatch):
    monkeypatch.setenv("EVOLUTION_API_KEY", "from the environment")

    assert api_key() == "from the environment"


def test_a_secret_file_comes_first(secret_file, monkeypatch):
    monkeypatch.setenv("EVOLUTION_API_KEY", "from the environment")

    assert api_key() == "from the file"


def test_a_key_that_the_file_lacks_comes_from_the_environment(secret_file, monkeypatch):
    secret_file.write_text("{}")
    monkeypatch.setenv("EVOLUTION_API_KEY", "from the environment")

    assert api_key() == "from the environment"


def test_a_systemd_credential_comes_before_a_file(secret_file, tmp_path, monkeypatch):
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    (credentials / "evolution-api.json").write_text('{"api_key": "a credential"}')
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(credentials))

    assert api_key() == "a credential"


@pytest.mark.parametrize("content", ["{", "[]"], ids=["not JSON", "not an object"])
def test_a_broken_file_is_an_error_and_not_a_missing_secret(secret_file, content):
    secret_file.write_text(content)

    with pytest.raises(ImproperlyConfigured):
        api_key()


def test_a_file_that_is_not_there_is_an_error(monkeypatch):
    monkeypatch.setenv("EVOLUTION_API_FILE", "/nowhere.json")

    with pytest.raises(ImproperlyConfigured, match=r"nowhere\.json"):
        api_key()


@pytest.mark.parametrize(
    ("value", "expected"), [("1", True), ("No", False), ("", True)]
)
def test_reads_booleans(monkeypatch, value, expected):
    monkeypatch.setenv("FLAG", value)

    assert env.boolean("FLAG", True) is expected


@pytest.mark.parametrize("read", [env.boolean, lambda name: env.number(name, 1)])
def test_refuses_nonsense(monkeypatch, read):
    monkeypatch.setenv("FLAG", "perhaps")

    with pytest.raises(ImproperlyConfigured, match="FLAG"):
        read("FLAG")


@pytest.mark.parametrize("value", ["0", "-1", "inf", "nan"])
def test_refuses_a_number_that_is_out_of_range(monkeypatch, value):
    monkeypatch.setenv("MINUTES", value)

    with pytest.raises(ImproperlyConfigured, match="MINUTES must be 1 or more"):
        env.number("MINUTES", 5, least=1)


def test_a_secret_file_for_everybody_is_reported(secret_file):
    assert check_secret_files(None) == []

    secret_file.chmod(0o644)

    assert [error.id for error in check_secret_files(None)] == ["whatsapp_agent.E001"]
