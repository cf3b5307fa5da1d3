"""What every reply asks must cost the same however long its conversation is."""

import pytest
from django.db import connection

from conversations import delivery, outbox, pipeline

pytestmark = [pytest.mark.sqlite, pytest.mark.django_db]

MESSAGES = "SELECT * FROM conversations_message WHERE"


def plan(sql: str, *values: object) -> str:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {sql}", values)
        return " ".join(row[3] for row in cursor.fetchall())


@pytest.mark.parametrize(
    ("sql", "values", "index"),
    [
        pytest.param(
            f"{MESSAGES} {outbox._QUOTED}",
            (1, "A"),
            "one_message_per_whatsapp_id",
            id="the quoted message",
        ),
        pytest.param(
            delivery._ECHO, (1, "A", 2), "one_message_per_whatsapp_id", id="its echo"
        ),
        pytest.param(
            f"{MESSAGES} {pipeline._PENDING}",
            (1, 200),
            "pending_messages",
            id="what waits",
        ),
        pytest.param(
            delivery._OTHER_PART,
            (1, 2),
            "outbox_messages",
            id="another part of a reply",
        ),
    ],
)
def test_finds_by_an_index_of_its_own(sql, values, index):
    told = plan(sql, *values)

    assert index in told
    assert "chronological" not in told
    assert "SCAN" not in told
