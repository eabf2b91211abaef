"""Loading that never leaves a random or meta parameter behind."""

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

from safetensors import safe_open
from torch import nn

from ..bundled import FACE_DETECTOR
from ..capture.detector import DETECTOR_FILES
from ..errors import CheckpointError
from ..media.audio import receptive_field
from ..models.strict_model import raise_faults


def check_layout(folder: Path, variant: str | None, given: Collection[str]) -> None:
    """
    Check that a folder holds a whole pipeline before anything of it is loaded.

    Args:
        folder (`Path`): What `save_pretrained` wrote.
        variant (`str`, *optional*): Such as `"fp16"`; at least one component must have it.
        given (`Collection[str]`): Components that the caller brings along.

    Raises:
        CheckpointError: A file is missing; the message names it.
    """
    index = folder / "model_index.json"
    if not index.is_file():
        raise CheckpointError(f"{folder} holds no model_index.json; pass a folder that save_pretrained wrote")
    entries = json.loads(index.read_text(encoding="utf-8")).items()
    names = [name for name, value in entries if isinstance(value, list) and value[0] and name not in given]
    missing = [name for name in names if not (folder / name).is_dir()]
    if missing:
        raise CheckpointError(f"{folder} lacks the folder {missing[0]}; download or save the pipeline again")
    for name in names:
        if (folder / name / "config.json").is_file() and not any((folder / name).glob("*.safetensors")):
            raise CheckpointError(f"{folder / name} holds no .safetensors file; download or save the pipeline again")
    detector = folder / FACE_DETECTOR
    if detector.is_dir():
        lacking = [name for name in DETECTOR_FILES if not (detector / name).is_file()]
        if lacking:
            raise CheckpointError(f"{detector / lacking[0]} is missing; download or save the pipeline again")
    found = {variant_of(path) for name in names for path in (folder / name).glob("*.safetensors")}
    if variant is not None and variant not in found:
        raise CheckpointError(
            f"{folder} has no variant {variant!r}, only {', '.join(sorted(v or 'the plain one' for v in found))}; "
            f"leave variant out, or make it with pipe.save_pretrained(folder, variant={variant!r})"
        )


def check_component(name: str, module: nn.Module, folder: Path, variant: str | None = None) -> None:
    """
    Compare a loaded component with the safetensors files it came from.

    Args:
        name (`str`): The component's name, for the message.
        module (`nn.Module`): The component after loading.
        folder (`Path`): The folder with its safetensors files.
        variant (`str`, *optional*): The variant asked for; a component without it was loaded from its plain files.

    Raises:
        CheckpointError: The files lack a tensor, hold one too many, or one whose shape differs; the message names it.
    """
    stored = stored_shapes(folder, variant)
    if not stored:
        raise CheckpointError(f"{name}: {folder} holds no .safetensors file; download or rebuild the checkpoint")
    expected = {key: tuple(value.shape) for key, value in module.state_dict().items()}
    faults = [f"lacks {key}" for key in sorted(expected.keys() - stored.keys())]
    faults += [f"holds the unknown {key}" for key in sorted(stored.keys() - expected.keys())]
    faults += [
        f"holds {key} of shape {stored[key]} where {expected[key]} is due"
        for key in sorted(expected.keys() & stored.keys())
        if expected[key] != stored[key]
    ]
    raise_faults(f"{name}: the checkpoint in {folder}", faults)


def check_pair(audio_encoder: Any, animation_sampler: Any) -> None:
    """Raise [`CheckpointError`] unless the sampler takes what the encoder gives, as far as both are there."""
    if audio_encoder is None:
        return
    given = audio_encoder.config
    receptive_field(given.conv_kernel, given.conv_stride)
    if animation_sampler is not None and given.hidden_size != animation_sampler.config.audio_dim:
        raise CheckpointError(
            f"audio_encoder gives features of width {given.hidden_size}, but animation_sampler takes "
            f"{animation_sampler.config.audio_dim}; use an encoder with the sampler that was trained on it"
        )


def variant_of(path: Path) -> str | None:
    """The variant in a file's name: `"fp16"` for `model.fp16-00001-of-00002.safetensors`, `None` for a plain one."""
    return path.stem.partition(".")[2].partition("-")[0] or None


def stored_shapes(folder: Path, variant: str | None = None) -> dict[str, tuple[int, ...]]:
    """Names and shapes of a variant's tensors (the plain ones where it is missing), read from the headers alone."""
    files = sorted(folder.glob("*.safetensors"))
    chosen = [path for path in files if variant_of(path) == variant]
    shapes: dict[str, tuple[int, ...]] = {}
    for path in chosen or [path for path in files if variant_of(path) is None]:
        with safe_open(path, framework="pt") as file:
            shapes |= {key: tuple(file.get_slice(key).get_shape()) for key in file.keys()}  # noqa: SIM118
    return shapes
