from bench.growth.__main__ import rows


def test_shows_each_measure_beside_that_of_the_smallest_database():
    found = rows([{"a reply": 0.008}, {"a reply": 0.009}, {"a reply": 0.012}])

    assert [row.cells for row in found] == [
        ("a reply", "8.00 ms", "9.00 ms", "12.00 ms", "1.12", "1.50")
    ]


def test_shows_sizes_as_bytes():
    (row,) = rows([{"bytes per 1,000 messages: all": 1_444_571.2}])

    assert row.cells == ("bytes per 1,000 messages: all", "1,444,571")


def test_leaves_out_what_one_database_does_not_have():
    assert [row.measure for row in rows([{"a": 1.0, "b": 1.0}, {"a": 1.0}])] == ["a"]
