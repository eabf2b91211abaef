"""How drawn motion is shown."""

import pytest
import torch

from dirfa_pipeline.models.motion_channels import (
    ABOUT_NECK,
    APART,
    BROW_RAISE,
    CONTACT,
    LOWERS,
    MOTION_NAMES,
    NARROWS,
    NUM_MOTIONS,
    OPENS,
    SHOWN,
    SLACK,
    WIDENS,
    show_motion,
)


def motion_of(**channels: float) -> torch.Tensor:
    motion = torch.zeros(1, NUM_MOTIONS)
    for name, value in channels.items():
        motion[0, MOTION_NAMES.index(name)] = value
    return motion


def shown_of(start: float = 0.0, **channels: float) -> dict[str, float]:
    """What is shown of one frame's channels where the brows began at `start`."""
    began = motion_of(browInnerUp=start, browOuterUp=start)[0]
    return dict(zip(MOTION_NAMES, show_motion(motion_of(**channels), began)[0].tolist(), strict=True))


@pytest.mark.parametrize("name", [name for name in MOTION_NAMES if name not in (*BROW_RAISE, "gazeYaw", "gazePitch")])
def test_each_channel_is_scaled_and_turns_take_the_head_with_them(name: str) -> None:
    """Leaning and nodding shift the head, because the neck is below; nothing else moves another channel."""
    shown = shown_of(**{name: 0.1})
    own = shown.pop(name)
    assert own == pytest.approx(0.1 * SHOWN.get(name, 1.0), rel=3e-3)  # frowns bend towards their limit
    expected = {shift: slope * own for (turn, shift), slope in ABOUT_NECK.items() if turn == name}
    assert {other: value for other, value in shown.items() if value} == pytest.approx(expected)


def test_eyes_go_along_with_brows() -> None:
    raised = shown_of(browInnerUp=0.1, browOuterUp=0.1)
    assert raised["eyeWide"] == pytest.approx(SHOWN["eyeWide"] * WIDENS * 0.1) and raised["eyeSquint"] == 0.0
    fallen = shown_of(start=SLACK + 0.1)
    assert fallen["eyeSquint"] == pytest.approx(SHOWN["eyeSquint"] * NARROWS * 0.1) and fallen["eyeWide"] == 0.0


def test_deep_frowns_still_move() -> None:
    """Cut off, brows would stand still at their lowest."""
    deep, deeper = (shown_of(start=SLACK + fall)["browDown"] for fall in (0.1, 0.15))
    assert 0.7 < deep < deeper - 0.05 < 1.0


def test_eyes_that_look_nearly_at_the_camera_look_at_it() -> None:
    """Of a small look little is left, of a large one most; its direction stays, and more never becomes less."""
    looks = [shown_of(gazeYaw=0.8 * size, gazePitch=-0.6 * size) for size in (0.2 * CONTACT, CONTACT, 5.0 * CONTACT)]
    across, down = ([look[name] for look in looks] for name in ("gazeYaw", "gazePitch"))
    assert across == pytest.approx([0.8 * CONTACT * size for size in (0.2**3 / 1.04, 0.5, 125 / 26)])
    assert down == pytest.approx([-0.75 * look for look in across])


def test_brows_rise_as_one() -> None:
    """Their height stays as drawn, and what sets the parts apart shrinks."""
    inner, outer = ("browInnerUp", "browOuterUp")
    shown = shown_of(browInnerUp=0.06, browOuterUp=0.01)
    height = sum(share * shown[name] for name, share in BROW_RAISE.items())
    assert height == pytest.approx(SHOWN[inner] * (0.06 * BROW_RAISE[inner] + 0.01 * BROW_RAISE[outer]), rel=3e-3)
    assert shown[inner] - shown[outer] == pytest.approx(SHOWN[inner] * APART * 0.05, rel=3e-3)


def test_brows_rise_and_fall_about_where_they_began() -> None:
    rested = shown_of(start=0.1, browInnerUp=0.1, browOuterUp=0.1)
    assert not any(rested[name] for name in ("browInnerUp", "browOuterUp", "browDown"))
    fallen = shown_of(start=SLACK + 0.02)
    assert fallen["browDown"] == pytest.approx(SHOWN["browDown"] * LOWERS * 0.02, rel=3e-3)
    assert fallen["browInnerUp"] < 0.0
    assert shown_of(start=SLACK)["browDown"] == pytest.approx(0.0, abs=1e-6)  # a little lower is no frown


def test_lids_hang_and_open_about_where_they_began() -> None:
    start = motion_of(lids=0.1)
    assert show_motion(start, start[0])[0, MOTION_NAMES.index("lids")] == 0.0
    opened = show_motion(motion_of(), start[0])[0]
    assert opened[MOTION_NAMES.index("eyeWide")] == pytest.approx(SHOWN["eyeWide"] * OPENS * 0.1)


@pytest.mark.parametrize("name", ["eyeWide", "eyeSquint"])
def test_eyes_begin_as_in_the_photo(name: str) -> None:
    start = motion_of(**{name: 0.3})
    shown = show_motion(start, start[0])
    assert shown[0, MOTION_NAMES.index(name)] == 0.0


def test_raised_brows_are_not_lowered_as_well() -> None:
    lowered = shown_of(browDown=0.3)["browDown"]
    assert shown_of(browDown=0.3, browInnerUp=0.8, browOuterUp=0.8)["browDown"] < 0.5 * lowered


def test_brows_bend_towards_their_limit() -> None:
    """Where weights are cut off, brows would stand still at their highest."""
    drawn = [value / SHOWN["browInnerUp"] for value in (0.3, 0.8, 1.2, 1.6)]
    heights = [shown_of(browInnerUp=value, browOuterUp=value)["browInnerUp"] for value in drawn]
    assert heights[0] == pytest.approx(0.3, abs=0.01)
    assert heights[0] < heights[1] < heights[2] < heights[3] < 1.0
