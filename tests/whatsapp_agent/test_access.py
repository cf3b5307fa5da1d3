"""Who may open what: each address of the admin, asked for by each kind of visitor.

The addresses are the site's own. One that the tables below do not name makes a test
fail: say who may open it.
"""

from enum import IntEnum

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.http import HttpResponse
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext
from django.urls import path, reverse

from bench.pages.addresses import Address, addresses
from conversations.models import KnowledgeVersion, MediaFile
from llm.models import Decision
from tests.whatsapp_agent.everything import make_everything, row_of
from whatsapp_agent.api import api

with override_settings(SANDBOX=True):
    urlpatterns = [path("admin/", admin.site.urls), path("api/", api.urls)]
    ADDRESSES = list(addresses())

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.urls(__name__),
    pytest.mark.usefixtures("roles"),
]


class Visitor(IntEnum):
    """Each may do what those before may do."""

    STRANGER = 0  # not signed in
    MEMBER = 1  # signed in, but not staff
    VIEWER = 2
    OPERATOR = 3
    ADMIN = 4
    SUPERUSER = 5
    NOBODY = 6


STRANGER, MEMBER, VIEWER, OPERATOR, ADMIN, SUPERUSER, NOBODY = Visitor
VISITORS = [STRANGER, MEMBER, VIEWER, OPERATOR, ADMIN]
NEW = "say in tests/whatsapp_agent/test_access.py who may open"

