"""Shares that grow from 0 to 1."""

import numpy as np
import pytest

from dirfa_pipeline.animation.easing import ramp, smoothstep


@pytest.mark.parametrize(("start", "over"), [(0.2, 0.5), (0.7, -0.5)])
def test_a_ramp_goes_from_its_start_to_its_end(start: float, over: float) -> None:
    """Straight between, held beyond, falling with a negative width; one number and an array alike."""
    values = np.linspace(-1.0, 2.0, 61)
    shares = ramp(values, start, over)
    assert ramp(start, start, over) == 0.0
    assert ramp(start + over, start, over) == pytest.approx(1.0)
    assert ramp(start + 0.5 * over, start, over) == pytest.approx(0.5)
    assert np.sign(shares[-1] - shares[0]) == np.sign(over)
    assert shares.min() == 0.0
    assert shares.max() == 1.0
    assert [ramp(float(value), start, over) for value in values] == shares.tolist()


def test_smoothstep_is_level_at_both_ends() -> None:
    """It keeps 0, a half and 1, clips what is beyond, grows all the way and starts and ends without a kink."""
    assert [smoothstep(share) for share in (-1.0, 0.0, 0.5, 1.0, 2.0)] == [0.0, 0.0, 0.5, 1.0, 1.0]
    shares = np.linspace(0.0, 1.0, 1001)
    slope = np.diff(smoothstep(shares)) / np.diff(shares)
    assert slope.min() >= 0.0
    assert max(slope[0], slope[-1]) < 0.01


def test_shares_keep_their_precision() -> None:
    """Pictures are float32 and stay so."""
    values = np.linspace(0.0, 1.0, 5, dtype=np.float32)
    assert ramp(values, 0.1, 0.5).dtype == np.float32
    assert smoothstep(values).dtype == np.float32
