"""Faces are found, measured and followed as they are in the picture."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dirfa_pipeline import DirfaPipeline
from dirfa_pipeline.bundled import FACE_DETECTOR, bundled_weights, detector_folder
from dirfa_pipeline.capture.detector import DETECTOR_FILES, FaceDetector
from dirfa_pipeline.capture.landmarker import merge_boxes
from dirfa_pipeline.capture.squares import Square
from dirfa_pipeline.errors import CheckpointError
from dirfa_pipeline.face.measures import face_size, inter_ocular_distance


ROOM = (18, 22, 40)  # a dark wall


@pytest.fixture(scope="module")
def detector() -> Iterator[FaceDetector]:
    with closing(FaceDetector()) as one:
        yield one


@pytest.fixture(scope="module")
def head(astronaut: Path) -> Image.Image:
    return Image.open(astronaut).crop((90, 0, 360, 300))


def far_apart(face: np.ndarray, other: np.ndarray) -> float:
    """Mean distance of two faces in inter-ocular distances."""
    return float(np.linalg.norm(face[:, :2] - other[:, :2], axis=1).mean() / inter_ocular_distance(face[None])[0])


def on_wall(picture: Image.Image, width: int, height: int, x: int, y: int) -> np.ndarray:
    """A picture somewhere on a large wall."""
    wall = Image.new("RGB", (width, height), ROOM)
    wall.paste(picture, (x, y))
    return np.array(wall)


def test_landmarks_are_where_the_features_are(astronaut: Path, detector: FaceDetector) -> None:
    (face,) = detector.landmarks(np.array(Image.open(astronaut)))
    eyes, mouth, chin = {33: (195, 101), 263: (256, 103)}, {61: (202, 139), 291: (245, 140)}, {152: (222, 178)}
    for index, place in (eyes | mouth | chin).items():
        np.testing.assert_allclose(face[index, :2], place, atol=3)
    assert face.dtype == np.float32
    assert face[1, 2] < face[[33, 263], 2].min()  # the nose is nearer than the eyes


@pytest.mark.parametrize("degrees", [-45, -20, 20, 45])
def test_a_tilted_head_is_measured_alike(head: Image.Image, detector: FaceDetector, degrees: int) -> None:
    straight = detector.find_faces(np.array(head))[0]
    tilted = detector.find_faces(np.array(head.rotate(degrees, Image.Resampling.BICUBIC, fillcolor=ROOM)))[0]
    angle, centre = np.radians(degrees), np.array(head.size) / 2
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    turned = np.column_stack([(straight[:, :2] - centre) @ turn.T + centre, straight[:, 2]])
    assert far_apart(turned, tilted) < 0.06


def test_several_faces_come_largest_first(head: Image.Image, detector: FaceDetector) -> None:
    wall = Image.new("RGB", (520, 560), ROOM)
    for size, place in ((0.8, (0, 0)), (1.0, (250, 0)), (0.9, (130, 290))):
        wall.paste(head.resize((round(270 * size), round(300 * size))), place)
    faces = detector.find_faces(np.array(wall))
    assert [round(float(face[:, 0].mean()), -2) for face in faces] == [400, 300, 100]
    assert face_size(faces[0]) > face_size(faces[1]) > face_size(faces[2])


@pytest.mark.parametrize("pixels", [64, 100])
def test_a_small_face_in_a_large_picture(head: Image.Image, detector: FaceDetector, pixels: int) -> None:
    (near,) = detector.find_faces(np.array(head))
    factor = pixels / face_size(near)
    small = head.resize((round(head.width * factor), round(head.height * factor)), Image.Resampling.BOX)
    (found,) = detector.find_faces(on_wall(small, 3000, 2000, 2300, 1210))
    assert far_apart(near * factor + [2300, 1210, 0], found) < 0.1


def test_no_face(detector: FaceDetector) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (300, 400, 3), np.uint8)
    for picture in (noise, np.zeros((64, 64, 3), np.uint8), np.full((500, 80, 3), 255, np.uint8)):
        assert detector.find_faces(picture) == []
        assert detector.landmarks(picture) == []


def test_video_follows_a_face_and_finds_it_again(head: Image.Image, detector: FaceDetector) -> None:
    frames = [on_wall(head, 640, 480, x, 90) for x in range(40, 200, 16)]
    with closing(FaceDetector(video=True)) as follower:
        for frame in frames:
            (followed,) = follower.landmarks(frame)
            assert far_apart(detector.landmarks(frame)[0], followed) < 0.06
        assert follower.landmarks(np.zeros_like(frames[0])) == []
        (back,) = follower.landmarks(frames[0])
        follower.reset()
        (anew,) = follower.landmarks(frames[0])
        np.testing.assert_array_equal(anew, back)


def test_the_mask_shows_the_person(astronaut: Path, detector: FaceDetector) -> None:
    mask = detector.person_mask(np.array(Image.open(astronaut)))
    assert mask.shape == (512, 512)
    assert (mask.min() >= 0.0, mask.max() <= 1.0) == (True, True)
    assert mask[60:300, 190:260].mean() > 0.95  # face and neck
    assert mask[:60, 400:].mean() < 0.2  # the shuttle behind


def test_threads_see_the_same(astronaut: Path) -> None:
    picture = np.array(Image.open(astronaut))

    def look(_: int) -> np.ndarray:
        with closing(FaceDetector()) as own:
            return own.find_faces(picture)[0]

    with ThreadPoolExecutor(4) as pool:
        faces = list(pool.map(look, range(8)))
    for face in faces[1:]:
        np.testing.assert_array_equal(face, faces[0])


def test_closing_gives_memory_back(astronaut: Path) -> None:
    script = """
