"""How drawn motion is shown."""

import pytest
import torch

from dirfa_pipeline.models.motion_channels import ABOUT_NECK, MOTION_NAMES, NUM_MOTIONS, SHOWN, show_motion


@pytest.mark.parametrize("name", MOTION_NAMES)
def test_each_channel_is_scaled_and_turns_take_the_head_with_them(name: str) -> None:
    """Leaning and nodding shift the head, because the neck is below; nothing else moves another channel."""
    motion = torch.zeros(1, NUM_MOTIONS)
    motion[0, MOTION_NAMES.index(name)] = 0.1
    shown = dict(zip(MOTION_NAMES, show_motion(motion)[0].tolist(), strict=True))
    own = shown.pop(name)
    assert own == pytest.approx(0.1 * SHOWN.get(name, 1.0))
    expected = {shift: slope * own for (turn, shift), slope in ABOUT_NECK.items() if turn == name}
    assert {other: value for other, value in shown.items() if value} == pytest.approx(expected)
