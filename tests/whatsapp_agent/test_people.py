"""Who manages people must not become more than they are."""

import pytest
from django.contrib.admin.models import CHANGE, DELETION, LogEntry
from django.contrib.auth.models import Group, Permission, User
from django.urls import reverse

from tests.factories import make_conversation

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("roles")]


@pytest.fixture
def admin():
    """In the role that manages people, and no superuser."""
    person = User.objects.create_user("ada", password="old-secret-1", is_staff=True)
    person.groups.add(Group.objects.get(name="admin"))
    return person


@pytest.fixture
def as_admin(client, admin):
    client.force_login(admin)
    return client


@pytest.fixture
def root():
    return User.objects.create_superuser("root", password="old-secret-1")


@pytest.fixture
def above():
    """A group that may do what the admin role may not."""
    group = Group.objects.create(name="above")
    group.permissions.add(Permission.objects.get(codename="delete_conversation"))
    return group


def page(row: User | Group, kind: str = "change") -> str:
    return reverse(f"admin:auth_{row._meta.model_name}_{kind}", args=[row.pk])


def person_form(person: User, **fields: object) -> dict:
    return {
        "username": person.username,
        "is_active": "on",
        "is_staff": "on",
        "groups": [group.pk for group in person.groups.all()],
        **fields,
    }


class TestAnAdmin:
    def test_adds_people(self, as_admin):
        fields = {
            "username": "new",
            "usable_password": "true",
            "password1": "a-long-secret-1",
            "password2": "a-long-secret-1",
        }

        as_admin.post(reverse("admin:auth_user_add"), fields)

        assert not User.objects.get(username="new").is_superuser

    def test_puts_people_into_roles(self, as_admin):
        person = User.objects.create_user("sam")
        operators = Group.objects.get(name="operator")

        as_admin.post(page(person), person_form(person, groups=[operators.pk]))

        assert list(person.groups.all()) == [operators]

    def test_sets_the_password_of_an_equal(self, as_admin):
        person = User.objects.create_user("sam")
        person.groups.add(Group.objects.get(name="admin"))

        assert as_admin.get(page(person, "password_change")).status_code == 200

    def test_cannot_become_superuser(self, as_admin, admin):
        as_admin.post(page(admin), person_form(admin, is_superuser="on"))

        admin.refresh_from_db()
        assert not admin.is_superuser

    def test_cannot_make_a_superuser(self, as_admin):
        person = User.objects.create_user("sam")

        as_admin.post(page(person), person_form(person, is_superuser="on"))

        person.refresh_from_db()
        assert person.is_staff
        assert not person.is_superuser

    def test_cannot_hand_out_single_permissions(self, as_admin):
        person = User.objects.create_user("sam")
        permission = Permission.objects.get(codename="delete_conversation")

        as_admin.post(
            page(person), person_form(person, user_permissions=[permission.pk])
        )

        assert not person.user_permissions.exists()

    def test_cannot_join_a_group_that_may_do_more(self, as_admin, admin, above):
        as_admin.post(page(admin), person_form(admin, groups=[above.pk]))

        assert above not in admin.groups.all()

    @pytest.mark.parametrize("kind", ["change", "delete"])
    def test_cannot_touch_a_superuser(self, as_admin, root, kind):
        response = as_admin.post(page(root, kind), {"post": "yes"})

        assert response.status_code == 403
        assert User.objects.filter(username="root").exists()

    def test_cannot_set_a_superusers_password(self, as_admin, root):
        url = page(root, "password_change")
        secret = {"password1": "a-long-secret-1", "password2": "a-long-secret-1"}

        assert as_admin.get(url).status_code == 403
        assert as_admin.post(url, secret).status_code == 403
        root.refresh_from_db()
        assert root.check_password("old-secret-1")

    def test_cannot_delete_a_superuser_from_the_list(self, as_admin, root):
        chosen = {
            "action": "delete_selected",
            "_selected_action": root.pk,
            "post": "yes",
        }

        as_admin.post(reverse("admin:auth_user_changelist"), chosen)

        assert User.objects.filter(username="root").exists()

    @pytest.mark.parametrize("is_active", [True, False])
    def test_cannot_take_the_place_of_somebody_who_may_do_more(
        self, as_admin, above, is_active
    ):
        person = User.objects.create_user("sam", is_active=is_active)
        person.groups.add(above)

        assert as_admin.get(page(person, "password_change")).status_code == 403

    def test_cannot_give_a_group_what_they_do_not_have(self, as_admin):
        viewers = Group.objects.get(name="viewer")
        held = list(viewers.permissions.values_list("pk", flat=True))
        more = Permission.objects.get(codename="delete_conversation")

        as_admin.post(
            page(viewers), {"name": "viewer", "permissions": [*held, more.pk]}
        )

        assert more not in viewers.permissions.all()

    def test_cannot_change_a_group_that_may_do_more(self, as_admin, above):
        assert as_admin.post(page(above), {"name": "mine"}).status_code == 403

    def test_changes_a_group_that_may_do_less(self, as_admin):
        viewers = Group.objects.get(name="viewer")
        permission = Permission.objects.get(codename="view_message")

        as_admin.post(page(viewers), {"name": "looker", "permissions": permission.pk})

        viewers.refresh_from_db()
        assert viewers.name == "looker"


class TestASuperuser:
    def test_makes_others_superusers(self, admin_client):
        person = User.objects.create_user("sam")

        admin_client.post(page(person), person_form(person, is_superuser="on"))

        person.refresh_from_db()
        assert person.is_superuser

    def test_hands_out_any_group(self, admin_client, above):
        person = User.objects.create_user("sam")

        admin_client.post(page(person), person_form(person, groups=[above.pk]))

        assert list(person.groups.all()) == [above]


class TestAuditLog:
    LIST = "/admin/admin/logentry/"

    @pytest.fixture
    def conversation(self, admin_user):
        conversation = make_conversation(name="Club")
        LogEntry.objects.log_actions(admin_user.pk, [conversation], CHANGE, "Paused.")
        return conversation

    def test_tells_who_did_what_to_what(self, admin_client, conversation):
        text = admin_client.get(self.LIST).text

        assert "Paused." in text
        assert f"/conversations/conversation/{conversation.pk}/change/" in text
        assert ">admin<" in text

    def test_leads_nowhere_from_what_was_deleted(self, admin_client, conversation):
        LogEntry.objects.update(action_flag=DELETION)

        text = admin_client.get(self.LIST).text

        assert f"/conversations/conversation/{conversation.pk}/" not in text

    def test_can_be_narrowed_to_a_time_and_an_action(self, admin_client, conversation):
        query = {"since": "day", "action_flag__exact": DELETION}

        assert "Paused." in admin_client.get(self.LIST, {"since": "day"}).text
        assert "Paused." not in admin_client.get(self.LIST, query).text

    def test_is_for_those_who_may_read_it(self, client, as_admin):
        assert as_admin.get(self.LIST).status_code == 200
        viewer = User.objects.create_user("vic", is_staff=True)
        viewer.groups.add(Group.objects.get(name="viewer"))
        client.force_login(viewer)
        assert client.get(self.LIST).status_code == 403

    def test_costs_as_many_queries_with_many_rows_as_with_one(
        self, admin_client, admin_user, conversation, django_assert_num_queries
    ):
        with django_assert_num_queries(5) as one:
            admin_client.get(self.LIST)
        many = [conversation] * 30
        LogEntry.objects.log_actions(admin_user.pk, many, CHANGE, "Resumed.")

        with django_assert_num_queries(len(one.captured_queries)):
            admin_client.get(self.LIST)
