
from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('llm', '0001_initial'),
    ]

    operations = [
        migrations.AlterModelOptions(
            name='decision',
            options={'permissions': [('view_prompt', 'Can read prompts and raw answers')]},
        ),
    ]
