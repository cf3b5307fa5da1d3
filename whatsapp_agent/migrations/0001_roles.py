"""Three groups to put staff in: viewers read, operators act, admins decide."""

from django.contrib.auth.management import create_permissions
from django.db import migrations

VIEWER = """
conversations.view_agentsettings conversations.view_contact
conversations.view_conversation conversations.view_message
conversations.view_settingschange conversations.view_worker
django_q.view_failure django_q.view_ormq django_q.view_success
evolution.view_instance evolution.view_refusedwebhook evolution.view_unreadableevent
llm.view_decision
""".split()
OPERATOR = """
conversations.steer_conversation evolution.change_unreadableevent llm.view_prompt
""".split()
ADMIN = """
admin.view_logentry
auth.add_group auth.change_group auth.delete_group auth.view_group
auth.add_user auth.change_user auth.delete_user auth.view_user
conversations.change_agentsettings conversations.change_contact
conversations.change_conversation
django_q.delete_failure django_q.delete_ormq django_q.delete_success
evolution.add_instance evolution.change_instance evolution.delete_instance
evolution.delete_refusedwebhook evolution.delete_unreadableevent
""".split()
ROLES = {
    "viewer": VIEWER,
    "operator": VIEWER + OPERATOR,
    "admin": VIEWER + OPERATOR + ADMIN,
}


def make(apps, schema_editor) -> None:
    _make_permissions(apps)
    make_roles(apps)


def make_roles(apps) -> None:
    permissions = {
        f"{one.content_type.app_label}.{one.codename}": one
        for one in apps.get_model("auth", "Permission").objects.select_related(
            "content_type"
        )
    }
    for name, wanted in ROLES.items():
        group, _ = apps.get_model("auth", "Group").objects.get_or_create(name=name)
        group.permissions.add(*(permissions[one] for one in wanted))


def _make_permissions(apps) -> None:
    """Django makes them only after the last migration."""
    for label in {one.split(".")[0] for one in ADMIN + OPERATOR + VIEWER}:
        app = apps.get_app_config(label)
        app.models_module = True
        create_permissions(app, apps=apps, verbosity=0)
        app.models_module = None


class Migration(migrations.Migration):
    dependencies = [
        ("admin", "0003_logentry_add_action_flag_choices"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
        ("conversations", "0003_pages"),
        ("django_q", "0018_task_success_index"),
        ("evolution", "0001_initial"),
        ("llm", "0002_pages"),
    ]
    # Who undoes this keeps the groups: there may be people in them.
    operations = [migrations.RunPython(make, migrations.RunPython.noop)]
