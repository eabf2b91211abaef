"""
What diffusers, transformers and the rest of the stack ask of a third-party pipeline, one test a rule.

Fresh interpreters where the state of this one could hide a fault. Loading over the network is in `test_hub`, gradio in
`test_demo`, the Space in `test_space`.
"""

import importlib
import inspect
import json
import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import packages_distributions, version
from pathlib import Path

import numpy as np
import pytest
import torch
from accelerate import cpu_offload
from diffusers import AutoModel
from diffusers.pipelines.pipeline_loading_utils import LOADABLE_CLASSES
from media_files import speech
from safetensors.torch import load_file, save_file
from tiny import WEIGHTS, tiny_audio_encoder, tiny_pipeline
from transformers import Wav2Vec2FeatureExtractor, Wav2Vec2Model

import dirfa_pipeline
from dirfa_pipeline import (
    Animation,
    AnimationSampler,
    CheckpointError,
    DirfaPipeline,
    FaceModel,
    FaceRenderer,
    InputError,
    Portrait,
)
from dirfa_pipeline.hub.remote_code import TEMPLATE


ROOT = Path(__file__).parents[1]
INDEX = {
    "animation_sampler": ["dirfa_pipeline.models.animation_sampler", "AnimationSampler"],
    "audio_encoder": ["transformers", "Wav2Vec2Model"],
    "face_model": ["dirfa_pipeline.models.face_model", "FaceModel"],
    "face_renderer": ["dirfa_pipeline.models.face_renderer", "FaceRenderer"],
    "feature_extractor": ["transformers", "Wav2Vec2FeatureExtractor"],
}


def fresh(script: str, *arguments: str, **environment: str) -> str:
    """Run a script in an interpreter that has imported nothing; returns what it prints."""
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments], env=os.environ | environment, capture_output=True, text=True,
        timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout.strip()


@pytest.fixture(scope="module")
def pipeline() -> DirfaPipeline:
    return tiny_pipeline()


