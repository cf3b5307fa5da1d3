"""Rows for programs, one JSON object a line, sent row by row."""

from collections.abc import Iterable, Iterator
from json import dumps

from django.core.serializers.json import DjangoJSONEncoder
from django.http import StreamingHttpResponse
from django.utils import timezone


def response(name: str, rows: Iterable[dict[str, object]]) -> StreamingHttpResponse:
    day = f"{timezone.localdate():%Y-%m-%d}"
    return StreamingHttpResponse(
        lines(rows),
        content_type="application/jsonl; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}-{day}.jsonl"'},
    )


def lines(rows: Iterable[dict[str, object]]) -> Iterator[str]:
    for row in rows:
        yield dumps(row, cls=DjangoJSONEncoder, ensure_ascii=False) + "\n"
