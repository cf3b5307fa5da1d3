from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('conversations', '0004_search'),
        ('llm', '0002_pages'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='decision',
            index=models.Index(condition=models.Q(('p__isnull', False), ('source', 'model'), ('step', 'relevance')), fields=['created_at', 'p'], name='judged_decisions'),
        ),
    ]
