
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('conversations', '0004_search'),
    ]

    operations = [
        migrations.CreateModel(
            name='Pruning',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(max_length=20, unique=True)),
                ('position', models.BigIntegerField(default=0)),
                ('deleted', models.PositiveBigIntegerField(default=0)),
                ('started_at', models.DateTimeField(null=True)),
                ('seen_at', models.DateTimeField(null=True)),
                ('finished_at', models.DateTimeField(null=True)),
            ],
        ),
        migrations.AddField(
            model_name='agentsettings',
            name='keep_prompts',
            field=models.PositiveIntegerField(blank=True, default=90, null=True),
        ),
        migrations.AddField(
            model_name='agentsettings',
            name='keep_tasks',
            field=models.PositiveIntegerField(blank=True, default=30, null=True),
        ),
        migrations.AddField(
            model_name='agentsettings',
            name='keep_texts',
            field=models.PositiveIntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='agentsettings',
            name='keep_webhooks',
            field=models.PositiveIntegerField(blank=True, default=90, null=True),
        ),
        migrations.AddField(
            model_name='message',
            name='pruned_at',
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
    ]
