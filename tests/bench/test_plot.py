from xml.etree import ElementTree

from bench.plot import draw, panels

ROUND = {
    "product": {
        "ack_p99": 20.0,
        "intake": 300.0,
        "reply_p50": 40.0,
        "slow_model": 25.0,
        "megabytes": 330.0,
    },
    "baseline": {
        "ack_p99": 30.0,
        "reply_p50": 11.0,
        "slow_model": 4.0,
        "megabytes": 42.0,
    },
    "empty": {"intake": 1500.0},
}


def test_targets_that_are_ratios_follow_the_others():
    found = {panel.label: panel.target for panel in panels([ROUND, ROUND])}

    assert found["taken in as fast as they come"] == 750
    assert found["answered, model of 800 ms"] == 12


def test_a_drawing_has_a_dot_for_each_round():
    svg = ElementTree.fromstring(draw(panels([ROUND, ROUND]), "here & now"))

    dots = svg.findall("{http://www.w3.org/2000/svg}circle")
    assert len(dots) == 5 * 2 * 2
