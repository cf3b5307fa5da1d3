"""The models name the indexes that 0004 made, so that Django keeps them with the table."""

from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [("conversations", "0005_prune")]
    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.AddIndex(
                    "message",
                    models.Index(
                        fields=["conversation"],
                        condition=Q(status=status),
                        name=f"{status}_messages",
                    ),
                )
                for status in ("draft", "failed")
            ]
        )
    ]
