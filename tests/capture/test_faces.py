"""Of several faces the one that is asked for is animated."""

import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from dirfa_pipeline import DirfaPipeline, FaceModel, FaceNotFoundError, InputError, Portrait
from dirfa_pipeline.capture.detector import FaceDetector
from dirfa_pipeline.capture.doubts import SeenFace, doubts
from dirfa_pipeline.capture.faces import FoundFace, choose_face, find_faces
from dirfa_pipeline.capture.pictures import read_photo


PLACES = {0: (107, 96), 1: (251, 398), 2: (384, 120)}  # of the noses, about


@pytest.fixture(scope="module")
def group(astronaut: Path) -> Image.Image:
    """The same head three times, the largest on the right."""
    head = Image.open(astronaut).crop((90, 0, 360, 300))
    wall = Image.new("RGB", (520, 560), (18, 22, 40))
    for size, place in ((0.8, (0, 0)), (1.0, (250, 0)), (0.9, (130, 290))):
        wall.paste(head.resize((round(270 * size), round(300 * size)), Image.Resampling.LANCZOS), place)
    return wall


@pytest.fixture(scope="module")
def faces(group: Image.Image) -> list[FoundFace]:
    return find_faces(read_photo(group), FaceDetector())


def test_faces_are_listed_from_left_to_right(faces: list[FoundFace]) -> None:
    assert [face.index for face in faces] == [0, 1, 2]
    for face in faces:
        left, top, right, bottom = face.box
        assert left < PLACES[face.index][0] < right and top < PLACES[face.index][1] < bottom
    assert str(faces[1]).startswith("1 at (2")


@pytest.mark.parametrize(
    ("choice", "index"), [(None, 2), (0, 0), (np.int64(1), 1), ((107, 96), 0), ([250.0, 400.0], 1)]
)
def test_the_face_that_is_asked_for(faces: list[FoundFace], choice: Any, index: int) -> None:
    assert choose_face(faces, choice).index == index


@pytest.mark.parametrize("choice", [3, (20.0, 500.0)])
def test_a_face_that_is_not_there(faces: list[FoundFace], choice: Any) -> None:
    with pytest.raises(FaceNotFoundError, match=r"no face (with number 3|at \(20, 500\)); found, .*: 0 at .*2 at"):
        choose_face(faces, choice)


@pytest.mark.parametrize("choice", [-1, "left", True, (1, 2, 3), (float("nan"), 2), 1.5, (1, "2")])
def test_no_choice(faces: list[FoundFace], choice: Any) -> None:
    with pytest.raises(InputError, match=r"face must be None, a number from 0, or a point \(x, y\)"):
        choose_face(faces, choice)


def test_points_are_those_of_the_photo_itself(group: Image.Image, face_model: FaceModel) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # who chooses is not told that there are others
        portrait = Portrait.from_image(group, face_model, max_size=480, face=(251, 398))
    assert portrait.landmarks[:, 0].mean() == pytest.approx(251 * 480 / 560, abs=12)


def test_largest_is_taken_and_all_are_named(group: Image.Image, face_model: FaceModel) -> None:
    words = r"3 faces found, .* 0 at \(1\d\d, \d+\).* the largest one is animated, 2; choose another by its number"
    with pytest.warns(UserWarning, match=words):
        Portrait.from_image(group, face_model)


def test_the_pipeline_lists_and_takes_them(group: Image.Image) -> None:
    pipe = DirfaPipeline.from_pretrained(audio_encoder=None, feature_extractor=None, animation_sampler=None)
    middle = pipe.find_faces(group)[1]
    for choice in (1, middle.centre):
        portrait = pipe.prepare_portrait(group, face=choice)
        np.testing.assert_array_equal(portrait.landmarks, middle.landmarks)


GOOD = {
    "size": 200.0, "yaw": 5.0, "pitch": 5.0, "roll": 5.0, "cut": 0.0, "above": 0.3, "mouth_inside": True,
    "lips_differ": 0.01, "rest_differs": 0.01, "upside_down": False,
}  # fmt: skip


@pytest.mark.parametrize(
    ("seen", "about", "refused", "words"),
    [
        ({"size": 40.0}, "size", True, "at least 64 pixels across, got 40; pass a larger"),
        ({"yaw": -50.0}, "turn", True, "up to 35 degrees, got -50; pass a photo from the front"),
        ({"cut": 0.5}, "crop", True, "50% of the face's outline is cut off, up to 40% may be; pass"),
        ({"cut": 0.1}, "crop", False, "10% of the face's outline is cut off"),
        ({"mouth_inside": False}, "crop", True, "the mouth reaches out of the picture; pass"),
        ({"lips_differ": 0.025}, "mouth", False, "part of the mouth may be hidden by a hand, .*; pass a photo"),
        ({"lips_differ": 0.05}, "mouth", True, "the mouth is hidden by a hand, .*; pass a photo"),
        ({"lips_differ": 0.05, "rest_differs": 0.05}, "likeness", True, "human one .* 5.0% .* 3.4%\\); pass"),
        ({"lips_differ": 0.05, "rest_differs": 0.05, "upside_down": True}, "turn", True, "upside down; turn it"),
    ],
)
def test_each_rule_has_its_word(seen: dict[str, Any], about: str, refused: bool, words: str) -> None:
    assert not list(doubts(SeenFace(**GOOD)))
    (doubt,) = doubts(SeenFace(**GOOD | seen))
    assert (doubt.about, doubt.refused) == (about, refused)
    assert re.search(words, doubt.text), doubt.text


def test_refusals_come_before_doubts() -> None:
    found = list(doubts(SeenFace(**GOOD | {"cut": 0.1, "yaw": 60.0, "size": 20.0})))
    assert [doubt.refused for doubt in found] == [True, True, False]
