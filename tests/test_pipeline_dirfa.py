"""The pipeline's contract: arguments, batches, seeds, outputs, callbacks, save and load."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from accelerate.hooks import ModelHook, add_hook_to_module, remove_hook_from_module
from diffusers import ModelMixin
from diffusers.callbacks import MultiPipelineCallbacks, PipelineCallback
from PIL import Image
from safetensors.torch import load_file, save_file
from tiny import tiny_pipeline
from transformers import Wav2Vec2Config, Wav2Vec2Model

from dirfa_pipeline import Animation, AnimationSampler, AudioClip, CheckpointError, DirfaPipeline, InputError, Portrait


PHOTO = Path(__file__).parents[1] / "dirfa_pipeline" / "examples" / "astronaut.jpg"


def tone(seconds: float = 1.0, rate: int = 16_000) -> np.ndarray:
    time = np.arange(int(seconds * rate)) / rate
    return (0.3 * np.sin(2 * np.pi * 220 * time) * (np.sin(2 * np.pi * 3 * time) > 0)).astype(np.float32)


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def pipeline() -> DirfaPipeline:
    return tiny_pipeline()


@pytest.fixture(scope="module")
def portrait(pipeline: DirfaPipeline) -> Portrait:
    return pipeline.prepare_portrait(PHOTO)


def draw(pipeline: DirfaPipeline, **arguments: object) -> list[Animation]:
    defaults = {"audio": (16_000, tone()), "output_type": "animation"}
    return pipeline(**(defaults | arguments)).animation


def test_same_seed_same_frames(pipeline: DirfaPipeline, portrait: Portrait) -> None:
    videos = [pipeline(portrait, (16_000, tone()), generator=seeded(3), output_type="pt").frames[0] for _ in range(2)]
    assert torch.equal(*videos)
    assert videos[0].shape == (25, 3, *portrait.image.shape[:2])


def test_seeds_differ_in_motion_and_share_lips(pipeline: DirfaPipeline) -> None:
    first, second = (draw(pipeline, generator=seeded(seed))[0] for seed in (1, 2))
    assert np.abs(first["yaw"] - second["yaw"]).max() > 1e-4
    np.testing.assert_array_equal(first["jawOpen"], second["jawOpen"])


def test_no_diversity_no_difference(pipeline: DirfaPipeline) -> None:
    first, second = (draw(pipeline, generator=seeded(seed), diversity=0.0)[0] for seed in (1, 2))
    np.testing.assert_array_equal(first.coefficients, second.coefficients)


def test_batch_items_equal_single_ones(pipeline: DirfaPipeline) -> None:
    sounds = [(16_000, tone(1.0)), (16_000, tone(1.4))]
    batch = draw(pipeline, audio=sounds, generator=[seeded(5), seeded(6)])
    for index, sound in enumerate(sounds):
        alone = draw(pipeline, audio=sound, generator=seeded(5 + index))[0]
        np.testing.assert_array_equal(batch[index].coefficients, alone.coefficients)


def test_takes_lie_side_by_side(pipeline: DirfaPipeline) -> None:
    generators = [seeded(seed) for seed in range(4)]
    sounds = [(16_000, tone(0.4)), (16_000, tone(0.6))]
    takes = draw(pipeline, audio=sounds, num_videos_per_prompt=2, generator=generators)
    assert [len(take) for take in takes] == [10, 10, 15, 15]
    assert not np.array_equal(takes[0].coefficients, takes[1].coefficients)


@pytest.mark.parametrize(("fps", "frames"), [(25, 25), (30, 30), (29.97, 30), (12.5, 13)])
def test_frames_cover_the_sound(pipeline: DirfaPipeline, fps: float, frames: int) -> None:
    animation = draw(pipeline, fps=fps)[0]
    assert len(animation) == frames
    assert animation.fps == fps


def test_output_types(pipeline: DirfaPipeline, portrait: Portrait) -> None:
    animation = Animation.from_curves(3, yaw=0.05, jawOpen=0.3)
    pil = pipeline(portrait, animation=animation).frames[0]
    array = pipeline(portrait, animation=animation, output_type="np").frames[0]
    tensor = pipeline(portrait, animation=animation, output_type="pt").frames[0]
    assert isinstance(pil[0], Image.Image)
    assert array.shape == (3, *portrait.image.shape)
    assert array.dtype == np.float32
    np.testing.assert_allclose(np.asarray(pil[1]) / 255.0, array[1], atol=1e-6)
    np.testing.assert_allclose(tensor[2].permute(1, 2, 0).numpy(), array[2], atol=1e-6)


def test_tuple_equals_dict(pipeline: DirfaPipeline, portrait: Portrait) -> None:
    arguments = {"image": portrait, "audio": (16_000, tone(0.4)), "output_type": "np"}
    output = pipeline(**arguments, generator=seeded(0))
    plain = pipeline(**arguments, generator=seeded(0), return_dict=False)
    np.testing.assert_array_equal(output.frames[0], plain[0][0])
    assert plain[3] == [16_000]
    assert pipeline(audio=(16_000, tone(0.4)), output_type="animation", return_dict=False)[0] is None


def test_sound_comes_back_whole(pipeline: DirfaPipeline) -> None:
    stereo = np.stack([tone(0.5, 44_100), 0.5 * tone(0.5, 44_100)])
    output = pipeline(audio=(44_100, stereo), output_type="animation")
    np.testing.assert_array_equal(output.audio[0], stereo)
    assert output.sampling_rate == [44_100]


def test_callback_sees_changes_and_stops(pipeline: DirfaPipeline, portrait: Portrait) -> None:
    steps = []

    def callback(pipe: DirfaPipeline, step: int, frame: int, tensors: dict) -> dict:
        steps.append((step, frame, sorted(tensors)))
        pipe._interrupt = step == 1
        return {"frames": np.zeros_like(tensors["frames"])}

    frames = pipeline(
        portrait, animation=Animation.from_curves(70), output_type="np", callback_on_step_end=callback,
        callback_on_step_end_tensor_inputs=["frames", "coefficients"],
    ).frames[0]  # fmt: skip
    assert steps == [(0, 0, ["coefficients", "frames"]), (1, 25, ["coefficients", "frames"])]
    assert frames.shape[0] == 50
    assert frames.max() == 0


def test_a_prepared_portrait_is_taken_as_it_is(pipeline: DirfaPipeline, portrait: Portrait) -> None:
    animation = Animation.from_curves(3, jawOpen=0.5)
    prepared = pipeline.face_renderer.prepare(portrait)
    plain, ready = (
        pipeline(image, animation=animation, output_type="np", neutralize=True).frames[0]
        for image in (portrait, prepared)
    )
    np.testing.assert_array_equal(ready, plain)


def test_no_generators_no_takes(pipeline: DirfaPipeline) -> None:
    assert pipeline.sample_animations((16_000, tone()), []) == []


class Darken(PipelineCallback):
    """A callback in diffusers' own form, which names the tensors it wants."""

    tensor_inputs = ["frames", "coefficients"]

    def callback_fn(self, pipeline: DirfaPipeline, step: int, frame: int, tensors: dict) -> dict:
        assert tensors["coefficients"].shape == (len(tensors["frames"]), 58)
        return {"frames": tensors["frames"] // 2}


@pytest.mark.parametrize("wrap", [lambda callback: callback, lambda callback: MultiPipelineCallbacks([callback])])
def test_callbacks_of_diffusers_get_what_they_name(pipeline: DirfaPipeline, portrait: Portrait, wrap: Any) -> None:
    plain, dark = (
        pipeline(portrait, animation=Animation.from_curves(2), output_type="np", callback_on_step_end=callback).frames
        for callback in (None, wrap(Darken(cutoff_step_ratio=None, cutoff_step_index=0)))
    )
    np.testing.assert_allclose(dark[0], plain[0] / 2, atol=0.003)


def test_encoder_and_sampler_must_fit(pipeline: DirfaPipeline) -> None:
    parts = pipeline.components | {"animation_sampler": AnimationSampler(audio_dim=48)}
    with pytest.raises(CheckpointError, match="features of width 32, but animation_sampler takes 48"):
        DirfaPipeline(**parts)


def test_a_stock_encoder_of_another_shape_drops_in(pipeline: DirfaPipeline) -> None:
    """`facebook/wav2vec2-base` in small: its kernels see 400 samples where ours see 880."""
    config = Wav2Vec2Config(
        hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32, conv_dim=(8,) * 7,
        num_conv_pos_embeddings=4, num_conv_pos_embedding_groups=2,
    )  # fmt: skip
    parts = pipeline.components | {"audio_encoder": Wav2Vec2Model(config).eval()}
    features = DirfaPipeline(**parts).encode_audio(AudioClip(tone(9.0)[None], 16_000))
    assert features.shape == (450, 36)
    config.conv_stride = (5, 2, 2, 2, 2, 2, 1)
    with pytest.raises(CheckpointError, match="a feature every 320 samples, .* one every 160"):
        DirfaPipeline(**(parts | {"audio_encoder": Wav2Vec2Model(config)}))


BAD_CALLS = {
    "output type": ({"output_type": "gif"}, "output_type must be one of"),
    "no image": ({"image": None, "output_type": "pil"}, "image is needed"),
    "no audio": ({"audio": None}, "audio or animation is needed"),
    "takes": ({"num_videos_per_prompt": 0}, "whole number from 1, got 0"),
    "diversity": ({"diversity": 2.5}, r"\[0, 2\], got 2.5"),
    "fps": ({"fps": 0}, r"\[1, 120\], got 0"),
    "callback": ({"callback_on_step_end_tensor_inputs": ["latents"]}, r"got \['latents'\]"),
    "generators": ({"generator": [torch.Generator()] * 3}, "one for each of the 1 videos, got 3"),
    "generator": ({"generator": 42}, "torch.Generator or a list of them, got 42; pass"),
    "animation": ({"animation": np.zeros((4, 58))}, "must be an Animation or a list of them, got ndarray; wrap"),
    "gap": ({"audio": [(16_000, tone()), None]}, "item 1 of 2 has neither"),
    "fps of letters": ({"fps": "25"}, "must be a number in .*, got '25'"),
    "swapped": ({"image": "talk.wav", "audio": "me.jpg", "output_type": "pil"}, "swapped: the photo comes before the"),
    "swapped things": (
        {"image": (16_000, tone()), "audio": Image.new("RGB", (8, 8)), "output_type": "pil"},
        "are swapped",
    ),
    "empty list": ({"audio": []}, "audio must not be an empty list"),
}


@pytest.mark.parametrize("name", BAD_CALLS)
def test_bad_calls(pipeline: DirfaPipeline, name: str) -> None:
    arguments, message = BAD_CALLS[name]
    with pytest.raises(InputError, match=message):
        draw(pipeline, **arguments)


def test_lists_must_match(pipeline: DirfaPipeline, portrait: Portrait) -> None:
    with pytest.raises(InputError, match="equal lengths"):
        pipeline([portrait] * 2, [(16_000, tone())] * 3)


def test_windows_do_not_depend_on_length(pipeline: DirfaPipeline) -> None:
    """A longer clip begins with the features of a shorter one, away from the end's context."""
    long = AudioClip(tone(12.0)[None], 16_000)
    short = AudioClip(tone(10.0)[None], 16_000)
    with torch.no_grad():
        a, b = pipeline.encode_audio(long), pipeline.encode_audio(short)
    assert a.shape == (600, 36)
    torch.testing.assert_close(a[:400], b[:400], atol=1e-5, rtol=1e-4)


def test_round_trip_is_bit_equal_in_a_fresh_interpreter(pipeline: DirfaPipeline, tmp_path: Path) -> None:
    pipeline.save_pretrained(tmp_path / "pipe")
    index = json.loads((tmp_path / "pipe" / "model_index.json").read_text())
    assert index["animation_sampler"] == ["dirfa_pipeline.models.animation_sampler", "AnimationSampler"]
    assert index["face_model"] == ["dirfa_pipeline.models.face_model", "FaceModel"]
    assert index["face_renderer"] == ["dirfa_pipeline.models.face_renderer", "FaceRenderer"]
    assert index["audio_encoder"] == ["transformers", "Wav2Vec2Model"]
    np.save(tmp_path / "sound.npy", tone())
    script = (
        "import sys, numpy, torch\n"
        "from dirfa_pipeline import DirfaPipeline\n"
        "pipe = DirfaPipeline.from_pretrained(sys.argv[1] + '/pipe')\n"
        "output = pipe(audio=(16000, numpy.load(sys.argv[1] + '/sound.npy')), output_type='animation',\n"
        "              generator=torch.Generator().manual_seed(9))\n"
        "numpy.save(sys.argv[1] + '/drawn.npy', output.animation[0].coefficients)\n"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=True, timeout=300)
    expected = draw(pipeline, generator=seeded(9))[0].coefficients
    np.testing.assert_array_equal(np.load(tmp_path / "drawn.npy"), expected)


@pytest.mark.parametrize("fault", ["missing", "extra", "shape"])
def test_broken_checkpoints_are_named(pipeline: DirfaPipeline, tmp_path: Path, fault: str) -> None:
    folder = tmp_path / "pipe"
    pipeline.save_pretrained(folder)
    path = folder / "animation_sampler" / "diffusion_pytorch_model.safetensors"
    tensors = load_file(path)
    if fault == "missing":
        del tensors["motion_prior.output.bias"]
    elif fault == "extra":
        tensors["motion_prior.stranger"] = torch.zeros(2)
    else:
        tensors["motion_prior.output.bias"] = torch.zeros(3)
    save_file(tensors, path)
    with pytest.raises(CheckpointError, match=r"motion_prior\.(output\.bias|stranger)"):
        DirfaPipeline.from_pretrained(folder)
    shutil.rmtree(folder)


def test_sampling_triggers_the_offload_hook(pipeline: DirfaPipeline) -> None:
    """`enable_model_cpu_offload` moves a component when its `forward` runs; the sampler has none."""
    calls = []

    class Hook(ModelHook):
        def pre_forward(self, module: torch.nn.Module, *args: object, **kwargs: object) -> tuple:
            calls.append(module)
            return args, kwargs

    add_hook_to_module(pipeline.animation_sampler, Hook())
    try:
        draw(pipeline)
    finally:
        remove_hook_from_module(pipeline.animation_sampler)
    assert calls == [pipeline.animation_sampler]


def test_encoding_keeps_no_graph(pipeline: DirfaPipeline) -> None:
    assert not pipeline.encode_audio(AudioClip(tone()[None], 16_000)).requires_grad


def test_dtype_and_components(pipeline: DirfaPipeline, tmp_path: Path) -> None:
    pipeline.save_pretrained(tmp_path)
    own = pipeline.animation_sampler
    loaded = DirfaPipeline.from_pretrained(tmp_path, animation_sampler=own, dtype=torch.float32)
    assert loaded.animation_sampler is own
    assert {c.dtype for c in (loaded.audio_encoder, loaded.face_model)} == {torch.float32}
    assert all(isinstance(c, ModelMixin) for c in (loaded.face_model, loaded.face_renderer))
    other = DirfaPipeline.from_pipe(loaded)
    assert other.face_model is loaded.face_model
