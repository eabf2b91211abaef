"""What a photo is good for is told, with a verdict and advice; nothing about a photo raises."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from dirfa_pipeline import DirfaPipeline, InputError, Portrait
from dirfa_pipeline.cli import BAD_INPUT, DONE, main
from dirfa_pipeline.face.landmarks import LIPS


FACES = Path(__file__).parent / "faces"


@pytest.fixture(scope="module")
def pipe() -> DirfaPipeline:
    return DirfaPipeline.from_pretrained(audio_encoder=None, feature_extractor=None, animation_sampler=None)


def test_a_good_photo(pipe: DirfaPipeline) -> None:
    told = pipe.check(FACES / "bald.jpg", timed=False)
    assert [finding.name for finding in told.findings] == [
        "picture", "colour", "faces", "size", "turn", "crop", "likeness", "mouth", "opening", "teeth", "eyes", "gaze",
    ]  # fmt: skip
    assert told.verdict in ("good", "works") and told.face == 0
    for finding in told.findings:
        assert finding.found and bool(finding.advice) <= (finding.verdict != "good"), finding


@pytest.mark.parametrize(
    ("photo", "name", "verdict", "words"),
    [
        ("laughing", "teeth", "good", "teeth show"), ("bald", "teeth", "good", "no teeth show"),
        ("laughing", "opening", "works", "the lips are parted"), ("half_closed_eyes", "eyes", "works", "half closed"),
        ("round_glasses", "eyes", "good", "open"), ("dark_skin", "colour", "good", "colour"),
    ],
)  # fmt: skip
def test_what_faces_show(pipe: DirfaPipeline, photo: str, name: str, verdict: str, words: str) -> None:
    finding = pipe.check(FACES / f"{photo}.jpg", timed=False)[name]
    assert finding.verdict == verdict and words in finding.found, finding


def covered(portrait: Portrait) -> np.ndarray:
    picture = portrait.image.copy()
    (x0, y0), (x1, y1) = (getattr(portrait.landmarks[list(LIPS), :2], way)(0).astype(int) for way in ("min", "max"))
    picture[y0 - 14 : y1 + 14, x0 - 14 : x1 + 14] = (120, 160, 200)
    return picture


def test_hair_that_the_border_cuts_is_told(pipe: DirfaPipeline, portrait: Portrait) -> None:
    assert pipe.check(portrait.image, timed=False)["crop"].verdict == "good"
    top, chin = portrait.landmarks[10, 1], portrait.landmarks[152, 1]
    crop = pipe.check(portrait.image[int(top - 0.1 * (chin - top)) :], timed=False)["crop"]
    assert crop.verdict == "works" and "little room above" in crop.found and "room" in crop.advice


BAD: dict[str, tuple[Callable[[Portrait], Any], str, str]] = {
    "no face": (lambda p: np.zeros((96, 96, 3), np.uint8), "faces", "pass a photo that shows one face"),
    "no file": (lambda p: "nowhere.jpg", "picture", "not found: nowhere.jpg"),
    "no picture": (lambda p: b"words", "picture", "cannot be read"),
    "no array": (lambda p: np.zeros((4, 4, 4, 4)), "picture", "must have shape"),
    "upside down": (lambda p: p.image[::-1, ::-1].copy(), "turn", ""),
    "covered": (covered, "mouth", "shows the whole mouth"),
    "tiny": (lambda p: np.array(Image.fromarray(p.image).resize((280, 280))), "size", "larger or closer"),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_photos_are_told(pipe: DirfaPipeline, portrait: Portrait, kind: str) -> None:
    make, name, words = BAD[kind]
    told = pipe.check(make(portrait), timed=False)
    assert told.verdict == "refused"
    # An upside-down face may not be found at all.
    refused = [finding for finding in told.findings if finding.verdict == "refused"]
    assert any(finding.name == name or kind == "upside down" for finding in refused), refused
    assert words in refused[0].advice + refused[0].found
    assert refused[0].found not in refused[0].advice
    if kind == "upside down":
        assert "upside down" in refused[0].found + refused[0].advice
    json.dumps(told.as_dict())


def test_a_face_that_is_not_there_is_told_and_no_choice_is_an_error(pipe: DirfaPipeline, astronaut: Path) -> None:
    assert pipe.check(astronaut, face=3, timed=False)["faces"].verdict == "refused"
    with pytest.raises(InputError, match="face must be"):
        pipe.check(astronaut, face=-1)


def test_grey(pipe: DirfaPipeline, astronaut: Path) -> None:
    assert pipe.check(Image.open(astronaut).convert("L"), timed=False)["colour"].found == "grey, and so is the video"


def test_colours_and_orientation(pipe: DirfaPipeline, astronaut: Path, tmp_path: Path) -> None:
    picture = Image.open(astronaut)
    exif = picture.getexif()
    exif[0x0112] = 6
    picture.rotate(90).convert("CMYK").save(tmp_path / "a.jpg", exif=exif)
    told = pipe.check(tmp_path / "a.jpg", timed=False)
    assert told["colour"].found == "CMYK" and told["colour"].verdict == "works"
    assert "turned upright" in told["picture"].found
    assert abs(float(told["turn"].values["roll"])) < 10


def test_a_photo_is_checked_as_large_as_its_video_would_be(
    astronaut: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.open(astronaut).resize((3000, 3000)).save(tmp_path / "phone.jpg")
    assert main(["check", str(tmp_path / "phone.jpg"), "--no-speed"]) == DONE
    assert "3000 x 3000 pixels, animated at 1920 x 1920" in capsys.readouterr().out
    assert main(["check", str(tmp_path / "phone.jpg"), "--no-speed", "--max-size", "0"]) == DONE
    assert "3000 x 3000 pixels\n" in capsys.readouterr().out


def test_timing_a_large_photo_ends_soon(pipe: DirfaPipeline, astronaut: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = 0
    frames = pipe.face_renderer.frames

    def counted(*arguments: Any) -> Iterator[Any]:
        nonlocal drawn
        for frame in frames(*arguments):
            drawn += 1
            yield frame

    monkeypatch.setattr(pipe.face_renderer, "frames", counted)
    monkeypatch.setattr("dirfa_pipeline.pipeline_check.TIMED_SECONDS", 0.0)
    assert float(pipe.check(astronaut, 384)["speed"].values["fps"]) > 0
    assert drawn == 2, "one that does not count, and the first of twelve"


def test_the_command(astronaut: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(astronaut), "--json", "--max-size", "384"]) == DONE
    told = json.loads(capsys.readouterr().out)
    assert told["faces"][0]["index"] == told["face"] == 0
    speed = told["findings"][-1]
    assert speed["name"] == "speed" and speed["values"]["fps"] > 0
    assert re.match(r"1 s of video takes \d+\.\d\d s here", speed["found"]), speed
    seconds = float(speed["found"].split()[5])
    assert seconds == pytest.approx(25 / speed["values"]["fps"], rel=0.05)
    assert main(["check", str(astronaut), "--no-speed"]) == DONE
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[:2] == ["good", "picture"] and lines[-1].endswith("in all")
    assert lines[-2].startswith("asks     consent   Is this a photo of you")
    assert main(["check", "nowhere.jpg"]) == BAD_INPUT
    refused = str(tmp_path / "wall.png")
    Image.new("RGB", (300, 300), "grey").save(refused)
    assert main(["check", refused]) == BAD_INPUT
    printed = capsys.readouterr()
    assert "refused  faces     no face found in the 300 x 300 picture: pass a photo" in printed.out
    assert f"dirfa: error: {refused} cannot be animated" in printed.err
    assert main(["check", refused, str(astronaut), "--no-speed"]) == BAD_INPUT
    printed = capsys.readouterr()
    titles = [line for line in printed.out.splitlines() if line in (refused, str(astronaut))]
    assert titles == [refused, str(astronaut)] and f"{refused} cannot be animated" in printed.err
    assert main(["check", refused, str(astronaut), "--no-speed", "--json"]) == BAD_INPUT
    first, second = capsys.readouterr().out.split("}\n{")
    for photo, told in ((refused, f"{first}}}"), (str(astronaut), f"{{{second}")):
        assert json.loads(told)["photo"] == photo
        assert (json.loads(told)["verdict"] == "refused") == (photo == refused)
    assert main(["check", str(astronaut), "--face", "left"]) == BAD_INPUT
