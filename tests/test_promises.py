"""What the pipeline's documentation promises: when inputs are checked, what each method takes, how it is described."""

import inspect
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from media_files import speech, write_media
from tiny import tiny_pipeline

from dirfa_pipeline import (
    Animation,
    AudioClip,
    Controls,
    DirfaPipeline,
    InputError,
    Portrait,
    pipeline_dirfa,
    pipeline_inputs,
    write_video,
)
from dirfa_pipeline.media.audio import open_audio


TONE = (0.3 * np.sin(np.arange(16_000) / 20)).astype(np.float32)


def seeded(seed: int = 7) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def pipeline() -> DirfaPipeline:
    return tiny_pipeline()


@pytest.fixture(scope="module")
def portrait(pipeline: DirfaPipeline, astronaut: Path) -> Portrait:
    return pipeline.prepare_portrait(astronaut, max_size=448)


# Arguments that break a rule, beside good files: whatever is wrong is said before a file is decoded.
LATE_FAULTS: dict[str, dict[str, Any]] = {
    "expression": {"expression": "hapy"},
    "strength": {"expression_strength": 3.0},
    "keyframes": {"expression": [("sad", 2.0), ("happy", 1.0)]},
    "controls": {"controls": "happy"},
    "neutralize": {"neutralize": True, "output_type": "animation"},
    "nods": {"controls": Controls(nods=1.0), "audio": None, "animation": Animation.from_curves(5)},
    "motion": {"motion_from": "nothing.mp4"},
    "no motion": {"motion_from": 7},
    "lists": {"image": ["PHOTO", "PHOTO"], "audio": ["SOUND"] * 3},
    "generators": {"generator": [torch.Generator()] * 2},
    "one generator": {"generator": [None, 3], "num_videos_per_prompt": 2},
    "size": {"max_size": 8},
    "second photo": {"image": ["PHOTO", "nobody.jpg"]},
    "second array": {"image": ["PHOTO", np.zeros((96, 96, 2), np.uint8)]},
    "second sound": {"audio": ["SOUND", "nothing.wav"]},
    "silent array": {"audio": ["SOUND", (16_000, 0 * TONE)]},
    "rate": {"audio": ["SOUND", TONE]},
    "second animation": {"animation": [Animation.from_curves(3), TONE]},
    "callback": {"callback_on_step_end": "print"},
    "callback's inputs": {"callback_on_step_end_tensor_inputs": ("latents",)},
}


