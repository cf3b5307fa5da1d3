"""Everybody on staff reads the operator's texts; admins write them."""

from django.contrib.auth.management import create_permissions
from django.db import migrations

GIVEN = {
    "view_knowledgetext": ("viewer", "operator", "admin"),
    "add_knowledgetext": ("admin",),
    "change_knowledgetext": ("admin",),
    "delete_knowledgetext": ("admin",),
}


def give(apps, schema_editor) -> None:
    # Django makes permissions only after the last migration.
    app = apps.get_app_config("conversations")
    app.models_module = True
    create_permissions(app, apps=apps, verbosity=0)
    app.models_module = None
    give_permissions(apps)


def give_permissions(apps) -> None:
    for codename, roles in GIVEN.items():
        permission = apps.get_model("auth", "Permission").objects.get(
            content_type__app_label="conversations", codename=codename
        )
        for group in apps.get_model("auth", "Group").objects.filter(name__in=roles):
            group.permissions.add(permission)


class Migration(migrations.Migration):
    dependencies = [
        ("conversations", "0009_knowledge"),
        ("whatsapp_agent", "0004_label_permissions"),
    ]
    operations = [migrations.RunPython(give, migrations.RunPython.noop)]
