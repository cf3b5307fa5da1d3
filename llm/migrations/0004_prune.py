
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('llm', '0003_judged'),
    ]

    operations = [
        migrations.AddField(
            model_name='decision',
            name='pruned_at',
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
    ]
