"""Store several things in one transaction, each for itself: one wait for the writer's
turn and one commit, however many they are."""

from collections.abc import Callable

from django.db import transaction

Work = Callable[[], None]


def store(works: list[Work]) -> list[Exception | None]:
    """Return for each what it raised. What fails takes nothing of the others' back."""
    errors: list[Exception | None] = [None] * len(works)
    if not works:
        return errors
    try:
        with transaction.atomic():
            if len(works) == 1:
                works[0]()
            else:
                errors = [_try(work) for work in works]
    except Exception as error:
        # Nothing of it is stored: not what went well either.
        return [one or error for one in errors]
    return errors


def _try(work: Work) -> Exception | None:
    try:
        with transaction.atomic():
            work()
    except Exception as error:
        return error
    return None