# Who may look at, add, change and delete rows of a model.
MODELS = {
    "admin.LogEntry": (ADMIN, NOBODY, NOBODY, NOBODY),
    "auth.Group": (ADMIN, ADMIN, ADMIN, ADMIN),
    "auth.User": (ADMIN, ADMIN, ADMIN, ADMIN),
    "conversations.AgentSettings": (VIEWER, NOBODY, ADMIN, NOBODY),
    "conversations.Contact": (VIEWER, NOBODY, ADMIN, NOBODY),
    "conversations.Conversation": (VIEWER, NOBODY, ADMIN, NOBODY),
    "conversations.KnowledgeText": (VIEWER, ADMIN, ADMIN, ADMIN),
    "conversations.Message": (VIEWER, NOBODY, NOBODY, NOBODY),
    "conversations.SettingsChange": (VIEWER, NOBODY, NOBODY, NOBODY),
    "conversations.Worker": (VIEWER, NOBODY, NOBODY, NOBODY),
    "django_q.Failure": (VIEWER, NOBODY, NOBODY, ADMIN),
    "django_q.OrmQ": (VIEWER, NOBODY, NOBODY, ADMIN),
    "django_q.Success": (VIEWER, NOBODY, NOBODY, ADMIN),
    "evolution.Instance": (VIEWER, ADMIN, ADMIN, ADMIN),
    "evolution.MissedSearch": (VIEWER, NOBODY, NOBODY, NOBODY),
    "evolution.Silence": (VIEWER, NOBODY, NOBODY, NOBODY),
    "evolution.RefusedWebhook": (VIEWER, NOBODY, NOBODY, ADMIN),
    "evolution.UnreadableEvent": (VIEWER, NOBODY, NOBODY, ADMIN),
    "llm.Decision": (VIEWER, NOBODY, NOBODY, NOBODY),
    "llm.Replay": (VIEWER, NOBODY, NOBODY, NOBODY),
    "llm.Label": (VIEWER, NOBODY, NOBODY, NOBODY),
}
# Who may open (GET) and send something to (POST) the pages that a model's list has
# anyway: which of its four columns tells it.
LOOK, ADD, CHANGE, DELETE = range(4)
OF_EACH_MODEL = {
    "changelist": (LOOK, LOOK),
    "add": (ADD, ADD),
    "change": (LOOK, CHANGE),
    "delete": (DELETE, DELETE),
    "history": (LOOK, LOOK),
}
# The same for each other page. NOBODY: the address does not answer that method.
OTHERS = {
    "index": (VIEWER, VIEWER),
    "home_live": (VIEWER, VIEWER),
    "setup_bridge": (NOBODY, ADMIN),
    "setup_webhook": (NOBODY, ADMIN),
    "setup_model": (NOBODY, ADMIN),
    "login": (STRANGER, STRANGER),
    "logout": (STRANGER, STRANGER),
    "password_change": (VIEWER, VIEWER),
    "password_change_done": (VIEWER, VIEWER),
    "autocomplete": (NOBODY, NOBODY),  # no form of ours asks it
    "jsi18n": (VIEWER, VIEWER),
    "view_on_site": (VIEWER, VIEWER),
    "app_list": (VIEWER, VIEWER),
    "<url>": (VIEWER, VIEWER),
    "lab": (VIEWER, VIEWER),
    "lab_apply": (ADMIN, ADMIN),
    "lab_undo": (NOBODY, ADMIN),
    "architecture": (VIEWER, VIEWER),
    "architecture_live": (VIEWER, VIEWER),
    "label_queue": (OPERATOR, OPERATOR),
    "more": (VIEWER, VIEWER),
    "status": (VIEWER, VIEWER),
    "auth_user_password_change": (ADMIN, ADMIN),
    "conversations_conversation_steer": (NOBODY, OPERATOR),
    "conversations_conversation_correct": (NOBODY, OPERATOR),
    "conversations_conversation_read": (NOBODY, OPERATOR),
    "conversations_conversation_list": (VIEWER, NOBODY),
    "conversations_conversation_live": (VIEWER, NOBODY),
    "conversations_conversation_older": (VIEWER, NOBODY),
    "conversations_conversation_beside": (VIEWER, NOBODY),
    "conversations_conversation_prompt": (OPERATOR, NOBODY),
    "conversations_conversation_file": (VIEWER, NOBODY),
    "conversations_contact_forget": (ADMIN, ADMIN),
    "conversations_knowledgetext_preview": (NOBODY, ADMIN),
    "conversations_knowledgetext_restore": (NOBODY, ADMIN),
    "conversations_knowledgetext_try": (VIEWER, NOBODY),
    "conversations_knowledgetext_version": (VIEWER, NOBODY),
    "conversations_knowledgetext_versions": (VIEWER, NOBODY),
    "conversations_settingschange_undo": (NOBODY, ADMIN),
    "evolution_instance_bridge": (NOBODY, ADMIN),
    "evolution_instance_live": (VIEWER, NOBODY),
    "evolution_instance_missed": (VIEWER, NOBODY),
    "evolution_instance_search": (NOBODY, OPERATOR),
    "evolution_unreadableevent_replay": (NOBODY, OPERATOR),
    "llm_decision_export": (VIEWER, NOBODY),
    "llm_replay_new": (ADMIN, ADMIN),
    "llm_replay_steer": (NOBODY, ADMIN),
    "llm_replay_label": (OPERATOR, OPERATOR),
    "llm_replay_adopt": (NOBODY, ADMIN),
    "llm_replay_rollback": (NOBODY, ADMIN),
    "sandbox_phone": (ADMIN, NOBODY),
    "sandbox_phone_chat": (ADMIN, NOBODY),
    "sandbox_send": (NOBODY, ADMIN),
    "sandbox_react": (NOBODY, ADMIN),
    "sandbox_delete": (NOBODY, ADMIN),
    "sandbox_scan": (NOBODY, ADMIN),
    "sandbox_unlink": (NOBODY, ADMIN),
    "sandbox_silence": (NOBODY, ADMIN),
    "sandbox_add_person": (NOBODY, ADMIN),
    "sandbox_add_group": (NOBODY, ADMIN),
}
# Who may choose what in the menu over a list.
ACTIONS = {
    "conversations.Conversation": {
        "pause": OPERATOR,
        "resume": OPERATOR,
        "set_live": ADMIN,
        "set_draft": ADMIN,
        "set_shadow": ADMIN,
        "set_off": ADMIN,
    },
    "django_q.Failure": {"try_again": ADMIN},
    "evolution.UnreadableEvent": {"replay": OPERATOR},
    "llm.Decision": {
        "export_chosen": VIEWER,
        "export_chosen_with_prompts": OPERATOR,
    },
}
# What those get who may: a page, unless it stands here.
ANSWERS = {
    "<url>": {404},
    "logout": {302, 405},  # only with POST; those who are out already go home
    "sandbox_phone_chat": {503},  # the bridge is not running
    "view_on_site": {404},
}
ARGUMENTS = {"app_label": "conversations", "url": "nowhere"}
KEYS = {"object_id", "pk", "id"}


@pytest.fixture(autouse=True)
def _sandbox_without_bridge(settings):
    settings.SANDBOX = True
    settings.EVOLUTION_URL = "http://127.0.0.1:9"


@pytest.fixture
def data() -> None:
    make_everything()
    # Found before the queries are counted.
    ContentType.objects.get_for_models(*admin.site._registry)


