"""Brows: they move as one piece, with room above them, and no farther than brows can."""

from dataclasses import replace

import numpy as np
import pytest

from dirfa_pipeline import Animation, FaceModel, Portrait
from dirfa_pipeline.animation.coefficients import EXPRESSION_NAMES
from dirfa_pipeline.face.brows import FALLS, FOREHEAD, HAIRLINE, LOWERING, OUTER_UP, RAISING, rigid_brows
from dirfa_pipeline.face.fit import BROW_MOST, FaceFit
from dirfa_pipeline.face.landmarks import LEFT_BROW, RIGHT_BROW
from dirfa_pipeline.face.solve import keep_shown


INNER = EXPRESSION_NAMES.index("browInnerUp")


def raised(face: FaceFit, weight: float) -> np.ndarray:
    """The landmarks in the head's own axes, with all of both brows up."""
    both = dict.fromkeys(("browInnerUp", "browOuterUpLeft", "browOuterUpRight"), weight)
    return face.head_vertices(Animation.from_curves(1, **both).coefficients)[0]


def test_raised_brows_keep_their_thickness(portrait: Portrait) -> None:
    before, after = (raised(portrait.face, weight) for weight in (0.0, 1.0))
    for upper, lower in (RIGHT_BROW, LEFT_BROW):
        assert (before - after)[list(upper), 1].mean() > 0.1
        np.testing.assert_allclose((after - before)[list(upper)], (after - before)[list(lower)], atol=1e-5)


def test_the_forehead_gives_way_over_its_whole_height(portrait: Portrait) -> None:
    """What is right above a brow goes most of its way; the hairline a part; nothing is squeezed to half its height."""
    before, after = (raised(portrait.face, weight) for weight in (0.0, 1.0))
    rise = before[:, 1] - after[:, 1]
    for above, hairline, brow in ((104, 103, 105), (69, 67, 66), (299, 297, 296), (333, 332, 334)):
        assert above in FOREHEAD and hairline in HAIRLINE
        assert rise[brow] > rise[above] > rise[hairline] > 0.0
        for low, high in ((brow, above), (above, hairline)):
            assert after[low, 1] - after[high, 1] > 0.5 * (before[low, 1] - before[high, 1])


@pytest.mark.parametrize("own", [0.0, 0.2, 0.6, 1.0])
def test_the_photos_own_raise_and_the_drawn_one_stay_within_what_brows_do(portrait: Portrait, own: float) -> None:
    expression = portrait.face.expression.copy()
    expression[INNER] = own
    face = replace(portrait.face, expression=expression)
    drawn = np.linspace(0.0, 1.0, 11)
    weights = face.expressions(Animation.from_curves(11, browInnerUp=drawn).coefficients)[:, INNER]
    assert weights[0] == pytest.approx(own)
    assert weights.max() <= BROW_MOST + 1e-6
    assert np.diff(weights).min() > 0.02  # all the way up
    np.testing.assert_allclose(np.diff(weights), np.diff(weights)[0], atol=1e-5)  # and evenly


def test_brows_that_are_up_already_rise_less_at_their_ends(portrait: Portrait) -> None:
    face = portrait.face
    calm, high = (rigid_brows(face.basis, face.shape, own) for own in (0.0, 1.0))
    np.testing.assert_allclose(high[OUTER_UP], 0.6 * calm[OUTER_UP], atol=1e-6)
    others = np.setdiff1d(np.arange(len(face.basis)), RAISING)
    np.testing.assert_array_equal(high[others], calm[others])


def test_frowns_lower_brows_further_than_the_model_does(portrait: Portrait, face_model: FaceModel) -> None:
    brow, lower = list(RIGHT_BROW[0]), EXPRESSION_NAMES.index("browDownRight")
    model = face_model.expression_basis.detach().numpy()
    assert portrait.face.basis[lower, brow, 1].mean() == pytest.approx(FALLS * model[lower, brow, 1].mean(), rel=0.1)


def test_stronger_shapes_show_what_weaker_ones_showed() -> None:
    random = np.random.default_rng(4)
    before, weights = random.normal(size=(52, 478, 3)), random.random(52)
    after = before.copy()
    after[LOWERING] *= FALLS
    kept = keep_shown(weights, before, after, LOWERING)
    np.testing.assert_allclose(np.tensordot(kept, after, 1), np.tensordot(weights, before, 1), atol=1e-9)
    assert (kept != weights).sum() == len(LOWERING)
