from importlib import import_module

import pytest
from django.apps import apps
from django.contrib.auth.models import Group


@pytest.fixture(autouse=True)
def _no_collected_static_files(settings):
    settings.WHITENOISE_AUTOREFRESH = True


@pytest.fixture
def roles(db) -> None:
    """A test that empties the database empties it of what migrations put there."""
    if not Group.objects.filter(name="admin").exists():
        import_module("whatsapp_agent.migrations.0001_roles").make_roles(apps)
