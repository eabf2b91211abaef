"""Directing a take on the command line: options, keyframes, the JSON file, and mistakes found at once."""

import argparse
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from media_files import speech, write_media

from dirfa_pipeline import Animation, AudioClip, Controls, FaceModel, FaceNotFoundError, InputError
from dirfa_pipeline.animation.files import load_animation
from dirfa_pipeline.bundled import FACE_DETECTOR, bundled_weights
from dirfa_pipeline.cli import BAD_INPUT, DONE, main
from dirfa_pipeline.commands.direction import add_options, read_controls, with_motion


PHOTO = str(Path(__file__).parents[2] / "dirfa_pipeline" / "examples" / "astronaut.jpg")


def parse(line: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_options(parser)
    return parser.parse_args(line.split())


GOOD = {
    "": Controls(),
    "--expression happy --expression-strength 0.5": Controls(expression="happy", expression_strength=0.5),
    "--expression sad@0 --expression mouthSmileLeft=0.6,browInnerUp=-0.3@2.5 --easing linear": Controls(
        expression=[("sad", 0.0), ({"mouthSmileLeft": 0.6, "browInnerUp": -0.3}, 2.5)], easing="linear"
    ),
    "--pose -10 0 -5.5": Controls(pose=(-10.0, 0.0, -5.5)),
    "--pose 0 0 0 @1 --pose -20 5 -3 @2.5": Controls(pose=[((0.0, 0.0, 0.0), 1.0), ((-20.0, 5.0, -3.0), 2.5)]),
    "--pose -20 5 3@2.5": Controls(pose=[((-20.0, 5.0, 3.0), 2.5)]),
    "--still --gaze -10 5 --blinks 1 2.5 --blink-rate 0": Controls(
        head_motion=0.0, gaze=(-10.0, 5.0), blinks=(1.0, 2.5), blink_rate=0.0
    ),
    "--gaze camera --blinks none --nods 1.5": Controls(gaze="camera", blink_rate=0.0, nods=1.5),
    "--lips 0.8 --brows 1.2 --eyes 0 --head-motion 2": Controls(lips=0.8, brows=1.2, eyes=0.0, head_motion=2.0),
}


@pytest.mark.parametrize("line", GOOD)
def test_options_become_controls(line: str) -> None:
    assert read_controls(parse(line)) == GOOD[line]


def test_a_file_may_say_all_that_controls_can(face_model: FaceModel, tmp_path: Path) -> None:
    content = {
        "expression": [["sad", 0], [{"mouthSmileLeft": 0.5}, 2]], "pose": [[[0, 0, 0], 0], [[20, 0, 0], 2]],
        "gaze": [10, 0], "blinks": [1, 3], "nods": 1, "easing": "step",
    }  # fmt: skip
    path = tmp_path / "take.json"
    path.write_text(json.dumps(content))
    still = Animation.from_curves(75)
    controls = read_controls(parse(f"--direction {path} --nods 0 --gaze drift"))
    same = Controls(
        expression=[("sad", 0), ({"mouthSmileLeft": 0.5}, 2)], pose=[((0, 0, 0), 0), ((20, 0, 0), 2)],
        blinks=(1, 3), easing="step",
    )  # fmt: skip
    np.testing.assert_array_equal(
        controls.apply(still, face_model).coefficients, same.apply(still, face_model).coefficients
    )


def test_motion_comes_from_an_animation_file(face_model: FaceModel, tmp_path: Path) -> None:
    Animation.from_curves(30, yaw=np.linspace(0, 0.2, 30), browInnerUp=0.4).save_npz(tmp_path / "motion.npz")
    line = f"--motion-from {tmp_path}/motion.npz --motion-fit stretch --motion-channels head style"
    options = parse(line)
    moved = with_motion(read_controls(options), options, face_model).apply(Animation.from_curves(60), face_model)
    assert moved["yaw"][-1] == pytest.approx(0.2)
    assert moved["browInnerUp"].min() == pytest.approx(0.4)


def test_a_checkpoint_by_its_bare_name_fits_faces_with_its_own_detector(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`dirfa edit --weights dirfa-base`, and the folder whose networks track the video that motion comes from."""
    from dirfa_pipeline.capture import tracking

    asked: list[Path | None] = []

    def track(path: str, face_model: FaceModel, folder: Path | None = None) -> Animation:
        asked.append(folder)
        return Animation.from_curves(30)

    monkeypatch.setattr(tracking, "track_video", track)
    Animation.from_curves(30).save_npz(tmp_path / "still.npz")
    film = write_media(tmp_path / "film.mp4", None, pictures=3)
    arguments = ["edit", str(tmp_path / "still.npz"), "-o", str(tmp_path / "out.npz"), "--weights", "dirfa-base"]
    assert main([*arguments, "--motion-from", str(film)]) == DONE
    assert asked == [bundled_weights() / FACE_DETECTOR]


BAD = {
    "--expression sad --expression happy@1": "given more than once, needs its times, as in @2.5, got 'sad'",
    "--expression sad@0 --expression hapy@1": "keyframe 1 of expression: unknown expression 'hapy'; did you mean",
    "--expression sad@soon": "--expression expects a number, got 'soon'",
    "--expression mouthSmilLeft=0.5": "did you mean 'mouthSmileLeft'",
    "--expression mouthSmileLeft=wide": "--expression mouthSmileLeft expects a number, got 'wide'",
    "--pose 1 2": "--pose needs YAW PITCH ROLL [@SECONDS], got '1 2'; files go before it",
    "--pose 0 0 0 @2 --pose 1 0 0 @1": "keyframe 1 at 1.0 s comes after one at 2.0 s",
    "--pose 0 0 0 @0 --pose 0 50 0 @1": "the pitch of keyframe 1 of pose must be degrees in [-35, 35], got 50.0",
    "--pose 0 nan 0": "the pitch of keyframe 0 of pose must be degrees in [-35, 35], got nan",
    "--gaze 50 0": "the yaw of gaze must be degrees in [-30, 30], got 50.0",
    "--gaze up": "gaze must be",
    "--blinks 2 1": "keyframes of blinks must be in order: keyframe 1 at 1.0 s",
    "--nods 3": "nods must be a number in [0, 2], got 3.0",
    "--easing bouncy": "easing must be one of smooth, linear, step, got 'bouncy'",
    "--motion-fit stretch": "add --motion-from FILE",
    "--motion-from nowhere.mp4": "motion-from not found: nowhere.mp4",
    "--motion-from TEXT.mp4": "cannot be read as a video",
    "--motion-from TEXT.csv": "needs a line of column names",
    "--direction nowhere.json": "--direction nowhere.json cannot be read as JSON",
    "--direction TEXT.csv": "cannot be read as JSON",
    "--direction LIST.json": "must hold an object",
    "--direction NAME.json": "unknown name 'poze'; did you mean 'pose'?",
    "--direction POSE.json": "POSE.json: the yaw of keyframe 1 of pose must be degrees in [-35, 35], got 80",
    "--direction BLINKS.json": "BLINKS.json: blinks must be a list of seconds, got 3",
    "--direction CHANNELS.json": "CHANNELS.json: motion_channels must be among",
}
FILES = {
    "TEXT.mp4": "This is text.", "TEXT.csv": "This is text.", "LIST.json": "[]", "NAME.json": '{"poze": 1}',
    "POSE.json": '{"pose": [[[0, 0, 0], 0], [[80, 0, 0], 1]]}', "BLINKS.json": '{"blinks": 3}',
        "CHANNELS.json": '{"motion_channels": 3}',
}  # fmt: skip


@pytest.mark.parametrize("line", BAD)
def test_bad_direction_is_refused(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name, text in FILES.items():
        Path(name).write_text(text)
    with pytest.raises(InputError) as caught:
        read_controls(parse(line))
    assert BAD[line] in str(caught.value)


# What is wrong is said before torch is loaded, which takes seconds.
EARLY = {
    "text as the photo": "generate TEXT.mp4 speech.wav -o talk.mp4",
    "silent sound": f"generate {PHOTO} silent.wav -o talk.mp4",
    "empty sound": f"generate {PHOTO} empty.wav -o talk.mp4",
    "missing sound": f"generate {PHOTO} nowhere.wav -o talk.mp4",
    "keyframe": f"generate {PHOTO} speech.wav -o talk.mp4 --pose 0 0 0 @0 --pose 0 50 0 @1",
    "size": f"generate {PHOTO} speech.wav -o talk.mp4 --max-size 8",
    "text as the animated photo": "animate a.npz TEXT.mp4 -o talk.mp4",
    "nods without speech": "edit a.npz -o b.npz --nods 1",
    "text as the video": "track TEXT.mp4 -o b.npz",
    "text as the dubbed video": "dub TEXT.mp4 speech.wav -o talk.mp4",
    "text as the head": "export a.npz --photo TEXT.mp4 -o a.glb",
}


def test_mistakes_are_found_before_torch_is_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("TEXT.mp4").write_text("This is text.")
    write_media(Path("speech.wav"), speech(0.5), "pcm_s16le")
    write_media(Path("silent.wav"), AudioClip(np.zeros((1, 8000), np.float32), 16000), "pcm_s16le")
    Path("empty.wav").touch()
    Animation.from_curves(5).save_npz("a.npz")
    code = (
        "import json, sys\n"
        "from dirfa_pipeline.cli import main\n"
        "codes = [main(line.split()) for line in json.loads(sys.argv[1])]\n"
        "print(json.dumps([codes, 'torch' in sys.modules]))"
    )
    lines = json.dumps(list(EARLY.values()))
    process = subprocess.run([sys.executable, "-c", code, lines], capture_output=True, text=True, check=True)
    assert json.loads(process.stdout) == [[BAD_INPUT] * len(EARLY), False], process.stderr
    assert process.stderr.count("dirfa: error: ") == len(EARLY)


def test_verbs_direct(tmp_path: Path) -> None:
    source, sound = tmp_path / "a.npz", write_media(tmp_path / "speech.wav", speech(1.0), "pcm_s16le")
    Animation.from_curves(25, jawOpen=0.3, yaw=0.1).save_npz(source)
    edited = tmp_path / "b.csv"
    arguments = f"edit {source} -o {edited} --nods 1 --sound {sound} --blinks 0.5 --pose 0 0 0 @0 --pose -9 0 0 @0.9"
    assert main(arguments.split()) == DONE
    animation = load_animation(edited, fps=25)
    assert animation["eyeBlinkLeft"].max() > 0.9
    assert np.degrees(animation["yaw"][-1] - animation["yaw"][0]) == pytest.approx(-9, abs=0.1)
    assert animation["pitch"].min() < -0.03


def test_a_reference_without_a_face_is_refused(face_model: FaceModel, tmp_path: Path) -> None:
    options = parse(f"--motion-from {write_media(tmp_path / 'blank.mp4', None, pictures=12)}")
    controls = read_controls(options)
    with pytest.raises(FaceNotFoundError, match=r"blank.mp4 cannot be tracked: a face was found in 0 frames"):
        with_motion(controls, options, face_model)


def test_no_blinks_at_all_overrules_the_file(tmp_path: Path) -> None:
    (tmp_path / "direction.json").write_text('{"blinks": [1, 2], "expression": "happy"}')
    controls = read_controls(parse(f"--direction {tmp_path / 'direction.json'} --blinks none"))
    assert (controls.blinks, controls.blink_rate, controls.expression) == ((), 0.0, "happy")


@pytest.mark.parametrize("verb", ["animate", "edit"])
def test_what_is_read_is_not_overwritten(verb: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    animation, motion = tmp_path / "talk.npz", tmp_path / ("clip.mp4" if verb == "animate" else "clip.npz")
    Animation.from_curves(5).save_npz(animation)
    motion.write_bytes(b"precious")
    photo = [PHOTO] if verb == "animate" else []
    assert main([verb, str(animation), *photo, "-o", str(motion), "--motion-from", str(motion)]) == 2
    assert "would overwrite the motion-from" in capsys.readouterr().err
    assert motion.read_bytes() == b"precious"
