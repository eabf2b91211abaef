"""Six nodes against ComfyUI's own API: their schemas are valid, and a workflow of them makes marked videos."""

import asyncio
import inspect
import json
from io import BytesIO
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import dirfa_pipeline
from dirfa_pipeline import load_audio, verify


EXAMPLES = Path(dirfa_pipeline.__file__).parent / "examples"
SECONDS = 1


@pytest.fixture(scope="module")
def by_id(nodes: ModuleType) -> dict[str, Any]:
    """All nodes that the extension offers, by their id."""
    extension = asyncio.run(nodes.comfy_entrypoint())
    return {node.GET_SCHEMA().node_id: node for node in asyncio.run(extension.get_node_list())}


def run(node: Any, **inputs: Any) -> Any:
    """Run a node as ComfyUI's executor does, with the defaults of what is left out; its first output."""
    for group in node.INPUT_TYPES().values():
        for name, (_, options) in group.items():
            if "default" in options:
                inputs.setdefault(name, options["default"])
    return node.EXECUTE_NORMALIZED(**inputs).result[0]


@pytest.fixture(scope="module")
def workflow(by_id: dict[str, Any]) -> dict[str, Any]:
    """What the nodes make of the bundled photo and a second of the bundled speech."""
    clip = load_audio(EXAMPLES / "speech.flac")
    waveform = torch.from_numpy(clip.samples[:, : SECONDS * clip.sampling_rate])[None]
    audio = {"waveform": waveform, "sample_rate": clip.sampling_rate}
    image = torch.from_numpy(np.asarray(Image.open(EXAMPLES / "astronaut.jpg"), np.float32) / 255)[None]
    pipeline = run(by_id["DirfaLoadPipeline"])
    made = {"audio": audio, "pipeline": pipeline}
    made["portrait"] = run(by_id["DirfaPortrait"], pipeline=pipeline, image=image, max_size=400)
    made["performance"] = run(by_id["DirfaSample"], pipeline=pipeline, audio=audio, seed=7)
    made["directed"] = run(
        by_id["DirfaDirect"], pipeline=pipeline, animation=made["performance"], expression="happy", head_motion=0.0
    )
    inputs = {"portrait": made["portrait"], "animation": made["directed"]}
    made["video"] = run(by_id["DirfaRender"], pipeline=pipeline, audio=audio, **inputs)
    return made


def test_schemas_are_complete(by_id: dict[str, Any]) -> None:
    assert len(by_id) == 6
    for name, node in by_id.items():
        info = node.GET_NODE_INFO_V1()
        json.dumps(info)  # what the browser is sent
        assert name.startswith("Dirfa") and info["display_name"] and info["description"]
        taken = inspect.signature(node.execute).parameters
        assert {item.id for item in node.define_schema().inputs} == taken.keys()
        optional = {item.id for item in node.define_schema().inputs if item.optional}
        assert optional == {key for key, value in taken.items() if value.default is not inspect.Parameter.empty}


def test_types_of_the_nodes_fit_together(by_id: dict[str, Any]) -> None:
    made = {str(kind) for node in by_id.values() for kind in node.RETURN_TYPES}
    given = {"IMAGE", "AUDIO", "VIDEO", "STRING", "INT", "FLOAT", "COMBO"}
    asked = {str(item.get_io_type()) for node in by_id.values() for item in node.define_schema().inputs}
    assert asked <= made | given
    assert {"DIRFA_PIPELINE", "DIRFA_PORTRAIT", "DIRFA_ANIMATION"} <= made


def test_a_workflow_makes_a_video(workflow: dict[str, Any], tmp_path: Path) -> None:
    video = workflow["video"]
    parts = video.get_components()
    assert parts.images.shape[0] == 25 * SECONDS and parts.frame_rate == 25
    assert parts.audio["waveform"].shape[-1] / parts.audio["sample_rate"] == pytest.approx(SECONDS, abs=0.1)
    path = tmp_path / "talk.mp4"
    source = video.get_stream_source()
    path.write_bytes(source.read() if isinstance(source, BytesIO) else Path(source).read_bytes())
    assert verify(path).marked


def test_a_performance_is_repeatable_and_directed(workflow: dict[str, Any], by_id: dict[str, Any]) -> None:
    drawn, directed = workflow["performance"], workflow["directed"]
    inputs = {"pipeline": workflow["pipeline"], "audio": workflow["audio"]}
    again, other = (run(by_id["DirfaSample"], seed=seed, **inputs) for seed in (7, 8))
    np.testing.assert_array_equal(again.coefficients, drawn.coefficients)
    assert np.abs(other["yaw"] - drawn["yaw"]).max() > 0.01
    assert not directed["yaw"].any() and directed["mouthSmileLeft"].mean() > drawn["mouthSmileLeft"].mean() + 0.2


def test_a_video_is_dubbed(workflow: dict[str, Any], by_id: dict[str, Any]) -> None:
    audio = dict(workflow["audio"], waveform=workflow["audio"]["waveform"].flip(-1))
    dubbed = run(by_id["DirfaDub"], pipeline=workflow["pipeline"], film=workflow["video"], audio=audio)
    before, after = (video.get_components().images for video in (workflow["video"], dubbed))
    assert after.shape == before.shape
    changed = (after - before).abs().amax((0, 3))
    assert changed.max() > 0.2, "lips"
    assert changed[:20].max() < 0.1, "what is above the head stays, but for coding"


def test_what_is_wrong_is_said(workflow: dict[str, Any], by_id: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="no face found"):
        run(by_id["DirfaPortrait"], pipeline=workflow["pipeline"], image=torch.zeros(1, 64, 64, 3))
    with pytest.raises(ValueError, match="nods need the speech"):
        run(by_id["DirfaDirect"], pipeline=workflow["pipeline"], animation=workflow["performance"], nods=1.0)
