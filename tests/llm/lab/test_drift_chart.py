from datetime import UTC, datetime, timedelta

from llm.lab.drift import Point, Version
from llm.lab.drift_chart import strip


def week(number: int, model: str = "one", distance: float | None = 0.05) -> Point:
    at = datetime(2026, 3, 2, tzinfo=UTC) + timedelta(weeks=number)
    version = Version("1", "openai", model)
    is_new = model != "one" and number == 2
    return Point(at, version, 400, distance, 0.1, 0.3, 0.0, is_new)


def drawn(*points: Point) -> str:
    return strip(points, [f"day {n}" for n in range(len(points))], "Title", "Text")


def test_a_line_stands_where_another_version_began():
    drawing = drawn(week(0), week(1), week(2, "<two>"), week(3, "<two>"))

    assert drawing.count('class="mark') == 1
    assert "<title>&lt;two&gt;</title>" in drawing


def test_distances_of_two_versions_are_not_joined():
    drawing = drawn(week(0), week(1), week(2, "two"), week(3, "two"))

    assert drawing.count("<polyline") == 2


def test_a_week_without_scores_has_no_dot():
    assert drawn(week(0), week(1, distance=None)).count("<circle") == 1


def test_only_the_first_and_the_last_week_are_dated():
    drawing = drawn(week(0), week(1), week(2))

    assert "day 0" in drawing
    assert "day 1" not in drawing
    assert "day 2" in drawing
