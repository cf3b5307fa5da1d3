import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.urls import reverse

from whatsapp_agent import more

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("roles")]

MORE = "/admin/more/"


def test_leads_to_every_list(admin_client):
    text = admin_client.get(MORE).text

    for model in admin.site._registry:
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist"
        assert f'href="{reverse(name)}"' in text


def test_has_a_place_for_every_list(admin_client):
    titles = [section.title for section in admin_client.get(MORE).context["sections"]]

    assert "Others" not in titles, "sort the new list into whatsapp_agent/more.py"


def test_has_a_last_place_for_what_nobody_sorted_in():
    model = {"model": Group, "name": "Groups", "admin_url": "/groups/"}
    context = {"available_apps": [{"models": [model]}], "navigation": []}

    assert [section.title for section in more.sections(context)] == ["Pages", "Staff"]
    model["model"] = type("Odd", (), {"_meta": type("Meta", (), {"label": "odd.Odd"})})
    assert [section.title for section in more.sections(context)] == ["Pages", "Others"]


def test_leads_only_to_what_may_be_opened(client):
    viewer = User.objects.create_user("vic", is_staff=True)
    viewer.groups.add(Group.objects.get(name="viewer"))
    client.force_login(viewer)

    text = client.get(MORE).text

    assert "/conversations/message/" in text
    assert "/auth/user/" not in text


def test_lets_people_change_their_password_and_log_out(admin_client):
    text = admin_client.get(MORE).text

    assert reverse("admin:password_change") in text
    assert f'action="{reverse("admin:logout")}"' in text


def test_offers_no_change_of_a_password_that_is_not_kept_here(client):
    person = User.objects.create_user("sam", is_staff=True)  # signs in elsewhere
    client.force_login(person)

    content = client.get(MORE).text.partition('class="wa-more"')[2]

    assert reverse("admin:password_change") not in content


def test_leads_to_the_api(admin_client):
    assert f'href="{reverse("api:openapi-view")}"' in admin_client.get(MORE).text
