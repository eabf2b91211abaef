"""Lips follow voices, not music, and a piece of a sound is treated as within the whole."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from dirfa_pipeline.media.audio import FEATURES_PER_FRAME
from dirfa_pipeline.models.voice_gate import HEARD_OVER, LINGERS, SMOOTHED, SURE, voice_gate


AHEAD = 12


def test_it_opens_before_a_voice_and_lingers_after_it() -> None:
    speaking = torch.full((400,), 0.6)
    speaking[100:200] = 1.0
    gate = voice_gate(speaking, 0, 200, AHEAD)
    assert gate[: (100 - AHEAD) // FEATURES_PER_FRAME].max() == 0.0
    assert gate[50 + SMOOTHED : 100].min() == 1.0
    assert gate[(200 + LINGERS + HEARD_OVER) // FEATURES_PER_FRAME + SMOOTHED :].max() == 0.0
    assert gate.diff().abs().max() <= 1.0 / SMOOTHED + 1e-6


def test_a_plucked_note_is_no_voice() -> None:
    speaking = torch.full((100,), 0.5)
    speaking[50:54] = 1.0
    assert voice_gate(speaking, 0, 50, AHEAD).max() == 0.0
    assert voice_gate(torch.full((100,), SURE[0] - 0.01), 0, 50, AHEAD).max() == 0.0


@given(st.integers(0, 2**31), st.integers(0, 60), st.integers(1, 40))
def test_pieces_do_not_show(seed: int, begin: int, frames: int) -> None:
    speaking = torch.rand(200 + AHEAD, generator=torch.Generator().manual_seed(seed)).sqrt()
    whole = voice_gate(speaking, 0, 100, AHEAD)
    first = max(0, FEATURES_PER_FRAME * begin - LINGERS - HEARD_OVER - FEATURES_PER_FRAME * SMOOTHED)
    piece = speaking[first : FEATURES_PER_FRAME * (begin + frames) + AHEAD]
    part = voice_gate(piece, FEATURES_PER_FRAME * begin - first, frames, AHEAD)
    assert torch.equal(part, whole[begin : begin + frames])
