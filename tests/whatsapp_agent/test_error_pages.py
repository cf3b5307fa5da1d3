import pytest
from django.test import Client
from django.urls import reverse

pytestmark = pytest.mark.django_db


def test_a_closed_page_says_so_and_lets_people_out(staff):
    client = staff()

    response = client.get(reverse("admin:conversations_conversation_changelist"))

    assert response.status_code == 403
    assert "member, your role does not open this page" in response.text
    assert f'action="{reverse("admin:logout")}"' in response.text
    assert client.post(reverse("admin:logout")).status_code == 200


def test_a_page_that_is_not_there_leads_home(client):
    response = client.get("/nowhere")

    assert response.status_code == 404
    assert f'href="{reverse("admin:index")}"' in response.text


def test_a_fault_is_no_blank_page(settings, staff, monkeypatch):
    def fail(request):
        raise ZeroDivisionError

    monkeypatch.setattr("whatsapp_agent.more.sections", fail)
    client = Client(raise_request_exception=False)
    client.cookies = staff().cookies

    response = client.get(reverse("admin:more"))

    assert response.status_code == 500
    assert "it is in the log" in response.text


def test_a_browser_finds_the_icon_where_it_always_looks(client):
    response = client.get("/favicon.ico")

    assert response.status_code == 302
    assert response.url.endswith("icon.svg")
