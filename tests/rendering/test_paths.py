"""The cheapest way across a picture."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dirfa_pipeline.rendering.paths import cheapest_path


def test_it_follows_a_valley() -> None:
    valley = np.array([3, 3, 4, 5, 5, 4, 4])
    costs = np.ones((8, len(valley)))
    costs[valley, np.arange(len(valley))] = 0.0
    np.testing.assert_array_equal(cheapest_path(costs, 0.1), valley)
    assert np.ptp(cheapest_path(costs, 10.0)) == 0


@pytest.mark.parametrize("steepest", [1, 2])
@given(seed=st.integers(0, 2**32 - 1), price=st.floats(0.0, 2.0))
def test_no_other_path_is_cheaper(steepest: int, seed: int, price: float) -> None:
    costs = np.random.default_rng(seed).random((4, 4))

    def cost_of(path: tuple[int, ...]) -> float:
        steps = np.abs(np.diff(path))
        return np.inf if steps.max() > steepest else costs[path, range(4)].sum() + price * (steps**2).sum()

    least = min(map(cost_of, itertools.product(range(4), repeat=4)))
    assert cost_of(tuple(cheapest_path(costs, price, steepest))) == pytest.approx(least)
