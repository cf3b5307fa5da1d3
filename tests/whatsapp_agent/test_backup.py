import os
import shutil
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

from tests.standins.agent import ROOT, wait_until

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
# `data` in the way of a file that somebody sent.
SEND = """
import hashlib, uuid
from django.core.files.base import ContentFile
from conversations.models import Conversation, MediaFile
from tests.factories import make_inbound
data = b"{}"
chat, unique = Conversation.objects.get(), uuid.uuid4().hex
message = make_inbound(chat, kind="document", whatsapp_id=unique)
digest = hashlib.sha256(data).hexdigest()
file = MediaFile(message=message, state="stored", bytes=len(data), sha256=digest)
file.file.save("", ContentFile(data))
"""
# In one transaction, or one of them is not in the copy.
WRITE = """
    INSERT INTO evolution_unreadableevent (body, digest, error, count, received_at)
    VALUES ('x', ?, '', 1, '2026-01-01')"""


COME_AND_GO = f"""
said = 0
while True:
    said += 1
    exec({SEND!r}.format(said))
    for old in MediaFile.objects.order_by("-pk")[100:]:
        name = old.file.name
        MediaFile.objects.filter(pk=old.pk).update(state="gone")
        old.file.delete(save=False)
        MediaFile.objects.filter(pk=old.pk).delete()
"""


def surroundings(database_url: str, **more: str) -> dict[str, str]:
    return {
        **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
        "SECRET_KEY": "only-for-tests-" + "0" * 50,
        "WEBHOOK_SECRET": "webhook-secret-" + "0" * 30,
        "EVOLUTION_URL": "http://127.0.0.1:9",
        "DATABASE_URL": database_url,
        "LOG_LEVEL": "WARNING",
        **more,
    }


def runner(database_url: str, **fixed: str) -> Run:
    environment = surroundings(database_url, **fixed)

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
def media(tmp_path: Path) -> Path:
    return tmp_path / "media"


@pytest.fixture
def manage(database: Path, media: Path) -> Run:
    return runner(f"sqlite:///{database}", MEDIA_ROOT=str(media))


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
def test_a_copy_has_what_no_worker_has_taken_in_yet(manage: Run, folder: Path):
    manage("shell", "-c", "from conversations import inbox; inbox.put('{')")

    copy = Path(manage("backup", folder).stdout.strip())

    assert ask(copy, "SELECT body FROM evolution_unreadableevent") == [("{",)]


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


def send(manage: Run, said: str) -> None:
    manage("shell", "-c", SEND.format(said))


def contents(folder: Path) -> dict[str, bytes]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


@pytest.mark.sqlite
def test_what_people_sent_is_copied_and_put_back(
    manage: Run, folder: Path, media: Path
):
    send(manage, "one")
    send(manage, "two")
    before = contents(media)
    copy = manage("backup", folder).stdout.strip()
    shutil.rmtree(media)

    done = manage("restore", copy)

    assert sorted(before.values()) == [b"one", b"two"]
    assert contents(media) == contents(folder / "files") == before
    assert "2 files that people sent were put back" in done.stdout
    modes = {path.stat().st_mode & 0o777 for path in media.rglob("*")}
    assert modes == {0o600, 0o700}


@pytest.mark.sqlite
def test_a_file_lies_once_beside_all_copies_for_as_long_as_one_names_it(
    manage: Run, folder: Path, media: Path, database: Path, monkeypatch
):
    send(manage, "one")
    manage("backup", folder)
    ((name, _),) = contents(folder / "files").items()
    written = (folder / "files" / name).stat().st_mtime_ns
    send(manage, "two")
    manage("backup", folder)
    assert (folder / "files" / name).stat().st_mtime_ns == written
    with closing(sqlite3.connect(database)) as opened, opened:
        opened.execute("DELETE FROM conversations_mediafile WHERE file = ?", [name])
    for path in (folder / "files").rglob("*"):
        os.utime(path, (1, 1))

    manage("backup", folder, "--keep=3")
    assert name in contents(folder / "files")
    manage("backup", folder, "--keep=1")

    assert list(contents(folder / "files").values()) == [b"two"]
    assert len(list(folder.glob("*.files"))) == 1


