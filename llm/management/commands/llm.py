"""Asks a model provider one question and shows what comes back."""

import json
from argparse import ArgumentParser
from decimal import Decimal

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from llm import prompts, relevance, response
from llm.call import Call, Model, ask
from llm.providers import LLMError, Request, missing, template
from llm.transcript import Line

NAMES = ["Assistant"]
QUESTION = "Does anybody know how many days a leap year has?"
INSTRUCTIONS = "You are a friendly assistant. A leap year has 366 days. Answer briefly."


class Command(BaseCommand):
    help = "Sends one call to a model provider and shows what came back."
    # A model can be tried before the rest is set up.
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        check = parser.add_subparsers(dest="action", required=True).add_parser("check")
        check.add_argument(
            "--provider",
            choices=list(settings.LLM_PROVIDERS),
            help="without it, the state of each is listed",
        )
        check.add_argument("--model", default="", help="as the provider names it")
        check.add_argument(
            "--step", choices=["relevance", "response"], default="response"
        )
        check.add_argument("--timeout", type=float, default=45.0, help="in seconds")

    def handle(self, **options) -> None:
        if not options["provider"]:
            self.list_providers()
            return
        model = Model(
            options["provider"],
            options["model"],
            options["timeout"],
            Decimal(0),
            Decimal(0),
        )
        if model.provider == "template":
            self.ask_template(_request(options["step"], model))
        else:
            self.ask_model(_request(options["step"], model), model)

    def list_providers(self) -> None:
        for name in settings.LLM_PROVIDERS:
            self.stdout.write(f"{name:10} {missing(name) or 'ready'}")
        self.stdout.write(
            "Check one with `manage.py llm check --provider NAME --model MODEL`."
        )

    def ask_model(self, request: Request, model: Model) -> None:
        text, call = ask(
            model, prompts.version(request.purpose, request.system), request
        )
        if call.error:
            self.show("output", call.output[:1000])
            raise CommandError(f"{call.error}\n{_advice(call, model)}")
        self.show_call(call)
        self.show_text(request, text)

    def ask_template(self, request: Request) -> None:
        connection = settings.LLM_PROVIDERS["template"]
        try:
            answer = template.exchange(connection, request)
        except LLMError as error:
            self.show("output", error.raw[:1000])
            raise CommandError(
                f"{error}\nCheck BRIGHTWRAPPER_URL, BRIGHTWRAPPER_API_KEY, "
                "BRIGHTWRAPPER_HEADER and BRIGHTWRAPPER_BODY."
            ) from error
        self.show("status", f"answered at attempt {answer.attempts}")
        self.show("JSON", json.dumps(answer.data, ensure_ascii=False, indent=2)[:3000])
        try:
            completion = template.read(connection, answer)
        except LLMError as error:
            raise CommandError(_proposal(connection, answer.data)) from error
        self.show("model", completion.model or "not told")
        self.show("tokens", _tokens(completion.tokens_in, completion.tokens_out))
        self.show_text(request, completion.text)

    def show_call(self, call: Call) -> None:
        self.show("status", f"answered at attempt {call.attempts}")
        self.show("model", call.model or "not told")
        self.show("tokens", _tokens(call.tokens_in, call.tokens_out))
        self.show("latency", f"{call.latency_ms} ms")

    def show_text(self, request: Request, text: str) -> None:
        self.show("text", text)
        if request.purpose == "response":
            if not response.read(text):
                raise CommandError("The text is empty. Try another model.")
            return
        verdict = relevance.read(text)
        if not verdict:
            raise CommandError(
                "This is not the JSON that the step needs, so every judgement would "
                "fail. Try another model for it."
            )
        self.show("p", f"{verdict.p:.2f} ({verdict.kind}: {verdict.why})")

    def show(self, name: str, value: str) -> None:
        if value:
            self.stdout.write(f"{name + ':':9}{value}")


def _request(step: str, model: Model) -> Request:
    line = Line(1, timezone.now(), "Ana", "ana", False, QUESTION)
    if step == "relevance":
        return relevance.request_for([line], [1], names=NAMES, policy="", model=model)
    return response.request_for(
        [line],
        [1],
        names=NAMES,
        instructions=INSTRUCTIONS,
        is_group=True,
        model=model,
        max_tokens=800,
        temperature=0.5,
    )


def _tokens(tokens_in: int | None, tokens_out: int | None) -> str:
    shown = ["not told" if n is None else str(n) for n in (tokens_in, tokens_out)]
    return f"{shown[0]} in, {shown[1]} out"


def _advice(call: Call, model: Model) -> str:
    if call.retryable:
        return "This may pass: try again in a while."
    if not model.name:
        return "Name a model with --model; its provider's documentation lists them."
    return f"Check the address, the key and the model of {model.provider!r} in .env."


def _proposal(connection: dict, data: object) -> str:
    path = connection["response_path"]
    problem = f"There is no text at {path!r}." if path else "Its path is not set."
    found = template.candidates(data)
    if not found:
        return f"{problem} The answer has no text at all; check BRIGHTWRAPPER_BODY."
    others = f" Other texts are at: {', '.join(found[1:8])}." if found[1:] else ""
    return (
        f"The provider answered, but where is its text? {problem}\n"
        f"If the text above is right, set BRIGHTWRAPPER_RESPONSE_PATH={found[0]}.{others}"
    )
