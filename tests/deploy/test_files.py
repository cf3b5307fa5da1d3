"""The files in deploy/, as the programs that read them judge them."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

DEPLOY = Path(__file__).parents[2] / "deploy"
UNITS = [
    "whatsapp-agent-web",
    "whatsapp-agent-worker",
    "whatsapp-agent-backup",
    "evolution-api",
]
# Of 10, less is better; its own word for what is below 3 is OK.
MOST_EXPOSED = 3

pytestmark = pytest.mark.slow


def program(name: str) -> str:
    if found := shutil.which(name, path="/usr/bin:/usr/sbin:/bin:/sbin"):
        return found
    pytest.skip(f"{name} is not installed")


def run(*command: str | Path) -> str:
    """Everything that it says; a failure where it fails."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture
def units(tmp_path) -> Path:
    """The units, with programs that are there in the place of those that are not."""
    folder = tmp_path / "units"
    shutil.copytree(DEPLOY, folder)
    for file in folder.rglob("*.service"):
        text = file.read_text()
        for absent in (
            "/opt/whatsapp_agent/.venv/bin/python",
            "/usr/bin/node",
            "/usr/sbin/nft",
        ):
            text = text.replace(absent, sys.executable)
        file.write_text(text)
    return folder


@pytest.mark.parametrize("name", UNITS)
def test_systemd_accepts_the_unit(units, name):
    analyze = program("systemd-analyze")

    said = run(analyze, "verify", "--man=no", units / f"{name}.service")

    assert str(units) not in said
    assert name not in said


@pytest.mark.parametrize("name", UNITS)
def test_the_unit_is_locked_up(units, name):
    analyze = program("systemd-analyze")

    run(
        analyze,
        *("security", "--offline=yes", f"--threshold={MOST_EXPOSED * 10}"),
        units / f"{name}.service",
    )


def test_nginx_accepts_the_site(tmp_path):
    nginx, openssl = program("nginx"), program("openssl")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    run(
        *(openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1"),
        *("-subj", "/CN=agent.example.org", "-keyout", key, "-out", certificate),
    )
    text = (DEPLOY / "nginx.conf").read_text()
    live = "/etc/letsencrypt/live/agent.example.org"
    text = text.replace(f"{live}/fullchain.pem", str(certificate))
    text = text.replace(f"{live}/privkey.pem", str(key))
    conf = tmp_path / "nginx.conf"
    head = f"pid {tmp_path}/pid; error_log stderr; events {{}}"
    conf.write_text(f"{head} http {{ access_log off; {text} }}")

    said = run(nginx, "-t", "-p", tmp_path, "-c", conf)

    assert "[warn]" not in said


def test_the_containers_run_the_bridge_of_the_last_free_release():
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text())

    assert compose["services"]["evolution"]["image"].endswith(":v2.3.7")


def test_only_nginx_is_reached_from_outside_the_containers():
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text())

    open_to_all = [n for n, one in compose["services"].items() if "ports" in one]

    assert open_to_all == ["nginx"]
