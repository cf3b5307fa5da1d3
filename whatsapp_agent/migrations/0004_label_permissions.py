"""Viewers see labels, operators and admins give them."""

from django.contrib.auth.management import create_permissions
from django.db import migrations

GIVEN = {
    "view_label": ("viewer", "operator", "admin"),
    "add_label": ("operator", "admin"),
}


def give(apps, schema_editor) -> None:
    # Django makes permissions only after the last migration.
    app = apps.get_app_config("llm")
    app.models_module = True
    create_permissions(app, apps=apps, verbosity=0)
    app.models_module = None
    give_permissions(apps)


def give_permissions(apps) -> None:
    for codename, roles in GIVEN.items():
        permission = apps.get_model("auth", "Permission").objects.get(
            content_type__app_label="llm", codename=codename
        )
        for group in apps.get_model("auth", "Group").objects.filter(name__in=roles):
            group.permissions.add(permission)


class Migration(migrations.Migration):
    dependencies = [("llm", "0005_label"), ("whatsapp_agent", "0003_api_tokens")]
    operations = [migrations.RunPython(give, migrations.RunPython.noop)]
