"""The photo's smile and raised brows give way to words and come back in silence, however frames are cut."""

from dataclasses import replace

import numpy as np
import pytest

from dirfa_pipeline import Animation, Portrait
from dirfa_pipeline.animation.coefficients import EXPRESSION_NAMES
from dirfa_pipeline.direction.controls import neutralize
from dirfa_pipeline.direction.resting_look import COMES, LINGERS, SPOKEN, RestingLook
from dirfa_pipeline.face.brows import INNER_UP


FRAME = 0.04  # seconds
WORDS, SILENCE = 25, 25  # frames
SMILES = [EXPRESSION_NAMES.index(f"mouthSmile{side}") for side in ("Left", "Right")]
TALK = Animation.from_curves(
    2 * SILENCE + WORDS,
    jawOpen=np.concatenate([np.zeros(SILENCE), 0.3 + 0.1 * np.sin(np.arange(WORDS)), np.zeros(SILENCE)]),
).coefficients


def shown(portrait: Portrait, coefficients: np.ndarray) -> np.ndarray:
    """The smile `(frames,)` of each frame, over that at rest."""
    face = portrait.face
    smiles = face.expressions(RestingLook(face).apply(coefficients, FRAME))[:, SMILES] / face.rest[SMILES]
    return np.asarray(smiles.mean(1))


def test_the_smile_gives_way_to_words_and_comes_back(portrait: Portrait) -> None:
    smile = shown(portrait, TALK)
    assert portrait.face.rest[SMILES].min() > 0.3
    np.testing.assert_allclose(smile[:SILENCE], 1.0, atol=1e-5)
    np.testing.assert_allclose(smile[SILENCE + 10 : SILENCE + WORDS], SPOKEN, atol=0.02)
    after = smile[SILENCE + WORDS :]
    assert after[round(0.3 * (LINGERS + COMES) / FRAME)] < 0.7
    np.testing.assert_allclose(after[round((LINGERS + COMES) / FRAME) + 1 :], 1.0, atol=1e-3)
    assert np.abs(np.diff(smile)).max() < 0.5
    still = shown(portrait, np.zeros_like(TALK))
    np.testing.assert_allclose(still, 1.0, atol=1e-5)  # what comes out if nobody says anything


def test_short_gaps_between_words_bring_little_of_it(portrait: Portrait) -> None:
    broken = TALK.copy()
    broken[SILENCE + 12 : SILENCE + 15] = 0.0
    assert shown(portrait, broken)[SILENCE + 10 : SILENCE + WORDS].max() < 2.0 * SPOKEN


def test_round_lips_leave_it_and_spoken_smiles_stay(portrait: Portrait) -> None:
    face = portrait.face
    rows = Animation.from_curves(30, mouthPucker=0.8, mouthSmileLeft=0.25, mouthSmileRight=0.25).coefficients
    np.testing.assert_allclose(face.expressions(RestingLook(face).apply(rows, FRAME))[:, SMILES], 0.25, atol=1e-5)


@pytest.mark.parametrize("length", [1, 7, 40])
def test_pieces_do_not_show(portrait: Portrait, length: int) -> None:
    resting = RestingLook(portrait.face)
    pieces = [resting.apply(TALK[start : start + length], FRAME) for start in range(0, len(TALK), length)]
    np.testing.assert_array_equal(np.concatenate(pieces), RestingLook(portrait.face).apply(TALK, FRAME))


@pytest.mark.parametrize("raised", [0.0, 1.0])
def test_what_was_taken_off_is_not_taken_twice(portrait: Portrait, raised: float) -> None:
    expression = portrait.face.expression.copy()
    expression[INNER_UP] = raised
    face = replace(portrait.face, expression=expression)
    off = neutralize(Animation(TALK), face).coefficients
    np.testing.assert_allclose(RestingLook(face).apply(off, FRAME), off, atol=1e-6)
    unsmiling = replace(portrait.face, rest=np.zeros_like(face.rest))
    assert RestingLook(unsmiling).apply(TALK, FRAME) is TALK


def test_raised_brows_come_down_in_words_and_high_ones_stay(portrait: Portrait) -> None:
    def inner(own: float) -> np.ndarray:
        expression = portrait.face.expression.copy()
        expression[INNER_UP] = own
        face = replace(portrait.face, expression=expression)
        return np.asarray(face.expressions(RestingLook(face).apply(TALK, FRAME))[:, INNER_UP])

    raised = inner(1.0)
    np.testing.assert_allclose(raised[:SILENCE], 1.0, atol=1e-5)
    assert raised[SILENCE + WORDS - 1] < 0.65
    assert raised[-1] > raised[SILENCE + WORDS + 5] + 0.05
    assert np.abs(np.diff(raised)).max() < 0.1
    np.testing.assert_allclose(inner(0.4), 0.4, atol=1e-5)
