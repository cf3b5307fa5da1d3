import os
import sqlite3
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from tests.standins.agent import ROOT

pytestmark = pytest.mark.slow

Run = Callable[..., subprocess.CompletedProcess]
PREPARE = """
from django.core.management import call_command
from tests.factories import make_conversation, make_inbound, make_outbound
call_command("migrate", verbosity=0)
chat = make_conversation()
make_inbound(chat, outcome="replied")
make_outbound(chat, text="Was it sent?")
"""
# In one transaction, or one of them is not in the copy.
WRITE = """
    INSERT INTO evolution_unreadableevent (body, digest, error, count, received_at)
    VALUES ('x', ?, '', 1, '2026-01-01')"""


def runner(database_url: str) -> Run:
    environment = {
        **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
        "SECRET_KEY": "only-for-tests-" + "0" * 50,
        "WEBHOOK_SECRET": "webhook-secret-" + "0" * 30,
        "EVOLUTION_URL": "http://127.0.0.1:9",
        "DATABASE_URL": database_url,
        "LOG_LEVEL": "WARNING",
    }

    def run(*arguments: str | Path, fails: bool = False, **more: str):
        done = subprocess.run(
            [sys.executable, "manage.py", *map(str, arguments)],
            cwd=ROOT,
            env={**environment, **more},
            capture_output=True,
            text=True,
            check=False,
        )
        assert bool(done.returncode) is fails, done.stdout + done.stderr
        return done

    return run


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("prepared") / "db.sqlite3"
    runner(f"sqlite:///{path}")("shell", "-c", PREPARE)
    return path


@pytest.fixture
def database(prepared: Path, tmp_path: Path) -> Path:
    path = tmp_path / "db.sqlite3"
    path.write_bytes(prepared.read_bytes())
    return path


@pytest.fixture
def manage(database: Path) -> Run:
    return runner(f"sqlite:///{database}")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "backups"


def ask(path: Path, sql: str) -> list[tuple]:
    with closing(sqlite3.connect(path)) as opened:
        return opened.execute(sql).fetchall()


@pytest.fixture
def writer(database: Path) -> Iterator[list[int]]:
    """Writes two rows at a time, for as long as the test lasts; how often."""
    written, stop = [0], threading.Event()

    def write() -> None:
        with closing(sqlite3.connect(database, timeout=20)) as opened:
            opened.execute("PRAGMA journal_mode = WAL")
            while not stop.is_set():
                with opened:
                    for _ in range(2):
                        opened.execute(WRITE, [uuid.uuid4().hex])
                written[0] += 1

    thread = threading.Thread(target=write)
    thread.start()
    yield written
    stop.set()
    thread.join()


@pytest.mark.sqlite
def test_a_copy_is_one_moment_of_a_database_in_use(manage: Run, folder: Path, writer):
    before = writer[0]
    done = manage("backup", folder)
    after = writer[0]
    assert after > before, "the writer had to wait for the copy"

    copy = Path(done.stdout.strip())
    assert copy.parent == folder
    assert ask(copy, "PRAGMA integrity_check") == [("ok",)]
    ((rows,),) = ask(copy, "SELECT count(*) FROM evolution_unreadableevent")
    assert rows % 2 == 0
    assert 2 * before <= rows <= 2 * after
    assert [path.name for path in folder.iterdir()] == [copy.name]


@pytest.mark.sqlite
def test_a_copy_is_readable_by_its_owner_alone(manage: Run, folder: Path):
    copy = Path(manage("backup", folder).stdout.strip())

    assert copy.stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700


@pytest.mark.sqlite
def test_only_so_many_copies_are_kept_and_nothing_else_is_touched(
    manage: Run, folder: Path
):
    folder.mkdir()
    (folder / "notes.txt").touch()
    copies = [Path(manage("backup", folder, "--keep=2").stdout.strip()) for _ in "abc"]

    left = {path.name for path in folder.iterdir()}
    assert left == {"notes.txt", copies[1].name, copies[2].name}


@pytest.mark.sqlite
def test_a_copy_takes_the_place_of_the_database(
    manage: Run, folder: Path, database: Path
):
    copy = manage("backup", folder).stdout.strip()
    with closing(sqlite3.connect(database)) as opened, opened:
        opened.execute(WRITE, ["since"])

    done = manage("restore", copy)

    assert "The agent is off" in done.stdout
    assert ask(database, "SELECT count(*) FROM evolution_unreadableevent") == [(0,)]
    assert ask(database, "PRAGMA journal_mode") == [("wal",)]
    assert ask(database, "SELECT is_on FROM conversations_agentsettings") == [(0,)]
    (aside,) = database.parent.glob("db.sqlite3.before-*")
    assert ask(aside, "SELECT digest FROM evolution_unreadableevent") == [("since",)]
    assert database.stat().st_mode & 0o777 == 0o600


