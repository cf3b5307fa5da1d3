"""The routes by which the phone page does what people do on their phones.

The real bridge has nothing under /sandbox/; the product never calls these.
"""

from typing import TYPE_CHECKING

from evolution.sandbox import chat_view, linking, people
from evolution.sandbox.bodies import Refused
from evolution.sandbox.messages import require
from evolution.sandbox.routes import Routes, route

if TYPE_CHECKING:
    from evolution.sandbox.bridge import Answer, Bridge, Request

ROUTES: Routes = {}


@route(ROUTES, "GET", "sandbox/overview", named=False)
def get_overview(bridge: "Bridge", request: "Request") -> "Answer":
    return 200, chat_view.overview(bridge)


@route(ROUTES, "GET", "sandbox/instances/chat")
def get_chat(bridge: "Bridge", request: "Request") -> "Answer":
    query = request.query
    return 200, chat_view.chat(
        bridge, request.instance, query.get("chat", ""), query.get("cursor", "")
    )


@route(ROUTES, "POST", "sandbox/people", named=False)
def post_person(bridge: "Bridge", request: "Request") -> "Answer":
    body = require(request.body, name=str)
    person = people.add_person(bridge, body["name"], body.get("phone", ""))
    return 201, chat_view.person_row(person)


@route(ROUTES, "POST", "sandbox/groups", named=False)
def post_group(bridge: "Bridge", request: "Request") -> "Answer":
    body = require(request.body, name=str, members=list)
    group = people.add_group(bridge, body["name"], body["members"])
    return 201, chat_view.group_row(group)


@route(ROUTES, "POST", "sandbox/instances/messages")
def post_message(bridge: "Bridge", request: "Request") -> "Answer":
    body = require(request.body, chat=str, text=str)
    options = (
        "sender",
        "quoted",
        "mention",
        "agent_names",
        "kind",
        "message_id",
        "sent_at",
        "file",
    )
    given = {key: body[key] for key in options if key in body}
    message = people.write(
        bridge, request.instance, body["chat"], body["text"], **given
    )
    return 201, {"id": message.id}


@route(ROUTES, "POST", "sandbox/instances/reactions")
def post_reaction(bridge: "Bridge", request: "Request") -> "Answer":
    body = require(request.body, id=str, emoji=str, sender=str)
    people.react(bridge, request.instance, body["id"], body["emoji"], body["sender"])
    return 201, {}


@route(ROUTES, "POST", "sandbox/instances/edits")
def post_edit(bridge: "Bridge", request: "Request") -> "Answer":
    body = require(request.body, id=str, text=str, sender=str)
    people.edit(bridge, request.instance, body["id"], body["text"], body["sender"])
    return 201, {}


@route(ROUTES, "POST", "sandbox/instances/deletions")
def post_deletion(bridge: "Bridge", request: "Request") -> "Answer":
    body = require(request.body, id=str, sender=str)
    people.delete(bridge, request.instance, body["id"], body["sender"])
    return 201, {}


@route(ROUTES, "POST", "sandbox/instances/scan")
def post_scan(bridge: "Bridge", request: "Request") -> "Answer":
    linking.scan(bridge, request.instance)
    return 201, {}


@route(ROUTES, "POST", "sandbox/instances/silence")
def post_silence(bridge: "Bridge", request: "Request") -> "Answer":
    """The bridge goes on, but reports nothing any more; or it does again."""
    body = require(request.body, is_silent=bool)
    bridge.record(
        "silence", instance=request.instance.name, is_silent=body["is_silent"]
    )
    return 201, {}


@route(ROUTES, "POST", "sandbox/instances/unlink")
def post_unlink(bridge: "Bridge", request: "Request") -> "Answer":
    if request.instance.state != "open":
        raise Refused(400, ["No phone is linked."])
    linking.close(bridge, request.instance, "device_removed")
    return 201, {}
