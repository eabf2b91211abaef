"""The model card that is published with a pipeline, made from what the pipeline really is."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import torch
from diffusers import DiffusionPipeline
from huggingface_hub import ModelCard, ModelCardData
from safetensors.torch import load_file
from torch import nn

from ..bundled import BUNDLED_NAME, bundled_weights
from ..errors import CheckpointError, InputError


TAGS: Final = ("talking-face", "lip-sync", "audio-driven", "arkit", "dirfa")

TEMPLATE: Final = """\
# {name}

It makes a video in which the person of a photo says a speech clip, with a different plausible take for every
seed. This is a [diffusers](https://github.com/huggingface/diffusers) pipeline after DIRFA (Wu et al., "Audio-driven
talking face generation with diverse yet realistic facial animations", Pattern Recognition 2023,
[10.1016/j.patcog.2023.109865](https://doi.org/10.1016/j.patcog.2023.109865)), written from the paper's public
description; no code or weights of the paper are in it.

## Use

After `pip install dirfa-pipeline`:

```python
import torch
from dirfa_pipeline import DirfaPipeline, load_audio, write_video

pipe = DirfaPipeline.from_pretrained("{repo_id}")
speech = load_audio("speech.wav")
portrait = pipe.prepare_portrait("photo.jpg")
animation = pipe.sample_animation(speech, generator=torch.Generator().manual_seed(7))
write_video("talk.mp4", pipe.render(portrait, animation), animation.fps, speech)
```

or `dirfa generate photo.jpg speech.wav -o talk.mp4 --weights {repo_id}`. Generic code loads it with
`DiffusionPipeline.from_pretrained("{repo_id}", custom_pipeline="{repo_id}", trust_remote_code=True)`.

## Components

{components}

## Training data

{training}

## Measured

{metrics}

{limits}
"""

LIMITS: Final = """\
## Limits and responsible use

The face must look at the camera within 35 degrees and be at least 64 pixels across. Animate only people who agreed to
it and label the result as synthetic. Videos are marked by default: signed content credentials (C2PA), metadata and an
invisible watermark, which `dirfa verify` reads."""


def build_model_card(
    pipe: DiffusionPipeline,
    repo_id: str,
    metrics: Mapping[str, Any] | None = None,
    notes: str | None = None,
    license: str | None = None,
) -> str:
    """
    Write the card of a pipeline as markdown with front matter.

    What the bundled weights' own card says about data, languages and licence is said of the components that are
    those of the bundled weights, number for number; about all others the publisher speaks.

    Args:
        pipe (`DiffusionPipeline`): What is published.
        repo_id (`str`): Where; used in the example.
        metrics (*optional*): The report that `dirfa evaluate --json` wrote.
        notes (`str`, *optional*): Markdown about the data and the licences of the components that are not bundled.
        license (`str`, *optional*): The hub's name of the licence; the bundled weights' for a pipeline of these.

    Raises:
        InputError: `metrics` is not of this shape.
    """
    base = _bundled_card()
    known = base.data.to_dict() if base else {}
    bundled = {name for name, module in _modules(pipe).items() if base and is_bundled(name, module)}
    own = sorted(_modules(pipe).keys() - bundled)
    data = ModelCardData(
        license=license or (None if own else known.get("license")),
        language=known.get("language") if "audio_encoder" in bundled else None,
        library_name="diffusers",
        pipeline_tag="image-to-video",
        tags=list(TAGS),
    )
    text = TEMPLATE.format(
        name=repo_id.rpartition("/")[2],
        repo_id=repo_id,
        components=_component_table(pipe, bundled),
        training=_training(base.content if base else "", bundled, own, notes),
        metrics=_metrics_table(metrics) if metrics else "Nothing was measured on this checkpoint.",
        limits=(base and _section(base.content, "Limits and responsible use")) or LIMITS,
    )
    return f"---\n{data.to_yaml()}\n---\n\n{text}"


def is_bundled(name: str, module: nn.Module) -> bool:
    """Whether a component's tensors are those of the bundled weights, up to rounding to the component's dtype."""
    files = sorted((bundled_weights() / name).glob("*.safetensors"))
    stored = {key: value for path in files for key, value in load_file(path).items()}
    tensors = module.state_dict()
    return stored.keys() == tensors.keys() and all(
        torch.equal(stored[key].to(tensors[key].dtype), tensors[key].cpu()) for key in stored
    )


def _modules(pipe: DiffusionPipeline) -> dict[str, nn.Module]:
    return {name: part for name, part in pipe.components.items() if isinstance(part, nn.Module)}


def _bundled_card() -> ModelCard | None:
    try:
        path = bundled_weights().parent / "README.md"
    except CheckpointError:
        return None
    return ModelCard.load(path) if path.is_file() else None


def _component_table(pipe: DiffusionPipeline, bundled: set[str]) -> str:
    rows = ["| component | class | parameters | weights |", "|---|---|---|---|"]
    for name, part in sorted(pipe.components.items()):
        kind = f"`{type(part).__module__.split('.')[0]}.{type(part).__name__}`"
        if isinstance(part, nn.Module):
            count = f"{sum(parameter.numel() for parameter in part.parameters()):,}"
            rows.append(f"| `{name}` | {kind} | {count} | {BUNDLED_NAME if name in bundled else 'own'} |")
        else:
            rows.append(f"| `{name}` | {kind} | | |")
    return "\n".join(rows)


def _training(base: str, bundled: set[str], own: list[str], notes: str | None) -> str:
    parts = []
    if own:
        parts.append(f"{', '.join(f'`{name}`' for name in own)}: {notes or 'not stated by the publisher.'}")
    elif notes:
        parts.append(notes)
    if bundled:
        parts.append(f"{', '.join(f'`{name}`' for name in sorted(bundled))} are those of {BUNDLED_NAME}:")
        parts.append(_section(base, "Training sources").partition("\n")[2].strip())
    return "\n\n".join(parts)


def _section(text: str, title: str) -> str:
    """A section of a markdown text with its heading; empty where there is none."""
    start = text.find(f"## {title}\n")
    stop = text.find("\n## ", start + 1)
    return "" if start < 0 else text[start : stop if stop > 0 else len(text)].strip()


def _metrics_table(report: Mapping[str, Any]) -> str:
    """A line a metric, a column a row of the report, and the target where there is one."""
    try:
        rows, targets, meanings = report["rows"], report.get("targets", {}), report.get("meanings", {})
        names = list(dict.fromkeys(metric for row in rows.values() for metric in row))
        lines = [["", *rows, "target"], ["---"] * (len(rows) + 2)]
        for metric in names:
            values = [f"{row[metric]:.3g}" if metric in row else "" for row in rows.values()]
            lines.append([meanings.get(metric, metric), *values, _target(targets.get(metric, (None, None)))])
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise InputError(
            "metrics must be a report {'rows': {name: {metric: number}}}, as `dirfa evaluate --json` writes it, got "
            f"{str(report)[:80]} ({type(error).__name__}: {error})"
        ) from error
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _target(bounds: Sequence[float | None]) -> str:
    low, high = bounds
    if low is None and high is None:
        return ""
    return f"at least {low:g}" if high is None else f"at most {high:g}" if low is None else f"{low:g} to {high:g}"
