"""How lips are learned: clips are put in time, tracks told as movements, and the range is that of real ones."""

from functools import partial

import numpy as np
import pytest
import torch
from tiny import WEIGHTS, tiny_sampler

from dirfa_pipeline import AnimationSampler, FaceModel
from dirfa_pipeline.animation.coefficients import COEFFICIENT_NAMES, LIP_NAMES
from dirfa_pipeline.models.speech_head import VISEME_NAMES
from dirfa_pipeline.training import lip_stage
from dirfa_pipeline.training.lip_stage import LipExample, LipGeometry


JAW, PUCKER, STRETCH = (COEFFICIENT_NAMES.index(name) for name in ("jawOpen", "mouthPucker", "mouthStretchLeft"))


@pytest.fixture(scope="module")
def face_model() -> FaceModel:
    return FaceModel.from_pretrained(WEIGHTS / "face_model")


def spoken(frames: int, seed: int = 0) -> tuple[torch.Tensor, np.ndarray]:
    """Syllables of `open` and `closure`, and a track `(frames, 58)` whose jaw follows them at once."""
    rng = np.random.default_rng(seed)
    opened = np.repeat(rng.random(-(-frames // 4)) > 0.5, 4)[:frames].astype(np.float32)
    heard = torch.zeros(2 * frames, len(VISEME_NAMES) + 1)
    heard[:, VISEME_NAMES.index("open")] = torch.from_numpy(opened).repeat_interleave(2)
    heard[:, VISEME_NAMES.index("closure")] = 1.0 - heard[:, VISEME_NAMES.index("open")]
    track = np.zeros((frames, 58), np.float32)
    track[:, JAW] = 0.4 * opened
    return heard, track


@pytest.mark.parametrize("late", [-4, -1, 0, 3])
def test_lips_are_put_in_time_with_the_sound(late: int, face_model: FaceModel) -> None:
    heard, track = spoken(120)
    example = lip_stage.lip_example("set/clip", np.roll(track, late, axis=0), np.ones(120, bool), heard, face_model)
    assert example is not None
    jaw = example.lips[example.valid, LIP_NAMES.index("jawOpen")]
    said = torch.from_numpy(track[:, JAW])[example.valid]
    assert torch.corrcoef(torch.stack([jaw, said]))[0, 1] > 0.98
    assert (~example.valid).sum() == abs(late)


def test_a_clip_whose_sound_is_another_s_is_left_out(face_model: FaceModel) -> None:
    heard, _ = spoken(120)
    track = spoken(120, seed=5)[1]
    track[:, JAW] = (
        0.4 - track[:, JAW] if np.corrcoef(track[:, JAW], spoken(120)[1][:, JAW])[0, 1] > 0 else track[:, JAW]
    )
    track[:, JAW] = np.linspace(0.0, 0.4, 120)
    assert lip_stage.lip_example("set/clip", track, np.ones(120, bool), 0.0 * heard, face_model) is None


def test_less_width_than_at_rest_is_a_pucker(face_model: FaceModel) -> None:
    """Who holds the mouth wide and narrows it for a round vowel puckers; both sides move alike."""
    track = np.zeros((100, 58), np.float32)
    track[:, STRETCH] = 0.6
    track[40:50, STRETCH] = 0.0
    lips = lip_stage.movements(track, np.ones(100, bool), face_model)
    pucker, left, right = (
        lips[:, LIP_NAMES.index(name)] for name in ("mouthPucker", "mouthStretchLeft", "mouthStretchRight")
    )
    assert pucker[45] > 0.1
    assert pucker[10] < 0.02
    torch.testing.assert_close(left, right)
    geometry = LipGeometry.of(face_model)
    assert (lips @ geometry.width)[45] < -0.02
    assert (lips @ geometry.opening).abs().max() < 0.01


def test_what_parts_the_lips_and_what_moves_the_corners(face_model: FaceModel) -> None:
    geometry = LipGeometry.of(face_model)
    opening, width = (
        dict(zip(LIP_NAMES, values.tolist(), strict=True)) for values in (geometry.opening, geometry.width)
    )
    assert opening["jawOpen"] > 0.3
    assert all(abs(opening[name]) < 1e-3 for name in LIP_NAMES if name not in lip_stage.OPENING_NAMES)
    assert width["mouthPucker"] < -0.1
    assert width["mouthSmileLeft"] > 0.05


def example_of(sampler: AnimationSampler, seed: int) -> LipExample:
    """A mouth that does three times, about its own mean, what the decoder says."""
    generator = torch.Generator().manual_seed(seed)
    heard = torch.rand(400, sampler.lip_dim, generator=generator)
    for column in (VISEME_NAMES.index("silence"), VISEME_NAMES.index("labiodental"), len(VISEME_NAMES)):
        heard[:, column] = 0.0  # no gate is at work
    with torch.no_grad():
        lips = sampler.lip_decoder(heard[None])[0]
    lips = (lips.mean(0) + 3.0 * (lips - lips.mean(0))).clamp(0.0, 1.0)
    return LipExample("set/clip", "set", heard, lips, torch.ones(200, dtype=torch.bool))


def test_lips_get_the_spread_of_real_ones(face_model: FaceModel) -> None:
    sampler, geometry = tiny_sampler(), LipGeometry.of(face_model)
    torch.nn.init.normal_(sampler.lip_decoder.output.weight, std=0.1)
    sampler.lip_decoder.output.bias.data.fill_(0.4)
    examples = [example_of(sampler, seed) for seed in range(3)]
    spread = partial(lip_stage.spread, sampler, examples)
    assert spread(geometry.opening) < 0.6
    assert spread(geometry.width) < 0.6
    lip_stage.calibrate_lips(sampler, examples, geometry)
    assert spread(geometry.opening) == pytest.approx(lip_stage.OPENING_REACH, abs=0.15)
    assert spread(geometry.width) == pytest.approx(lip_stage.WIDTH_REACH, abs=0.15)
