"""Tables to open in a spreadsheet, sent row by row. Strangers wrote what is in them."""

import csv
import re
from collections.abc import Iterable, Iterator
from datetime import datetime

from django.http import StreamingHttpResponse
from django.utils import timezone

# What a spreadsheet may take for a formula, also behind spaces and quotes, and in the
# wide letters of eastern keyboards; and what would begin a cell of its own.
FORMULA = re.compile(
    r"[\t\r\n]|[\s\"'\x00-\x1f\u200b-\u200f\u2028-\u202f\ufeff]*[=+\-@＝＋－＠]"
)


class _Line:
    """What csv writes into: it hands each line back."""

    def write(self, line: str) -> str:
        return line


def response(
    name: str, head: Iterable[str], rows: Iterable[Iterable[object]]
) -> StreamingHttpResponse:
    day = f"{timezone.localdate():%Y-%m-%d}"
    return StreamingHttpResponse(
        lines(head, rows),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}-{day}.csv"'},
    )


def lines(head: Iterable[str], rows: Iterable[Iterable[object]]) -> Iterator[str]:
    writer = csv.writer(_Line())
    # Without it Excel would not read UTF-8.
    yield "\ufeff"
    yield writer.writerow(head)
    for row in rows:
        yield writer.writerow([cell(value) for value in row])


def cell(value: object) -> str:
    match value:
        case None:
            return ""
        case datetime():
            return timezone.localtime(value).isoformat()
        case str():
            return f"'{value}" if FORMULA.match(value) else value
    return str(value)
