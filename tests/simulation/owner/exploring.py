"""Goes through the worlds of the model: all of them within small bounds, or by chance within larger ones."""

import random

from tests.simulation.owner.model import Bounds, World, Wrong, beginning, check, check_rest, successors


def explore(bounds: Bounds, off: frozenset[str] = frozenset(), limit: int = 2_000_000) -> int:
    """Every world within the bounds; how many there are. Raises `Wrong` with the steps that lead to a wrong one."""
    first = beginning(bounds)
    came_by: dict[World, tuple[World, str] | None] = {first: None}
    ahead = [first]
    while ahead:
        found = []
        for world in ahead:
            try:
                check(world, off)
                stuck = True
                for step, after in successors(world, bounds, off):
                    stuck = False
                    if after not in came_by:
                        came_by[after] = (world, step)
                        found.append(after)
                if stuck:
                    check_rest(world, off)
            except Wrong as wrong:
                raise Wrong(f"{wrong} after {len(came_by):,} worlds: {_way(came_by, world)}") from wrong
        assert len(came_by) <= limit, f"more than {limit:,} worlds"
        ahead = found
    return len(came_by)


def wander(seed: int, bounds: Bounds, off: frozenset[str] = frozenset()) -> int:
    """One way by chance, to its end; its length. Raises `Wrong`."""
    chance = random.Random(seed)  # noqa: S311
    world, steps = beginning(bounds), 0
    while True:
        check(world, off)
        ways = list(successors(world, bounds, off))
        if not ways:
            check_rest(world, off)
            return steps
        world = chance.choice(ways)[1]
        steps += 1


def _way(came_by: dict[World, tuple[World, str] | None], world: World) -> str:
    steps = []
    while (before := came_by[world]) is not None:
        world, step = before
        steps.append(step)
    return "; ".join(reversed(steps))