@pytest.mark.sqlite
def test_what_was_about_to_leave_is_looked_up_in_the_bridges_record_first(
    manage: Run, folder: Path, database: Path
):
    manage("restore", manage("backup", folder).stdout.strip())

    (found,) = ask(
        database,
        "SELECT status, attempted_at = received_at, due_at IS NOT NULL"
        " FROM conversations_message m JOIN conversations_conversation c"
        " ON c.id = m.conversation_id WHERE direction = 'out'",
    )
    assert found == ("unknown", 1, 1)


@pytest.mark.sqlite
def test_nothing_is_restored_while_the_database_is_in_use(
    manage: Run, folder: Path, database: Path
):
    copy = manage("backup", folder).stdout.strip()
    with closing(sqlite3.connect(database)) as opened:
        opened.execute("PRAGMA journal_mode = WAL")
        opened.execute("SELECT count(*) FROM conversations_message").fetchall()
        refused = manage("restore", copy, fails=True)
        assert "Stop web and worker first" in refused.stderr
        assert not list(database.parent.glob("*.before-*"))

        manage("restore", copy, "--force")

    manage("restore", copy)


@pytest.mark.sqlite
def test_a_damaged_database_can_be_restored(manage: Run, folder: Path, database: Path):
    copy = manage("backup", folder).stdout.strip()
    database.write_bytes(b"This is not a database at all" * 1000)

    refused = manage("restore", copy, fails=True)
    assert "--force" in refused.stderr
    manage("restore", copy, "--force")

    assert ask(database, "SELECT count(*) FROM conversations_message") == [(2,)]


@pytest.mark.sqlite
@pytest.mark.parametrize(
    "content", [b"", b"nonsense" * 1000], ids=["empty", "nonsense"]
)
def test_what_is_no_copy_is_not_restored(
    manage: Run, tmp_path: Path, database: Path, content: bytes
):
    wrong = tmp_path / "copy.sqlite3"
    wrong.write_bytes(content)

    refused = manage("restore", wrong, fails=True)

    assert "is no copy of our database" in refused.stderr
    assert ask(database, "SELECT count(*) FROM conversations_message") == [(2,)]


@pytest.mark.sqlite
def test_a_copy_of_a_newer_version_is_refused(
    manage: Run, folder: Path, database: Path
):
    copy = Path(manage("backup", folder).stdout.strip())
    with closing(sqlite3.connect(copy)) as opened, opened:
        opened.execute(
            "INSERT INTO django_migrations (app, name, applied)"
            " VALUES ('conversations', '9999_later', '2026-01-01')"
        )

    assert "conversations.9999_later" in manage("restore", copy, fails=True).stderr


@pytest.fixture
def postgres() -> Iterator[str]:
    server = os.environ.get("TEST_POSTGRES_URL")
    if not server:
        pytest.skip("TEST_POSTGRES_URL is not set")
    name = f"backup_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(server, autocommit=True) as opened:
        opened.execute(f"CREATE DATABASE {name}")
        yield f"{server.rpartition('/')[0]}/{name}"
        opened.execute(f"DROP DATABASE {name} WITH (FORCE)")


def test_a_postgres_database_is_copied_and_restored(postgres: str, folder: Path):
    manage = runner(postgres)
    manage("shell", "-c", PREPARE)
    copy = Path(manage("backup", folder).stdout.strip())
    assert copy.suffix == ".dump"
    assert copy.stat().st_mode & 0o777 == 0o600

    with psycopg.connect(postgres, autocommit=True) as opened:
        opened.execute("UPDATE conversations_message SET text = 'since'")
        assert "in use" in manage("restore", copy, fails=True).stderr

    manage("restore", copy)

    with psycopg.connect(postgres) as opened:
        texts = opened.execute("SELECT text FROM conversations_message").fetchall()
    assert ("Was it sent?",) in texts


def test_without_its_tools_a_postgres_database_is_not_copied(tmp_path: Path):
    manage = runner("postgres://agent:secret-password@127.0.0.1:1/agent")

    refused = manage("backup", tmp_path / "b", fails=True, PATH=str(tmp_path))

    assert "pg_dump is not installed" in refused.stderr
    assert "secret-password" not in refused.stderr
    assert not list((tmp_path / "b").iterdir())