@pytest.mark.sqlite
def test_a_copy_whose_files_are_elsewhere_is_not_restored(
    manage: Run, folder: Path, media: Path, database: Path
):
    send(manage, "one")
    copy = manage("backup", folder).stdout.strip()
    shutil.rmtree(media)
    shutil.rmtree(folder / "files")

    refused = manage("restore", copy, fails=True)
    assert "1 of the 1 files that people sent are neither in" in refused.stderr
    assert not list(database.parent.glob("*.before-*"))

    done = manage("restore", copy, "--force")
    assert "1 files that it names are not in" in done.stderr


@pytest.mark.sqlite
def test_a_damaged_file_is_not_put_back(manage: Run, folder: Path, media: Path):
    send(manage, "one")
    copy = manage("backup", folder).stdout.strip()
    shutil.rmtree(media)
    (name,) = contents(folder / "files")
    (folder / "files" / name).write_bytes(b"eno")

    done = manage("restore", copy)

    assert contents(media) == {}
    assert "1 files that it names are not in" in done.stderr


@pytest.mark.sqlite
def test_a_file_that_is_gone_hinders_no_copy(manage: Run, folder: Path, media: Path):
    send(manage, "one")
    send(manage, "two")
    next(path for path in media.rglob("*") if path.is_file()).unlink()

    done = manage("backup", folder)

    assert "1 files that the database names are not in" in done.stderr
    assert len(contents(folder / "files")) == 1


@pytest.mark.sqlite
@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "2026/11/../../x"])
def test_a_list_leads_nowhere_else(manage: Run, folder: Path, media: Path, name: str):
    copy = Path(manage("backup", folder).stdout.strip())
    copy.with_suffix(".files").write_text(f"{'0' * 64} {name}\n")

    assert "is no list of ours" in manage("restore", copy, fails=True).stderr


@pytest.mark.sqlite
def test_the_database_alone_is_copied_where_that_is_asked(
    manage: Run, folder: Path, media: Path
):
    send(manage, "one")

    copy = Path(manage("backup", folder, "--database-only").stdout.strip())

    assert [path.name for path in folder.iterdir()] == [copy.name]


@pytest.mark.sqlite
def test_says_that_a_bucket_has_its_own_backup(manage: Run, folder: Path):
    done = manage("backup", folder, MEDIA_BUCKET="chat-files")

    assert "in the bucket chat-files, which is not copied" in done.stderr


@pytest.mark.sqlite
def test_every_file_that_a_copy_names_is_in_it_while_files_come_and_go(
    manage: Run, folder: Path, media: Path, sender
):
    copies = [Path(manage("backup", folder).stdout.strip()) for _ in range(3)]

    for copy in copies:
        rows = ask(
            copy, "SELECT file FROM conversations_mediafile WHERE state='stored'"
        )
        assert rows
        kept = contents(folder / "files")
        assert {name for (name,) in rows} <= kept.keys()


@pytest.fixture
def sender(database: Path, media: Path) -> Iterator[None]:
    """Files come, and the oldest go: first their rows, then what is on the disk."""
    environment = surroundings(f"sqlite:///{database}", MEDIA_ROOT=str(media))
    with subprocess.Popen(
        [sys.executable, "manage.py", "shell", "-c", COME_AND_GO],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.DEVNULL,
    ) as running:
        assert wait_until(lambda: media.exists() and len(contents(media)) > 50)
        yield
        assert running.poll() is None, "it ended early"
        running.terminate()


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


def test_a_postgres_database_is_copied_and_restored(
    postgres: str, folder: Path, media: Path
):
    manage = runner(postgres, MEDIA_ROOT=str(media))
    manage("shell", "-c", PREPARE)
    send(manage, "one")
    copy = Path(manage("backup", folder).stdout.strip())
    assert copy.suffix == ".dump"
    assert copy.stat().st_mode & 0o777 == 0o600

    with psycopg.connect(postgres, autocommit=True) as opened:
        opened.execute("UPDATE conversations_message SET text = 'since'")
        assert "in use" in manage("restore", copy, fails=True).stderr

    shutil.rmtree(media)
    manage("restore", copy)

    assert list(contents(media).values()) == [b"one"]
    with psycopg.connect(postgres) as opened:
        texts = opened.execute("SELECT text FROM conversations_message").fetchall()
    assert ("Was it sent?",) in texts


def test_without_its_tools_a_postgres_database_is_not_copied(tmp_path: Path):
    manage = runner("postgres://agent:secret-password@127.0.0.1:1/agent")

    refused = manage("backup", tmp_path / "b", fails=True, PATH=str(tmp_path))

    assert "pg_dump is not installed" in refused.stderr
    assert "secret-password" not in refused.stderr
    assert not (tmp_path / "b").exists()
