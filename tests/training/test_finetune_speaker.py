"""One person's clips, filmed by our own renderer, become a pipeline of that person's style."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from media_files import speech, write_media
from tiny import WEIGHTS

from dirfa_pipeline import Animation, DirfaPipeline, FaceModel, FaceRenderer, InputError, Portrait, write_video
from dirfa_pipeline.training import finetune_speaker
from dirfa_pipeline.training.finetune_speaker import hold_back
from dirfa_pipeline.training.motion_data import TrackedClip


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory, face_model: FaceModel, renderer: FaceRenderer) -> Path:
    """Two clips of 5 s in which the astronaut talks with a wide mouth and a nodding head."""
    photo = Path(__file__).parents[2] / "dirfa_pipeline" / "examples" / "astronaut.jpg"
    portrait = Portrait.from_image(photo, face_model, max_size=384)
    folder = tmp_path_factory.mktemp("speaker") / "clips"
    folder.mkdir()
    time = np.arange(125) / 25
    prepared = renderer.prepare(portrait)
    for index in range(2):
        motion = Animation.from_curves(
            125, jawOpen=0.3 - 0.3 * np.cos(8 * np.pi * time), pitch=0.12 * np.sin(3 * time + index),
            yaw=0.02 * np.sin(time),
        )  # fmt: skip
        write_video(
            str(folder / f"{index}.mp4"), iter(renderer.render(prepared, motion.coefficients)), 25, speech(5.0)
        )
    return folder


@pytest.mark.slow
def test_a_speaker_is_learned(clips: Path, tmp_path: Path) -> None:
    output = tmp_path / "speaker"
    finetune_speaker.main(
        [str(clips), "--output", str(output), "--weights", str(WEIGHTS), "--lip-steps", "20", "--motion-steps", "2"]
    )
    base, tuned = DirfaPipeline.from_pretrained(WEIGHTS), DirfaPipeline.from_pretrained(output)
    for name in ("audio_encoder", "face_model", "face_renderer"):
        before, after = base.components[name].state_dict(), tuned.components[name].state_dict()
        assert all(torch.equal(before[key], after[key]) for key in before)
    yaw, pitch = tuned.animation_sampler.level_scale[:2].tolist()
    assert pitch > 2 * yaw, "this person nods and hardly turns"
    lips = [pipe.animation_sampler.lip_decoder.output.weight for pipe in (base, tuned)]
    assert not torch.equal(*lips), "20 steps on this mouth must be better than none"
    animation = tuned.sample_animation(speech(2.0), torch.Generator().manual_seed(0))
    assert np.isfinite(animation.coefficients).all()
    assert (tmp_path / "speaker-work" / "tracks" / "clips-000000.tar").is_file()
    assert not list((tmp_path / "speaker-work").glob("*.pt")), "another person's run must not go on from them"


def test_no_face_is_said(tmp_path: Path) -> None:
    clips = tmp_path / "clips"
    clips.mkdir()
    arguments = [str(clips), "--output", str(tmp_path / "out"), "--weights", str(WEIGHTS)]
    with pytest.raises(InputError, match="clips holds no video"):
        finetune_speaker.main(arguments)
    write_media(clips / "grey.mp4", None, pictures=12)
    with pytest.raises(InputError, match="no clip of .* could be tracked"):
        finetune_speaker.main(arguments)


def clip(name: str, frames: int) -> TrackedClip:
    return TrackedClip(
        name, np.zeros((frames, 58), np.float32), np.ones(frames, bool), np.ones(frames, np.float32),
        np.arange(frames * 640, dtype=np.float32),
    )  # fmt: skip


def test_something_is_always_held_back() -> None:
    many = [clip(str(index), 100) for index in range(10)]
    learned, held = hold_back(many)
    assert ([c.name for c in learned], [c.name for c in held]) == (list("01234567"), ["8", "9"])
    features = np.zeros((200, 8), np.float16)
    learned, held = hold_back([replace(clip("a", 100), features=features), replace(clip("b", 50), audio=None)])
    assert len({c.name for c in learned + held}) == 4, "what is heard in clips is kept by their names"
    assert all(c.features is None for c in learned + held)
    assert [len(c.coefficients) for c in learned + held] == [80, 40, 20, 10]
    assert learned[0].audio is not None
    assert held[0].audio is not None
    assert len(learned[0].audio) == 80 * 640
    assert held[0].audio[0] == 80 * 640
    assert held[1].audio is None
