import random
from collections import defaultdict

import pytest

from bench.torture.plot import CARRIED, TOKEN, write_plot


class Phonebook:
    """Numbers people and groups as the stand-in bridge does."""

    def __init__(self):
        self.count = 0

    def person(self, name):
        self.count += 1
        return f"55{self.count}"

    def group(self, name, members):
        return f"{self.person(name)}@g.us"


def plot(mix):
    return write_plot(Phonebook(), 60, 20, random.Random(1), mix)


def lines(mix):
    return [line for conversation in plot(mix) for line in conversation.lines]


def test_without_a_mix_people_write_texts_alone():
    assert {(line.kind, line.changes) for line in lines(0)} == {("text", ())}


def test_with_it_they_send_all_there_is():
    kinds = {line.kind for line in lines(1)}

    assert kinds == {"text", *CARRIED, "reaction", "command", "stop"}


@pytest.mark.parametrize("mix", [0, 1])
def test_has_as_many_messages_as_asked_for(mix):
    assert len(lines(mix)) == 60 * 20


def test_what_one_person_says_in_a_row_is_judged_alike():
    said = defaultdict(set)
    for line in lines(1):
        if line.is_judged:
            said[line.sender].add(line.p)

    assert all(len(p) == 1 for p in said.values())


def test_each_wording_names_its_message():
    line = next(line for line in lines(1) if line.is_judged)

    found = [TOKEN.search(line.wording(n)).groups() for n in (1, 2)]

    place = str(line.conversation), str(line.number)
    assert found == [(*place, None), (*place, "2")]
