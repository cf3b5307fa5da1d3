"""How far two people say the same of the same decisions."""

from collections.abc import Iterable, Sequence


def kappa(pairs: Iterable[Sequence[bool]]) -> float | None:
    """Agreement beyond chance (Scott, Fleiss): 1 all, 0 no more than by chance.

    None where chance alone explains everything: no pairs, or one answer only.
    """
    pairs = [tuple(pair) for pair in pairs]
    if not pairs:
        return None
    yes = sum(sum(pair) for pair in pairs) / (2 * len(pairs))
    by_chance = yes**2 + (1 - yes) ** 2
    if by_chance == 1:
        return None
    same = sum(first == second for first, second in pairs) / len(pairs)
    return (same - by_chance) / (1 - by_chance)
