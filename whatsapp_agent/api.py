"""The API under /api/: its routes, who may call it, its errors and its page."""

import json
import logging
from typing import Any

from csp.decorators import csp_update
from django.contrib.admin.views.decorators import staff_member_required
from django.core.exceptions import RequestDataTooBig
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from ninja import NinjaAPI
from ninja.errors import HttpError, ValidationError
from ninja.openapi.docs import Swagger
from ninja.openapi.schema import OpenAPISchema

from conversations.steering import NotPossible
from conversations.whatsapp import BridgeError
from llm.api_problems import MEDIA_TYPE, Invalid, ProblemDetails, problem
from whatsapp_agent.auth.callers import Bearer, Session
from whatsapp_agent.auth.refusals import Reason, SignInError

logger = logging.getLogger(__name__)
PROBLEM = {"$ref": f"#/components/schemas/{ProblemDetails.__name__}"}


class AgentAPI(NinjaAPI):
    def create_response(self, *args: Any, **kwargs: Any) -> HttpResponse:
        response = super().create_response(*args, **kwargs)
        response["Cache-Control"] = "no-store"  # of people, and only for them
        return response

    def get_openapi_schema(self, **kwargs: Any) -> OpenAPISchema:
        """As Ninja writes it, but for the media type of problems and lazy texts."""
        schema = super().get_openapi_schema(**kwargs)
        schema = json.loads(json.dumps(schema, default=str))
        for methods in schema["paths"].values():
            for operation in methods.values():
                for response in operation["responses"].values():
                    content = response.get("content", {})
                    if content.get("application/json", {}).get("schema") == PROBLEM:
                        content[MEDIA_TYPE] = content.pop("application/json")
        return schema


class Page(Swagger):
    def render_page(
        self, request: HttpRequest, api: NinjaAPI, **kwargs: Any
    ) -> HttpResponse:
        swagger = self.settings | {"url": self.get_openapi_url(api, kwargs)}
        return render(request, "api/docs.html", {"api": api, "swagger": swagger})


def staff_only(view: Any) -> Any:
    # Swagger UI draws its arrows as data: images.
    return staff_member_required(csp_update({"img-src": ["data:"]})(view))


api = AgentAPI(
    title="WhatsApp agent",
    urls_namespace="api",
    auth=[Bearer(), Session()],
    docs=Page(),
    docs_url="/",
    docs_decorator=staff_only,
)
# The webhook first: nothing else is called as often.
api.add_router("", "evolution.api.router")
api.add_router("", "conversations.api.router")
api.add_router("", "conversations.api_settings.router")
api.add_router("", "conversations.api_knowledge.router")
api.add_router("", "evolution.api_instances.router")
api.add_router("", "llm.api.router")
api.add_router("", "llm.api_labels.router")


@api.exception_handler(HttpError)
def say_no(request: HttpRequest, error: HttpError) -> HttpResponse:
    if error.status_code == 401:
        response = problem(401, "Show a bearer token, or the session of staff.")
        response["WWW-Authenticate"] = "Bearer"
        return response
    return problem(error.status_code, error.message)


@api.exception_handler(SignInError)
def refuse(request: HttpRequest, error: SignInError) -> HttpResponse:
    if error.reason in (Reason.DOWN, Reason.MISCONFIGURED):
        logger.error("Cannot check a token, %s", error)
        return problem(503, "The sign-in service gives no usable answer.")
    logger.info("Refused a token, %s", error)
    if error.reason is Reason.NO_ROLE:
        return problem(403, "The token is good, but holds no role here.")
    response = problem(401, "The token is not good here.")
    response["WWW-Authenticate"] = 'Bearer error="invalid_token"'
    return response


@api.exception_handler(Http404)
def not_found(request: HttpRequest, error: Http404 | None = None) -> HttpResponse:
    return problem(404, "There is nothing here.")


@api.exception_handler(ValidationError)
def not_valid(request: HttpRequest, error: ValidationError) -> HttpResponse:
    errors = [
        {"where": ".".join(map(str, one["loc"])), "detail": one["msg"]}
        for one in error.errors
    ]
    return problem(422, "Some values cannot be taken.", errors=errors)


@api.exception_handler(Invalid)
def not_possible_values(request: HttpRequest, error: Invalid) -> HttpResponse:
    return problem(422, "Some values cannot be taken.", errors=error.errors)


@api.exception_handler(NotPossible)
def not_possible(request: HttpRequest, error: NotPossible) -> HttpResponse:
    return problem(409, str(error))


@api.exception_handler(BridgeError)
def bridge_failed(request: HttpRequest, error: BridgeError) -> HttpResponse:
    return problem(502, str(error), kind=error.kind)


@api.exception_handler(RequestDataTooBig)
def too_big(request: HttpRequest, error: RequestDataTooBig) -> HttpResponse:
    return problem(413, "The body is too big.")
