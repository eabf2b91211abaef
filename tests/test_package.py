"""What importing does: names appear on use, a pipeline brings its components, the command line stays light."""

import subprocess
import sys

import dirfa_pipeline


def run(script: str) -> str:
    return subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout


def test_every_public_name_is_there() -> None:
    assert all(getattr(dirfa_pipeline, name) is not None for name in dirfa_pipeline.__all__)


def test_pipeline_brings_its_components() -> None:
    script = (
        "import sys\nfrom dirfa_pipeline import DirfaPipeline\n"
        "print([f'dirfa_pipeline.models.{name}' in sys.modules"
        " for name in ('animation_sampler', 'face_model', 'face_renderer')])"
    )
    assert run(script).strip() == "[True, True, True]"


def test_command_line_loads_nothing_heavy() -> None:
    script = "import sys, dirfa_pipeline.cli\nprint({'torch', 'diffusers', 'ai_edge_litert'} & set(sys.modules))"
    assert run(script).strip() == "set()"
