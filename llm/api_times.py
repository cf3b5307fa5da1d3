"""A moment that a caller names."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("This moment lies outside of the years 1 to 9999.") from None


# PostgreSQL refuses an offset of 16 hours or more, which ISO 8601 allows.
Moment = Annotated[AwareDatetime, AfterValidator(_in_utc)]
