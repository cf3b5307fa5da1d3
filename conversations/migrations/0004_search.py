"""An index of the words of all messages, which the database itself keeps up to date.

Whoever changes the table of messages on SQLite in a way that makes Django build it anew
drops the triggers: such a migration ends with `index` of this module. The tests of the
search notice when it is forgotten.
"""

from django.db import migrations

TABLE = "conversations_message"
WORDS = "conversations_message_words"
# Drafts wait for approval, failures for another try: few among millions.
WAITING = {
    f"{status}_messages": f"ON {TABLE} (conversation_id) WHERE status = '{status}'"
    for status in ("draft", "failed")
}
NEW, OLD = (
    f"{row}.text <> '' AND {row}.deleted_at IS NULL" for row in ("new", "old")
)
ADD = f"INSERT INTO {WORDS} (rowid, text) SELECT new.id, new.text WHERE {NEW}"
REMOVE = f"""
INSERT INTO {WORDS} ({WORDS}, rowid, text)
SELECT 'delete', old.id, old.text WHERE {OLD}
"""
# Without a copy of the texts, and without the lengths that only ranking needs.
SQLITE_TABLE = f"""
CREATE VIRTUAL TABLE {WORDS} USING fts5(
    text, content='', columnsize=0,
    tokenize="unicode61 remove_diacritics 2 categories 'L* N* M* Co'"
)
"""
SQLITE_FILL = f"""
INSERT INTO {WORDS} (rowid, text)
SELECT id, text FROM {TABLE} WHERE text <> '' AND deleted_at IS NULL ORDER BY id
"""
SQLITE_TRIGGERS = {
    f"{WORDS}_insert": f"AFTER INSERT ON {TABLE} BEGIN {ADD}; END",
    f"{WORDS}_delete": f"AFTER DELETE ON {TABLE} BEGIN {REMOVE}; END",
    f"{WORDS}_update": f"""
        AFTER UPDATE OF text, deleted_at ON {TABLE}
        WHEN old.text <> new.text OR (old.deleted_at IS NULL) <> (new.deleted_at IS NULL)
        BEGIN {REMOVE}; {ADD}; END
    """,
}
# A longer text would not fit into a tsvector, and could not be stored at all.
POSTGRESQL = f"""
CREATE INDEX {WORDS} ON {TABLE}
USING gin (
    to_tsvector('simple', translate(left(text, 65536), '<>/.@:-_', '        '))
) WHERE deleted_at IS NULL
"""


def index(apps, schema_editor) -> None:
    remove(apps, schema_editor)
    statements = [f"CREATE INDEX {name} {what}" for name, what in WAITING.items()]
    if schema_editor.connection.vendor == "sqlite":
        triggers = SQLITE_TRIGGERS.items()
        statements += [SQLITE_TABLE, SQLITE_FILL]
        statements += [f"CREATE TRIGGER {name} {does}" for name, does in triggers]
    else:
        # The planner has to know how common a word is.
        statements += [POSTGRESQL, f"ANALYZE {TABLE}"]
    _execute(schema_editor, statements)


def remove(apps, schema_editor) -> None:
    statements = [f"DROP INDEX IF EXISTS {name}" for name in WAITING]
    if schema_editor.connection.vendor == "sqlite":
        statements += [f"DROP TRIGGER IF EXISTS {name}" for name in SQLITE_TRIGGERS]
        statements += [f"DROP TABLE IF EXISTS {WORDS}"]
    else:
        statements += [f"DROP INDEX IF EXISTS {WORDS}"]
    _execute(schema_editor, statements)


def _execute(schema_editor, statements: list[str]) -> None:
    for statement in statements:
        schema_editor.execute(statement, params=None)


class Migration(migrations.Migration):
    dependencies = [("conversations", "0003_pages")]
    operations = [migrations.RunPython(index, remove)]
