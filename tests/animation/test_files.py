"""Animation files of other programs, there and back, and what is refused."""

import csv
import json
import zipfile
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest

from dirfa_pipeline import EXPRESSION_NAMES, Animation, AnimationError
from dirfa_pipeline.animation.files import LIVE_LINK_HEADER, load_animation, save_animation
from dirfa_pipeline.cli import BAD_INPUT, DONE, main


ROOT = Path(__file__).parents[2]
PHOTO = str(ROOT / "dirfa_pipeline" / "examples" / "astronaut.jpg")


def random_animation(frames: int = 70, fps: float = 25.0) -> Animation:
    coefficients = np.random.default_rng(0).random((frames, 58)).astype(np.float32)
    coefficients[:, 52:] -= 0.5
    return Animation(coefficients, fps)


@pytest.mark.parametrize("kind", ["npz", "csv", "json"])
@pytest.mark.parametrize("fps", [25.0, 60.0])
def test_there_and_back(kind: str, fps: float, tmp_path: Path) -> None:
    animation = random_animation(fps=fps)
    save_animation(animation, tmp_path / f"a.{kind}")
    back = load_animation(tmp_path / f"a.{kind}")
    np.testing.assert_array_equal(back.coefficients, animation.coefficients)
    assert back.fps == fps
    assert [path.name for path in tmp_path.iterdir()] == [f"a.{kind}"]


def test_csv_has_live_links_columns(tmp_path: Path) -> None:
    save_animation(random_animation(frames=61, fps=60.0), tmp_path / "a.csv", translation=False)
    rows = list(csv.reader((tmp_path / "a.csv").open()))
    assert tuple(rows[0]) == LIVE_LINK_HEADER
    assert len(rows[0]) == 63
    assert rows[0][16:19] == ["JawForward", "JawRight", "JawLeft"]
    assert {name[0].lower() + name[1:] for name in rows[0][2:54]} == set(EXPRESSION_NAMES)
    assert rows[1][:2] == ["00:00:00:00.000", "61"]
    assert rows[61][0] == "00:00:01:00.000"
    loaded = load_animation(tmp_path / "a.csv")
    assert not loaded.coefficients[:, 55:].any()
    assert len(loaded) == 61


def write_rows(path: Path, rows: list[list[str]]) -> Path:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return path


def recording(tmp_path: Path, frames: int = 70) -> list[list[str]]:
    save_animation(random_animation(frames, 60.0), tmp_path / "good.csv")
    return list(csv.reader((tmp_path / "good.csv").open()))


def test_lost_faces_hold_and_dropped_frames_are_filled(tmp_path: Path) -> None:
    rows = recording(tmp_path)
    rows[5] = [rows[5][0], "0"]
    del rows[11]
    loaded = load_animation(write_rows(tmp_path / "gaps.csv", rows))
    good = load_animation(tmp_path / "good.csv")
    assert len(loaded) == len(good)
    np.testing.assert_array_equal(loaded.coefficients[4], good.coefficients[3])
    between = 0.5 * (good.coefficients[9] + good.coefficients[11])
    np.testing.assert_allclose(loaded.coefficients[10], between, atol=1e-6)


def edit(rows: list[list[str]], fault: str) -> None:
    if fault == "unknown":
        rows[0][2] = "EyeBlinkLeff"
    elif fault == "missing":
        for row in rows:
            del row[19]
    elif fault == "twice":
        rows[0][4] = "EyeBlinkLeft"
    elif fault == "nan":
        rows[7][5] = "nan"
    elif fault == "word":
        rows[7][5] = "wide"
    elif fault == "short":
        del rows[3][-1]
    elif fault == "clock":
        rows[2][0] = "noon"
    elif fault == "back":
        rows[9][0] = rows[4][0]
    elif fault == "hours":
        rows[-1][0] = "99:59:59:59.000"
    elif fault == "digits":
        rows[4][0] = "0" * 5000 + ":00:00:03"
    elif fault == "huge":
        rows[7][5] = "1e39"
    elif fault == "empty":
        del rows[1:]


FAULTS = {
    "unknown": "column 3: unknown name 'EyeBlinkLeff'; did you mean 'EyeBlinkLeft'",
    "missing": "lacks 1 of Live Link Face's columns, the first is 'JawOpen'",
    "twice": "column 5: 'EyeBlinkLeft' comes twice, first in 3",
    "nan": "row 8, column EyeLookOutLeft: expected a finite number, got 'nan'",
    "word": "row 8, column EyeLookOutLeft: expected a finite number, got 'wide'",
    "short": "row 4: 66 columns are named, got 65 values",
    "clock": "row 3, column Timecode: expected HH:MM:SS:FF, got 'noon'",
    "back": "row 10, column Timecode: time does not go on",
    "hours": "row 71, column Timecode: at most 1000000 frames after the first row, got 21599",
    "digits": "row 5, column Timecode: expected HH:MM:SS:FF",
    "huge": "row 8, column EyeLookOutLeft: expected a finite number, got '1e39'",
    "empty": "one frame or more, got 1 lines",
}


