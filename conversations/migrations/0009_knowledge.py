"""Texts of the operator's with their versions, and an index of the words of their passages.

Only passages of current versions are in it; the database keeps it. Whoever changes the
table of passages on SQLite so that Django builds it anew ends that migration with `index`.
"""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

TABLE = "conversations_knowledgepassage"
WORDS = "conversations_knowledge_words"
VOCABULARY = "conversations_knowledge_vocabulary"
ADD = f"INSERT INTO {WORDS} (rowid, words) SELECT new.id, new.words WHERE new.is_current"
REMOVE = f"""
INSERT INTO {WORDS} ({WORDS}, rowid, words)
SELECT 'delete', old.id, old.words WHERE old.is_current
"""
SQLITE = [
    f"""
    CREATE VIRTUAL TABLE {WORDS} USING fts5(
        words, content='',
        tokenize="unicode61 remove_diacritics 2 categories 'L* N* M* Co'"
    )""",
    f"CREATE VIRTUAL TABLE {VOCABULARY} USING fts5vocab({WORDS}, row)",
    f"INSERT INTO {WORDS} (rowid, words) SELECT id, words FROM {TABLE} WHERE is_current",
    f"CREATE TRIGGER {WORDS}_insert AFTER INSERT ON {TABLE} BEGIN {ADD}; END",
    f"CREATE TRIGGER {WORDS}_delete AFTER DELETE ON {TABLE} BEGIN {REMOVE}; END",
    f"""CREATE TRIGGER {WORDS}_update AFTER UPDATE OF is_current, words ON {TABLE}
    BEGIN {REMOVE}; {ADD}; END""",
]
# The words are cut already: no parser and no dictionary of PostgreSQL's has a say. As a
# column: made anew for each row that is looked at, it would take longer than all the rest.
POSTGRESQL = [
    f"""
    ALTER TABLE {TABLE} ADD COLUMN lexemes tsvector
    GENERATED ALWAYS AS (array_to_tsvector(string_to_array(words, ' '))) STORED""",
    f"CREATE INDEX {WORDS} ON {TABLE} USING gin (lexemes)"
    " WITH (fastupdate = off) WHERE is_current",
]


def index(apps, schema_editor) -> None:
    remove(apps, schema_editor)
    is_sqlite = schema_editor.connection.vendor == "sqlite"
    for statement in SQLITE if is_sqlite else POSTGRESQL:
        schema_editor.execute(statement, params=None)


def remove(apps, schema_editor) -> None:
    if schema_editor.connection.vendor == "sqlite":
        statements = [
            *(f"DROP TRIGGER IF EXISTS {WORDS}_{on}" for on in ("insert", "delete")),
            f"DROP TRIGGER IF EXISTS {WORDS}_update",
            f"DROP TABLE IF EXISTS {VOCABULARY}",
            f"DROP TABLE IF EXISTS {WORDS}",
        ]
    else:
        statements = [
            f"DROP INDEX IF EXISTS {WORDS}",
            f"ALTER TABLE {TABLE} DROP COLUMN IF EXISTS lexemes",
        ]
    for statement in statements:
        schema_editor.execute(statement, params=None)


class Migration(migrations.Migration):

    dependencies = [
        ("conversations", "0008_media"),
        ("llm", "0006_replays"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="KnowledgeText",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("title", models.CharField(max_length=120, verbose_name="title")),
                ("title_key", models.CharField(editable=False, max_length=240)),
                ("instance", models.CharField(blank=True, max_length=100, verbose_name="only in this instance")),
                ("reach", models.PositiveSmallIntegerField(choices=[(0, "everywhere"), (1, "one instance"), (2, "one conversation")], editable=False)),
                ("use", models.CharField(choices=[("always", "Given with every reply"), ("searched", "Searched for what fits the question")], default="searched", max_length=10, verbose_name="use")),
                ("is_on", models.BooleanField(default=True, verbose_name="is on")),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("changed_at", models.DateTimeField(auto_now=True, verbose_name="changed at")),
                ("conversation", models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name="knowledge", to="conversations.conversation", verbose_name="only in this conversation")),
            ],
            options={
                "verbose_name": "text",
                "verbose_name_plural": "texts",
            },
        ),
        migrations.CreateModel(
            name="KnowledgeVersion",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("number", models.PositiveIntegerField()),
                ("title", models.CharField(max_length=120)),
                ("body", models.TextField()),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("restores", models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to="conversations.knowledgeversion")),
                ("staff", models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to=settings.AUTH_USER_MODEL)),
                ("text", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="versions", to="conversations.knowledgetext")),
            ],
            options={
                "verbose_name": "version",
                "verbose_name_plural": "versions",
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="KnowledgePassage",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("version", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="passages", to="conversations.knowledgeversion")),
                ("number", models.PositiveIntegerField()),
                ("heading", models.CharField(blank=True, max_length=300)),
                ("text", models.TextField()),
                ("words", models.TextField()),
                ("is_current", models.BooleanField(default=True)),
            ],
            options={
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="KnowledgeUse",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("title", models.CharField(max_length=120)),
                ("number", models.PositiveIntegerField()),
                ("part", models.PositiveIntegerField(null=True)),
                ("decision", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="knowledge", to="llm.decision")),
                ("passage", models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to="conversations.knowledgepassage")),
                ("version", models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to="conversations.knowledgeversion")),
            ],
            options={
                "default_permissions": (),
            },
        ),
        migrations.AddField(
            model_name="agentsettings",
            name="knowledge_characters",
            field=models.PositiveIntegerField(default=3000, help_text="All passages for one reply together."),
        ),
        migrations.AddField(
            model_name="agentsettings",
            name="knowledge_passages",
            field=models.PositiveIntegerField(default=4, help_text="Passages of the searched texts for one reply."),
        ),
        migrations.AddField(
            model_name="agentsettings",
            name="knowledge_topics",
            field=models.BooleanField(default=False, help_text="The judging step is told the titles of the texts."),
        ),
        migrations.AddIndex(
            model_name="knowledgetext",
            index=models.Index(fields=["is_on"], name="texts_that_are_on"),
        ),
        migrations.AddConstraint(
            model_name="knowledgetext",
            constraint=models.UniqueConstraint(condition=models.Q(("conversation", None)), fields=("title_key", "instance"), name="one_text_of_a_title"),
        ),
        migrations.AddConstraint(
            model_name="knowledgetext",
            constraint=models.UniqueConstraint(condition=models.Q(("conversation__isnull", False)), fields=("title_key", "conversation"), name="one_text_of_a_title_here"),
        ),
        migrations.AddConstraint(
            model_name="knowledgeversion",
            constraint=models.UniqueConstraint(fields=("text", "number"), name="one_version_of_a_number"),
        ),
        migrations.AddIndex(
            model_name="knowledgepassage",
            index=models.Index(condition=models.Q(("is_current", True)), fields=["version"], name="current_passages"),
        ),
        migrations.AddConstraint(
            model_name="knowledgepassage",
            constraint=models.UniqueConstraint(fields=("version", "number"), name="one_passage_of_a_number"),
        ),
        migrations.RunPython(index, remove),
    ]