@pytest.fixture(scope="module")
def saved(pipeline: DirfaPipeline, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny pipeline as float32 and as fp16."""
    folder = tmp_path_factory.mktemp("saved")
    pipeline.save_pretrained(folder)
    tiny_pipeline().to(torch.float16).save_pretrained(folder, variant="fp16")
    return folder


def drawn(pipe: DirfaPipeline, seed: int = 0) -> np.ndarray:
    return pipe.sample_animation(speech(1.0), torch.Generator().manual_seed(seed)).coefficients


# What is stored, and what can be looked up from it.


@pytest.mark.parametrize("folder", ["bundled", "saved"])
def test_the_index_names_frozen_modules(folder: str, saved: Path) -> None:
    index = json.loads(((WEIGHTS if folder == "bundled" else saved) / "model_index.json").read_text())
    assert {name: entry for name, entry in index.items() if isinstance(entry, list)} == INDEX
    assert index["_class_name"] == "DirfaPipeline", "a list would hide the class from plain loading"


@pytest.mark.parametrize("name", [name for name in INDEX if name.startswith(("animation", "face"))])
def test_component_modules_bind_the_name_of_their_base(name: str) -> None:
    module, kind = INDEX[name]
    namespace = vars(importlib.import_module(module))
    bound = [namespace[base] for base in LOADABLE_CLASSES["diffusers"] if base in namespace]
    assert any(issubclass(namespace[kind], base) for base in bound)


def test_foreign_components_are_the_plain_classes(pipeline: DirfaPipeline) -> None:
    shipped = DirfaPipeline.from_pretrained(WEIGHTS)
    for pipe in (pipeline, shipped):
        assert type(pipe.audio_encoder) is Wav2Vec2Model
        assert type(pipe.feature_extractor) is Wav2Vec2FeatureExtractor


def test_every_component_is_annotated() -> None:
    parameters = inspect.signature(DirfaPipeline.__init__).parameters
    assert all(p.annotation is not inspect.Parameter.empty for p in parameters.values() if p.name != "self")


def test_tracked_weights_hold_the_code_that_is_written_today() -> None:
    text = (WEIGHTS / "pipeline.py").read_text()
    assert text == TEMPLATE.format(module="dirfa_pipeline", name="DirfaPipeline")


def test_bundled_weights_fit_in_their_budget() -> None:
    assert sum(path.stat().st_size for path in WEIGHTS.rglob("*") if path.is_file()) <= 40e6


# Loading.


@pytest.mark.slow
def test_importing_the_pipeline_is_enough_to_load(saved: Path) -> None:
    """diffusers imports no module that an index names: it must be there already."""
    script = (
        "import sys\nfrom dirfa_pipeline.pipeline_dirfa import DirfaPipeline\n"
        "DirfaPipeline.from_pretrained(sys.argv[1])\n"
        "pipe = DirfaPipeline.from_pretrained('dirfa-base')\n"
        "print(pipe.config._name_or_path, pipe.dtype)"
    )
    printed = fresh(script, str(saved), HF_HUB_OFFLINE="1")
    assert printed == "dirfa-base torch.float32"


@pytest.mark.slow
def test_the_generic_class_loads_a_folder(saved: Path) -> None:
    script = (
        "import sys\nfrom diffusers import DiffusionPipeline\n"
        "pipe = DiffusionPipeline.from_pretrained(sys.argv[1], custom_pipeline=sys.argv[1], trust_remote_code=True)\n"
        "print(type(pipe).__name__)"
    )
    assert fresh(script, str(saved)) == "DirfaPipeline"


def test_default_is_the_bundled_pipeline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    bundled = DirfaPipeline.from_pretrained()
    stored = load_file(WEIGHTS / "animation_sampler" / "diffusion_pytorch_model.safetensors")
    state = bundled.animation_sampler.state_dict()
    assert all(torch.equal(state[key], stored[key]) for key in stored)


def test_a_folder_wins_over_the_bundled_name(saved: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "dirfa-base").symlink_to(saved)
    monkeypatch.chdir(tmp_path)
    assert DirfaPipeline.from_pretrained("dirfa-base").audio_encoder.config.hidden_size == 32


@pytest.mark.parametrize("kind", [AutoModel, AnimationSampler])
def test_one_component_loads_alone(kind: type, saved: Path, pipeline: DirfaPipeline) -> None:
    loaded = kind.from_pretrained(str(saved), subfolder="animation_sampler")
    assert type(loaded) is AnimationSampler
    pairs = zip(loaded.parameters(), pipeline.animation_sampler.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)


@pytest.mark.parametrize("kind", [AnimationSampler, FaceModel, FaceRenderer])
def test_a_component_alone_is_whole_or_an_error(kind: type, pipeline: DirfaPipeline, tmp_path: Path) -> None:
    name = next(name for name, entry in INDEX.items() if entry[1] == kind.__name__)
    pipeline.components[name].save_pretrained(tmp_path)
    path = tmp_path / "diffusion_pytorch_model.safetensors"
    tensors = load_file(path)
    missing = sorted(tensors)[0]
    del tensors[missing]
    save_file(tensors, path, metadata={"format": "pt"})
    with pytest.raises(CheckpointError, match=re.escape(missing)):
        kind.from_pretrained(tmp_path)


LAYOUT_FAULTS = {
    "no index": (lambda folder: (folder / "model_index.json").unlink(), "holds no model_index.json"),
    "no folder": (lambda folder: (folder / "face_model").rename(folder / "lost"), "lacks the folder face_model"),
    "no encoder tensors": (
        lambda folder: (folder / "audio_encoder" / "model.safetensors").unlink(),
        "audio_encoder holds no",
    ),
}


@pytest.mark.parametrize("fault", LAYOUT_FAULTS)
def test_missing_files_are_named(fault: str, pipeline: DirfaPipeline, tmp_path: Path) -> None:
    pipeline.save_pretrained(tmp_path)
    damage, message = LAYOUT_FAULTS[fault]
    damage(tmp_path)
    with pytest.raises(CheckpointError, match=message):
        DirfaPipeline.from_pretrained(tmp_path)


# Precision.


def test_both_halves_get_the_dtype(saved: Path) -> None:
    for dtype in (torch.float32, torch.float16, torch.bfloat16):
        pipe = DirfaPipeline.from_pretrained(saved, dtype=dtype)
        assert pipe.audio_encoder.dtype == pipe.animation_sampler.dtype == dtype
        assert pipe.face_model.dtype == pipe.face_renderer.dtype == torch.float32
    mixed = DirfaPipeline.from_pretrained(saved, dtype={"audio_encoder": torch.bfloat16, "default": torch.float32})
    assert (mixed.audio_encoder.dtype, mixed.animation_sampler.dtype) == (torch.bfloat16, torch.float32)


def test_to_casts_networks_and_leaves_geometry(saved: Path) -> None:
    pipe = DirfaPipeline.from_pretrained(saved).to(torch.float16)
    assert pipe.audio_encoder.dtype == pipe.animation_sampler.dtype == torch.float16
    assert pipe.face_model.dtype == pipe.face_renderer.dtype == torch.float32
    assert pipe.to("cpu").device == torch.device("cpu")


def test_half_precision_draws_nearly_the_same(saved: Path) -> None:
    whole = drawn(DirfaPipeline.from_pretrained(saved))
    half = drawn(DirfaPipeline.from_pretrained(saved, variant="fp16", dtype=torch.float16))
    assert np.isfinite(half).all()
    np.testing.assert_allclose(half, whole, atol=0.02)


def test_fp16_pipeline_renders(saved: Path, portrait: Portrait) -> None:
    half = DirfaPipeline.from_pretrained(saved, variant="fp16", dtype=torch.float16)
    half.set_progress_bar_config(disable=True)
    whole = DirfaPipeline.from_pretrained(saved)
    animation = Animation.from_curves(2, jawOpen=0.4, yaw=0.1)
    a, b = (next(iter(pipe.render(portrait, animation))) for pipe in (half, whole))
    np.testing.assert_array_equal(a, b)


def test_unknown_variant_is_said(saved: Path) -> None:
    with pytest.raises(CheckpointError, match="no variant 'int8', only fp16, the plain one"):
        DirfaPipeline.from_pretrained(saved, variant="int8")


def test_a_broken_variant_is_not_excused_by_the_plain_file(saved: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(saved, tmp_path / "pipe")
    path = folder / "audio_encoder" / "model.fp16.safetensors"
    tensors = load_file(path)
    del tensors["encoder.layer_norm.bias"]
    save_file(tensors, path, metadata={"format": "pt"})
    with pytest.raises(CheckpointError, match="encoder.layer_norm.bias"):
        DirfaPipeline.from_pretrained(folder, variant="fp16")
    DirfaPipeline.from_pretrained(folder)


# The pipeline's habits.


def test_components_rebuild_the_pipeline(pipeline: DirfaPipeline) -> None:
    again = DirfaPipeline(**pipeline.components)
    np.testing.assert_array_equal(drawn(again), drawn(pipeline))
    shared = DirfaPipeline.from_pipe(pipeline)
    assert all(shared.components[name] is part for name, part in pipeline.components.items())
    np.testing.assert_array_equal(drawn(shared), drawn(pipeline))


def test_optional_components_may_be_left_out(saved: Path, portrait: Portrait, tmp_path: Path) -> None:
    """What renders needs no networks; asking it to speak says so."""
    left_out = {"feature_extractor": None, "audio_encoder": None, "animation_sampler": None}
    puppet = DirfaPipeline.from_pretrained(saved, **left_out)
    puppet.set_progress_bar_config(disable=True)
    assert len(puppet(portrait, animation=Animation.from_curves(2)).frames[0]) == 2
    for speak in (
        lambda: puppet(portrait, (16_000, speech(1.0).samples)),
        lambda: puppet.sample_animation(speech(1.0)),
        lambda: puppet.encode_audio(speech(1.0)),
        lambda: next(iter(puppet.stream(portrait, [speech(1.0)]))),
    ):
        with pytest.raises(InputError, match="loaded without feature_extractor, audio_encoder, animation_sampler"):
            speak()
    puppet.save_pretrained(tmp_path)
    assert DirfaPipeline.from_pretrained(tmp_path).audio_encoder is None
    assert DirfaPipeline.from_pipe(puppet).face_model is puppet.face_model


def test_call_has_the_arguments_of_a_diffusers_pipeline() -> None:
    names = inspect.signature(DirfaPipeline.__call__).parameters.keys()
    assert {
        "image", "generator", "num_videos_per_prompt", "output_type", "return_dict", "callback_on_step_end",
        "callback_on_step_end_tensor_inputs",
    } <= names  # fmt: skip


def test_callback_is_given_every_name_it_may_ask_for(pipeline: DirfaPipeline, portrait: Portrait) -> None:
    given = []
    pipeline(
        portrait, animation=Animation.from_curves(30), output_type="np",
        callback_on_step_end=lambda pipe, step, frame, tensors: given.append(sorted(tensors)) or {},
        callback_on_step_end_tensor_inputs=pipeline._callback_tensor_inputs,
    )  # fmt: skip
    assert given == [sorted(pipeline._callback_tensor_inputs)] * 2


def test_progress_bar_can_be_shown_and_hidden(portrait: Portrait, capsys: pytest.CaptureFixture[str]) -> None:
    pipe = tiny_pipeline()
    for hidden in (False, True):
        pipe.set_progress_bar_config(disable=hidden)
        pipe(portrait, animation=Animation.from_curves(3))
        assert ("3/3" in capsys.readouterr().err) != hidden


def test_offloading_is_declared_and_honest(pipeline: DirfaPipeline) -> None:
    parts = {name for name, part in pipeline.components.items() if isinstance(part, torch.nn.Module)}
    assert {*pipeline.model_cpu_offload_seq.split("->"), *pipeline._exclude_from_cpu_offload} == parts
    if not torch.cuda.is_available() and not torch.backends.mps.is_available():
        with pytest.raises(RuntimeError, match="accelerator"):
            pipeline.enable_model_cpu_offload()


@pytest.mark.parametrize("kind", ["sequential", "group"])
def test_offloading_changes_nothing(kind: str, pipeline: DirfaPipeline, portrait: Portrait) -> None:
    """With the CPU as the accelerator: what is not brought back in time is on the meta device and fails."""
    pipe = tiny_pipeline()
    if kind == "group":
        cpu = torch.device("cpu")
        pipe.enable_group_offload(onload_device=cpu, offload_device=cpu, offload_type="leaf_level")
    else:
        for name in pipe.components.keys() - {*pipe._exclude_from_cpu_offload, "feature_extractor"}:
            cpu_offload(pipe.components[name], torch.device("cpu"))
        assert pipe.audio_encoder.device.type == "meta"
    np.testing.assert_array_equal(drawn(pipe), drawn(pipeline))
    assert len(pipe(portrait, animation=Animation.from_curves(2)).frames[0]) == 2


# The rest of the stack.


@pytest.mark.parametrize("place", ["bundled", "tiny"])
def test_encoders_normalise_by_layer(place: str) -> None:
    """Group norm would run over the whole clip: the sound could not be cut."""
    encoder = tiny_audio_encoder() if place == "tiny" else Wav2Vec2Model.from_pretrained(WEIGHTS / "audio_encoder")
    assert encoder.config.feat_extract_norm == "layer"


def test_numpy_of_today_and_one_opencv() -> None:
    """Two OpenCV packages overwrite each other's files."""
    providers = packages_distributions()
    assert len(set(providers["cv2"])) == 1
    assert int(version("numpy").split(".")[0]) >= 2


def test_torch_is_installed_first() -> None:
    """Everything that needs torch comes in a later pip command."""
    for name in ("Makefile", "Dockerfile"):
        text = (ROOT / name).read_text()
        assert re.search(r"constraints?.txt torch$", text.replace(" \\", ""), re.MULTILINE), name


def test_each_thread_has_a_detector_of_its_own(astronaut: Path, face_model: FaceModel) -> None:
    with ThreadPoolExecutor(4) as pool:
        portraits = list(pool.map(lambda _: Portrait.from_image(astronaut, face_model, max_size=512), range(8)))
    for other in portraits[1:]:
        np.testing.assert_array_equal(other.landmarks, portraits[0].landmarks)


def test_version_is_said_in_one_place() -> None:
    assert dirfa_pipeline.__version__ not in (ROOT / "pyproject.toml").read_text()
