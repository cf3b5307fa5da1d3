import pytest
from django.contrib.auth.models import Group
from django.db import IntegrityError

from llm.models import Decision, Label
from tests.factories import make_conversation

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("role", "may_give"), [("viewer", False), ("operator", True), ("admin", True)]
)
def test_roles_say_who_labels(roles, role, may_give):
    codenames = Group.objects.get(name=role).permissions.values_list("codename")

    assert ("view_label",) in codenames
    assert (("add_label",) in codenames) is may_give


def test_one_person_labels_a_decision_once_for_each_origin(admin_user):
    decision = Decision.objects.create(
        conversation=make_conversation(is_group=True), step="relevance", source="model"
    )
    labels = {"decision": decision, "rater": admin_user, "verdict": "wanted"}
    Label.objects.create(**labels, origin="queue")
    Label.objects.create(**labels, origin="correction")

    with pytest.raises(IntegrityError):
        Label.objects.create(**labels, origin="queue")
