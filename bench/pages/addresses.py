"""Each address of the admin, as the site itself has them: a new page is found as well."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from django.contrib import admin
from django.contrib.admin.utils import quote
from django.db.models import Model
from django.urls import URLPattern, URLResolver, reverse

ARGUMENT = re.compile(r"\(\?P<(\w+)>[^)]*\)|<(?:\w+:)?(\w+)>")


@dataclass(frozen=True)
class Address:
    name: str  # as in reverse(), "" where it has none
    route: str  # conversations/contact/<object_id>/change/

    @property
    def arguments(self) -> list[str]:
        return re.findall(r"<(\w+)>", self.route)

    @property
    def model(self) -> type[Model] | None:
        for model in admin.site._registry:
            folder = f"{model._meta.app_label}/{model._meta.model_name}/"
            if self.route.startswith(folder):
                return model
        return None

    @property
    def view(self) -> str:
        """The name without that of the model: changelist, change, steer."""
        if self.model is None:
            return self.name
        meta = self.model._meta
        return self.name.removeprefix(f"{meta.app_label}_{meta.model_name}_")

    def __str__(self) -> str:
        return self.name or self.route

    def url(self, **values: object) -> str:
        path = re.sub(
            r"<(\w+)>", lambda found: quote(str(values[found[1]])), self.route
        )
        return reverse("admin:index") + path


def addresses(patterns: list | None = None, before: str = "") -> Iterator[Address]:
    if patterns is None:
        patterns = admin.site.get_urls()
    for pattern in patterns:
        route = before + _readable(str(pattern.pattern))
        if isinstance(pattern, URLResolver):
            yield from addresses(pattern.url_patterns, route)
        elif isinstance(pattern, URLPattern):
            yield Address(pattern.name or "", route)


def _readable(route: str) -> str:
    """Without the converters of a path, or the signs of a regular expression."""
    plain = ARGUMENT.sub(lambda found: f"<{found[1] or found[2]}>", route)
    return plain.removeprefix("^").removesuffix("$")