import resource, sys
import numpy as np
from contextlib import closing
from PIL import Image
from dirfa_pipeline.capture.detector import FaceDetector
picture = np.array(Image.open(sys.argv[1]))
peaks = []
for _ in range(40):
    with closing(FaceDetector()) as detector:
        detector.landmarks(picture)
    peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
print(peaks[-1] - peaks[9])
"""
    run = subprocess.run([sys.executable, "-c", script, str(astronaut)], capture_output=True, text=True, check=True)
    assert float(run.stdout) < 20  # MiB; each detector takes about as much
    assert run.stderr == ""  # nothing greets


@pytest.mark.parametrize("name", DETECTOR_FILES)
@pytest.mark.parametrize("damage", ["missing", "empty", "half", "text"])
def test_broken_networks_are_named(tmp_path: Path, name: str, damage: str) -> None:
    shutil.copytree(detector_folder(), tmp_path / "networks")
    path = tmp_path / "networks" / name
    content = path.read_bytes()
    path.unlink()
    if damage != "missing":
        path.write_bytes({"empty": b"", "half": content[: len(content) // 2], "text": b"version 1\n" * 20}[damage])
    with pytest.raises(CheckpointError, match=name):
        FaceDetector(folder=tmp_path / "networks").person_mask(np.zeros((64, 64, 3), np.uint8))


def test_a_checkpoint_brings_its_own_or_takes_the_bundled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pipe = DirfaPipeline.from_pretrained(audio_encoder=None, feature_extractor=None, animation_sampler=None)
    assert pipe.detector_folder == bundled_weights() / FACE_DETECTOR
    pipe.save_pretrained(tmp_path)
    assert sorted(path.name for path in (tmp_path / FACE_DETECTOR).iterdir()) == sorted(DETECTOR_FILES)
    own = DirfaPipeline.from_pretrained(tmp_path)
    assert own.detector_folder == DirfaPipeline.from_pipe(own).detector_folder == tmp_path / FACE_DETECTOR
    monkeypatch.setenv("DIRFA_WEIGHTS", str(tmp_path / "nowhere"))  # the bundled ones are not needed
    assert DirfaPipeline.from_pretrained(tmp_path).detector_folder == tmp_path / FACE_DETECTOR
    monkeypatch.delenv("DIRFA_WEIGHTS")
    (tmp_path / FACE_DETECTOR / DETECTOR_FILES[0]).unlink()
    with pytest.raises(CheckpointError, match=DETECTOR_FILES[0]):
        DirfaPipeline.from_pretrained(tmp_path)
    shutil.rmtree(tmp_path / FACE_DETECTOR)  # as saved before the detector travelled along
    assert DirfaPipeline.from_pretrained(tmp_path).detector_folder == bundled_weights() / FACE_DETECTOR


def test_boxes_of_one_face_become_one() -> None:
    boxes = np.array([[0, 0, 10, 10], [20, 0, 30, 10], [1, 0, 11, 10], [5, 5, 5, 5]], np.float32)
    merged = merge_boxes(boxes, np.array([0.9, 0.8, 0.3, 0.5], np.float32))
    np.testing.assert_allclose(merged, [[0.25, 0, 10.25, 10], [20, 0, 30, 10], [5, 5, 5, 5]], rtol=1e-6)
    assert merge_boxes(boxes[:0], np.zeros(0, np.float32)) == []


def test_a_square_leads_back_to_the_picture() -> None:
    picture = np.zeros((200, 200, 3), np.uint8)
    picture[120:125, 60:65] = 255
    square = Square(70.0, 110.0, 64.0, angle=0.6)
    view = square.view(picture, 128)
    seen = np.argwhere(view[..., 0] > 128).mean(0)[::-1]
    back = square.to_picture(np.array([[*seen, 8.0]], np.float32), 128)
    np.testing.assert_allclose(back, [[62.0, 122.0, 4.0]], atol=0.3)