@pytest.fixture
def clients(data) -> dict[Visitor, Client]:
    found = {visitor: Client(raise_request_exception=False) for visitor in VISITORS}
    for visitor in VISITORS[1:]:
        user = User.objects.create_user(visitor.name, is_staff=visitor >= VIEWER)
        if user.is_staff:
            user.groups.add(Group.objects.get(name=visitor.name.lower()))
        found[visitor].force_login(user)
    return found


def least(address: Address) -> tuple[Visitor, Visitor]:
    """Who may open it, and who may send something to it."""
    if str(address) in OTHERS:
        return OTHERS[str(address)]
    assert address.model, f"{NEW} {address}"
    label = address.model._meta.label
    assert label in MODELS, f"{NEW} {label}"
    if not address.name:  # an old address, which leads to the page of the row
        return VIEWER, VIEWER
    assert address.view in OF_EACH_MODEL, f"{NEW} {address}"
    get, post = OF_EACH_MODEL[address.view]
    return MODELS[label][get], MODELS[label][post]


def url(address: Address) -> str:
    values = dict(ARGUMENTS)
    for argument in address.arguments:
        if argument in KEYS:
            values[argument] = row_of(address.model).pk if address.model else 1
        elif argument == "message":
            values[argument] = row_of(MediaFile).message_id
        elif argument == "decision":
            values[argument] = row_of(Decision).pk
        elif argument == "version":
            values[argument] = row_of(KnowledgeVersion).pk
        elif argument == "content_type_id":
            values[argument] = ContentType.objects.get_for_model(User).pk
    missing = set(address.arguments) - values.keys()
    assert not missing, f"say what {address} takes as {missing}"
    return address.url(**values)


def is_refused(response: HttpResponse) -> bool:
    if response.status_code == 302:
        return response["Location"].startswith(reverse("admin:login"))
    return response.status_code in (403, 405)


def changes(queries: CaptureQueriesContext) -> list[str]:
    """What was written, but for what signing in and visiting always write."""
    return [
        query["sql"]
        for query in queries
        if query["sql"].lstrip("( ").upper().startswith(("INSERT", "UPDATE", "DELETE"))
        and "django_session" not in query["sql"]
        and '"last_login"' not in query["sql"]
    ]


def each(found: list[Address]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("address", found, ids=str)


@each(ADDRESSES)
def test_opens_for_those_who_may_and_changes_nothing(clients, address):
    may_open, _ = least(address)

    for visitor, client in clients.items():
        with CaptureQueriesContext(connection) as queries:
            response = client.get(url(address))

        assert changes(queries) == [], visitor.name
        if visitor < may_open:
            assert is_refused(response), (visitor.name, response.status_code)
        elif str(address) in ANSWERS:
            assert response.status_code in ANSWERS[str(address)], visitor.name
        else:
            assert not is_refused(response), (visitor.name, response.status_code)
            assert response.status_code in (200, 204, 302), visitor.name


@each(ADDRESSES)
def test_takes_nothing_from_those_who_may_not_act(clients, address):
    may_open, may_send = least(address)

    for visitor, client in clients.items():
        if visitor >= may_send:
            continue
        with CaptureQueriesContext(connection) as queries:
            response = client.post(url(address))

        # A page that takes nothing may be shown again instead.
        is_shown = visitor >= may_open and response.status_code == 200
        assert is_shown or is_refused(response), (visitor.name, response.status_code)
        assert changes(queries) == [], visitor.name


CUSTOM = [a for a in ADDRESSES if OTHERS.get(str(a), (STRANGER,))[0] == NOBODY]


@each(CUSTOM)
def test_lets_those_act_who_may(clients, address):
    _, may_act = least(address)

    for visitor, client in clients.items():
        if visitor >= may_act:
            response = client.post(url(address))
            assert not is_refused(response), (visitor.name, response.status_code)


@pytest.mark.parametrize(
    ("model", "action"),
    [
        (model, name)
        for model, model_admin in admin.site._registry.items()
        for _, name, _ in model_admin._get_base_actions()
    ],
    ids=lambda value: value if isinstance(value, str) else value._meta.label,
)
def test_actions_over_a_list_are_for_those_who_may(clients, model, action):
    label = model._meta.label
    may_act = ACTIONS.get(label, {}).get(action)
    if action == "delete_selected":
        may_act = MODELS[label][DELETE]
    assert may_act is not None, f"{NEW} {action} of {label}"
    page = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    chosen = {"action": action, "_selected_action": row_of(model).pk, "post": "yes"}

    for visitor, client in clients.items():
        if visitor < may_act:
            with CaptureQueriesContext(connection) as queries:
                client.post(page, chosen)
            assert changes(queries) == [], visitor.name
