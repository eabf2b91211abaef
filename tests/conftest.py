"""Fixtures: the example photo, the real face parts, a synthetic voice."""

from pathlib import Path

import pytest
from hypothesis import settings
from media_files import speech

from dirfa_pipeline import AudioClip, FaceModel, FaceRenderer, Portrait


ROOT = Path(__file__).parents[1]
WEIGHTS = ROOT / "weights" / "dirfa-base"

# Busy machines are slow; what fails once must fail again.
settings.register_profile("steady", deadline=None, derandomize=True)
settings.load_profile("steady")


@pytest.fixture(scope="session")
def astronaut() -> Path:
    return ROOT / "dirfa_pipeline" / "examples" / "astronaut.jpg"


@pytest.fixture(scope="session")
def face_model() -> FaceModel:
    return FaceModel.from_pretrained(WEIGHTS / "face_model")


@pytest.fixture(scope="session")
def renderer() -> FaceRenderer:
    return FaceRenderer.from_pretrained(WEIGHTS / "face_renderer")


@pytest.fixture(scope="session")
def portrait(astronaut: Path, face_model: FaceModel) -> Portrait:
    return Portrait.from_image(astronaut, face_model)


@pytest.fixture
def speech_like() -> AudioClip:
    return speech()