@pytest.mark.parametrize("fault", FAULTS)
def test_faulty_csv_is_refused_by_row_and_column(fault: str, tmp_path: Path) -> None:
    rows = recording(tmp_path)
    edit(rows, fault)
    with pytest.raises(AnimationError, match=FAULTS[fault]):
        load_animation(write_rows(tmp_path / "bad.csv", rows))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[]", "is not an animation in JSON"),
        ("{", "is not an animation in JSON"),
        ({"names": ["yaw"], "coefficients": [[1, 2]], "fps": 25}, "frame 0: expected 1 numbers"),
        ({"names": ["yaw"], "coefficients": [["left"]], "fps": 25}, "frame 0, yaw: expected a finite number"),
        ({"names": ["yawn"], "coefficients": [[0.1]], "fps": 25}, "did you mean 'yaw'"),
        ({"names": ["yaw"], "coefficients": [[0.1]], "fps": 0}, "fps must be"),
        ({"names": ["yaw"], "coefficients": 3, "fps": 25}, "is not an animation in JSON"),
        (
            {"names": ["yaw"], "coefficients": [[10**400]], "fps": 25},
            "frame 0, yaw: expected a finite number, got 1000",
        ),
        ({"names": ["yaw"], "coefficients": [[0.1], [1e39]], "fps": 25}, r"frame 1, yaw: expected a finite number"),
        ({"names": ["yaw"], "coefficients": [[0.1]], "fps": 10**400}, "is not an animation in JSON"),
        ({"names": ["yaw", "yaw"], "coefficients": [[0.1, 0.2]], "fps": 25}, "named once, got 'yaw' twice"),
        ({"names": [["yaw"]], "coefficients": [[0.1]], "fps": 25}, "names must be words"),
        ("[" * 100_000, "is not an animation in JSON"),
    ],
)
def test_faulty_json_is_refused(content: object, message: str, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(content if isinstance(content, str) else json.dumps(content))
    with pytest.raises(AnimationError, match=message):
        load_animation(tmp_path / "a.json")


def test_a_small_file_that_unpacks_to_much_is_refused(tmp_path: Path) -> None:
    """Twelve bytes of header that claim terabytes, and a member of zeros that packs well."""
    header = BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f4", "fortran_order": False, "shape": (10**10, 58)})
    for number, content in enumerate((header.getvalue(), bytes(1 << 29))):
        path = tmp_path / f"{number}.npz"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            archive.writestr("coefficients.npy" if number == 0 else "more", content)
        with pytest.raises(AnimationError, match="may have at most 442 MiB"):
            load_animation(path)


def test_too_many_frames_are_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("dirfa_pipeline.animation.files.MAX_FRAMES", 9)
    for kind in ("csv", "json"):
        save_animation(random_animation(10), tmp_path / f"a.{kind}")
        with pytest.raises(AnimationError, match="at most 9 frames, got 10"):
            load_animation(tmp_path / f"a.{kind}")


@pytest.mark.parametrize("fps", [0.0, -1.0, 241.0, float("nan")])
def test_impossible_rates_are_refused(fps: float, tmp_path: Path) -> None:
    recording(tmp_path)
    with pytest.raises(AnimationError, match=r"fps must be in \(0, 240\]"):
        load_animation(tmp_path / "good.csv", fps)


def test_other_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(AnimationError, match=r"end in .npz, .csv, .json"):
        load_animation("talk.fbx")
    with pytest.raises(AnimationError, match="cannot be read as text"):
        load_animation(tmp_path / "missing.csv")


def test_verbs_edit_export_and_animate(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = tmp_path / "a.npz"
    Animation.from_curves(20, jawOpen=0.3, yaw=0.1).save_npz(source)
    assert main(["edit", str(source), "-o", str(tmp_path / "b.csv"), "--expression", "happy", "--still"]) == DONE
    edited = load_animation(tmp_path / "b.csv", fps=25)
    assert edited["mouthSmileLeft"].min() > 0.4
    assert not edited["yaw"].any()
    assert main(["export", str(tmp_path / "b.csv"), "-o", str(tmp_path / "c.json"), "--fps", "30"]) == DONE
    assert load_animation(tmp_path / "c.json").fps == 30
    output = tmp_path / "d.mp4"
    arguments = ["animate", str(tmp_path / "c.json"), PHOTO, "-o", str(output), "--max-size", "448", "--neutralize"]
    assert main([*arguments, "--fps", "10"]) == DONE
    assert output.stat().st_size > 1000
    assert "no --sound was given, so the video is silent" in capsys.readouterr().err
    assert main(["track", str(output), "-o", str(tmp_path / "e.npz")]) == BAD_INPUT
    assert "at least 10 are needed" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["edit", "nothing.npz", "-o", "b.npz"], "animation not found: nothing.npz"),
        (["edit", PHOTO, "-o", "b.npz"], "animation files end in"),
        (["edit", "a.npz", "-o", "b.npz", "--expression", "hapy"], "did you mean 'happy'"),
        (["edit", "a.npz", "-o", "b.npz", "--expression", "sad", "--expression", "happy@1"], "needs its times"),
        (["edit", "a.npz", "-o", "b.npz", "--gaze", "up", "down"], "--gaze expects a number"),
        (["export", "a.npz", "-o", "b.fbx"], "animation files end in"),
        (["export", "a.npz", "-o", "nowhere/b.csv"], "folder of --output does not exist"),
        (["animate", "a.npz", "nobody.jpg", "-o", "b.mp4"], "photo not found: nobody.jpg"),
        (["track", PHOTO, "-o", "b.npz"], "cannot be tracked"),
        (["track", "a.npz", "-o", "b.npz"], "cannot be read as a video"),
    ],
)
def test_bad_commands(
    arguments: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    Animation.from_curves(5).save_npz("a.npz")
    assert main(arguments) == BAD_INPUT
    assert message in capsys.readouterr().err
