"""How handlers are named by the request that they answer."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Route:
    answer: Callable
    since_2_4: bool = False


# Method, path without the instance's name, whether it has one.
Routes = dict[tuple[str, str, bool], Route]


def route(
    routes: Routes, method: str, path: str, *, named: bool = True, since_2_4=False
) -> Callable:
    def register(answer: Callable) -> Callable:
        routes[method, path, named] = Route(answer, since_2_4)
        return answer

    return register