@pytest.mark.parametrize("name", LATE_FAULTS)
def test_all_is_checked_before_anything_is_decoded(
    name: str, pipeline: DirfaPipeline, astronaut: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound = write_media(tmp_path / "speech.wav", speech(0.5), "pcm_s16le")
    files = {"PHOTO": str(astronaut), "SOUND": str(sound)}

    def named(value: Any) -> Any:
        if isinstance(value, list):
            return [named(item) for item in value]
        return files.get(value, value) if isinstance(value, str) else value

    def no_file(*arguments: Any, **options: Any) -> Any:
        if isinstance(arguments[0], str | Path):
            raise AssertionError(f"{arguments[0]} was decoded")
        return load_audio(*arguments, **options)

    load_audio = pipeline_inputs.load_audio
    monkeypatch.setattr(pipeline_inputs, "load_audio", no_file)
    monkeypatch.setattr(pipeline_inputs, "read_photo", no_file)
    monkeypatch.setattr(pipeline_dirfa, "track_video", no_file)
    monkeypatch.setattr(DirfaPipeline, "prepare_portrait", no_file)
    arguments = {"image": "PHOTO", "audio": "SOUND"} | LATE_FAULTS[name]
    with pytest.raises(InputError):
        pipeline(**{key: named(value) for key, value in arguments.items()})


def test_all_files_are_decoded_before_a_face_is_looked_for(
    pipeline: DirfaPipeline, astronaut: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = tmp_path / "speech.wav"
    text.write_text("no sound")
    monkeypatch.setattr(DirfaPipeline, "prepare_portrait", lambda *_, **__: pytest.fail("a face was looked for"))
    with pytest.raises(InputError, match="cannot be read as audio"):
        pipeline(str(astronaut), [str(text)])


def test_interrupt_is_there_before_the_first_call() -> None:
    assert tiny_pipeline().interrupt is False


def test_sampling_takes_what_a_call_takes(pipeline: DirfaPipeline, tmp_path: Path) -> None:
    clip = speech(1.0)
    path = write_media(tmp_path / "speech.wav", clip, "pcm_s16le")
    kinds: dict[str, tuple[Any, int | None]] = {
        "clip": (clip, None),
        "pair": ((16_000, clip.samples), None),
        "array": (clip.samples[0], 16_000),
        "path": (path, None),
        "name": (str(path), None),
        "file": (open_audio(path), None),
    }
    for name, (audio, rate) in kinds.items():
        called = pipeline(
            audio=audio, sampling_rate=rate, generator=seeded(), output_type="animation"
        ).animation[0]  # fmt: skip
        sampled = pipeline.sample_animation(audio, seeded(), sampling_rate=rate)
        np.testing.assert_array_equal(sampled.coefficients, called.coefficients, err_msg=name)
        assert pipeline.encode_audio(audio, rate).shape == (50, 36)
    with pytest.raises(InputError, match="needs its sampling_rate"):
        pipeline.sample_animation(clip.samples[0])
    with pytest.raises(InputError, match=r"lookahead must be None or seconds in"):
        pipeline.sample_animation(clip, lookahead=0.01)
    with pytest.raises(InputError, match=r"diversity must be a number in \[0, 2\]"):
        pipeline.sample_animation(clip, diversity=-1.0)


Maker = Callable[..., Any]


@pytest.fixture(scope="module")
def filmed(pipeline: DirfaPipeline, portrait: Portrait, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("film") / "clip.mp4"
    write_video(path, pipeline.render(portrait, Animation.from_curves(16, jawOpen=0.2)), 25)
    return path


@pytest.fixture(params=["render", "stream", "dub"])
def maker(request: pytest.FixtureRequest, pipeline: DirfaPipeline, portrait: Portrait, filmed: Path) -> Maker:
    """A method that yields frames one by one, ready to be given a callback."""
    ways: dict[str, Maker] = {
        "render": lambda **options: pipeline.render(portrait, Animation.from_curves(16), **options),
        "stream": lambda **options: pipeline.stream(portrait, [speech(0.64)], generator=seeded(), **options),
        "dub": lambda **options: pipeline.dub(filmed, speech(0.6), generator=seeded(), **options),
    }
    return ways[request.param]


def test_callbacks_see_change_and_stop(maker: Maker) -> None:
    seen = []

    def callback(pipe: DirfaPipeline, step: int, frame: int, tensors: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        assert tensors["coefficients"].shape == (1, 58)
        seen.append((step, frame))
        pipe._interrupt = step == 4
        return {"frames": tensors["frames"] // 2}

    plain = [frame.copy() for frame in maker()]
    changed = list(
        maker(callback_on_step_end=callback, callback_on_step_end_tensor_inputs=("frames", "coefficients"))
    )  # fmt: skip
    assert len(plain) == 16
    assert seen == [(step, step) for step in range(5)]
    np.testing.assert_array_equal(changed, np.array(plain[:5]) // 2)
    assert len(list(maker())) == 16, "without a callback nothing is interrupted"


def test_callbacks_are_checked_at_once(maker: Maker) -> None:
    with pytest.raises(InputError, match="tensor_inputs must be among"):
        maker(callback_on_step_end_tensor_inputs=("latents",))


def test_progress_is_shown(
    maker: Maker, pipeline: DirfaPipeline, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "_progress_bar_config", {"desc": "frames", "mininterval": 0})
    list(maker())
    assert re.search(r"frames.*16", capsys.readouterr().err)


def test_render_names_what_it_needs(pipeline: DirfaPipeline, portrait: Portrait) -> None:
    with pytest.raises(InputError, match="portrait must be a Portrait, got str"):
        pipeline.render("photo.jpg", Animation.from_curves(1))
    with pytest.raises(InputError, match="wrap arrays"):
        pipeline.render(portrait, np.zeros((3, 58)))


PUBLIC = [name for name, member in vars(DirfaPipeline).items() if inspect.isfunction(member) and name[0] != "_"]


def described(text: str) -> dict[str, str]:
    """The arguments that a docstring describes, and how each description begins."""
    block = re.search(r"\nArgs:\n(.*?)(\n\n|\Z)", text, re.DOTALL)
    if block is None:
        return {}
    lines = [line[4:] for line in block[1].splitlines() if re.match(r" {4}\S", line)]
    heads = [line.partition(":")[0] for line in lines]
    return {name: head for head in heads for name in head.partition(" (")[0].split(", ")}


@pytest.mark.parametrize("name", ["__call__", "render", "stream", "dub", "sample_animation", "prepare_portrait"])
def test_arguments_are_described_as_diffusers_does(name: str) -> None:
    """``name (`type`, *optional*, defaults to ...)`` for each argument of the signature, and for no other."""
    function = getattr(DirfaPipeline, name)
    parameters = {key: value for key, value in inspect.signature(function).parameters.items() if key != "self"}
    heads = described(inspect.cleandoc(function.__doc__))
    assert heads.keys() == parameters.keys()
    for key, parameter in parameters.items():
        optional = parameter.default is not inspect.Parameter.empty
        assert re.match(rf"{key} \(.*[`\]]", heads[key]), heads[key]
        assert ("*optional*" in heads[key]) == optional, heads[key]
        if optional and parameter.default is not None:
            assert "defaults to" in heads[key], heads[key]


def test_public_methods_are_described() -> None:
    assert all(inspect.getdoc(getattr(DirfaPipeline, name)) for name in PUBLIC)
    described_call = DirfaPipeline.__call__.__doc__
    assert "```py" in described_call, "replace_example_docstring put the example in its place"


def test_the_example_runs(
    tmp_path: Path, astronaut: Path, monkeypatch: pytest.MonkeyPatch, pipeline: DirfaPipeline
) -> None:
    """As it stands in the docstring, with a small pipeline in place of the trained one."""
    code = "\n".join(
        line.strip()[4:] for line in pipeline_dirfa.EXAMPLE_DOC_STRING.splitlines() if line.strip().startswith(">>>")
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(DirfaPipeline, "from_pretrained", lambda *_: pipeline)
    (tmp_path / "photo.jpg").write_bytes(astronaut.read_bytes())
    write_media(tmp_path / "speech.wav", AudioClip(TONE[None], 16_000), "pcm_s16le")
    exec(code, {})
    assert (tmp_path / "talk.mp4").stat().st_size > 10_000
