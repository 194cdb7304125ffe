"""Steps of a path that lead to no other object, but say how what follows is served.

``++api++`` has plone.rest serve it. Wherever an object is now, such a step stands where it stood on
the way to it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

PASSING = re.compile(r"\+\+api\+\+.*", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """How a path leads by an object.

    ``passing`` are the steps that lead to no object, each with the number of names before it;
    ``rest`` is what follows the object's name, beginning with a slash if it isn't empty.
    """

    passing: tuple[tuple[int, str], ...] = ()
    rest: str = ""

    def lead(self, place: str) -> str:
        """Return the path that leads by this place."""
        steps = place.split("/")
        for number, step in reversed(self.passing):
            steps.insert(min(number + 1, len(steps)), step)
        return "/".join(steps) + self.rest


DIRECT = Way()


def find_way(path: str, number: int) -> Way:
    """Return the way by the object to which that many names lead; the path has no query."""
    steps = path.split("/")[1:]
    passing: list[tuple[int, str]] = []
    names = 0
    for step in steps:
        if names == number:
            break
        if PASSING.fullmatch(step):
            passing.append((names, step))
        else:
            names += 1
    length = len("/".join(["", *steps[: names + len(passing)]]))
    return Way(passing=tuple(passing), rest=path[length:])


def list_names(steps: Iterable[str]) -> Iterator[str]:
    """Yield the steps that lead to an object, or to a view."""
    return (step for step in steps if not PASSING.fullmatch(step))
