"""How long to wait before the next attempt."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from coserver_consumer.retry import Backoff

attempts = st.integers(min_value=1, max_value=1000)
chances = st.floats(min_value=0, max_value=1, exclude_max=True)
backoffs = st.builds(
    Backoff,
    base=st.floats(min_value=1, max_value=600),
    cap=st.floats(min_value=600, max_value=86_400),
)


@given(backoffs, attempts, chances)
def test_a_wait_is_never_longer_than_the_cap_nor_shorter_than_the_floor(backoff, attempt, chance):
    """Whatever the attempt, also one with a number that overflows when doubled."""
    wait = backoff.delay(attempt, random=lambda: chance)
    assert backoff.floor <= wait <= backoff.cap


@given(backoffs, attempts, chances)
def test_waits_do_not_shrink_from_attempt_to_attempt(backoff, attempt, chance):
    """With the same luck a later attempt waits at least as long."""
    wait, next_wait = (
        backoff.delay(each, random=lambda: chance) for each in (attempt, attempt + 1)
    )
    assert wait <= next_wait


@given(backoffs, attempts, chances, st.floats(min_value=0, max_value=100_000))
def test_a_wish_of_the_other_side_is_a_lower_bound(backoff, attempt, chance, wish):
    """A Retry-After may be longer than the cap."""
    assert backoff.delay(attempt, random=lambda: chance, at_least=wish) >= wish


def test_the_jitter_is_full():
    """Jobs that failed together come back spread over the whole time, not near its end."""
    backoff = Backoff(base=100, cap=1000)
    waits = [backoff.delay(2, random=lambda n=n: n / 10) for n in range(10)]
    assert waits == [1, 20, 40, 60, 80, 100, 120, 140, 160, 180]
