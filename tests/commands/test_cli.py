"""The `dirfa` command, as a process and in process."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny import tiny_pipeline

from dirfa_pipeline import Animation
from dirfa_pipeline.cli import BAD_INPUT, DONE, FAILED, build_parser, main
from dirfa_pipeline.commands.generate import output_paths
from dirfa_pipeline.commands.output import longest_side


ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "dirfa_pipeline" / "examples"
PHOTO, SPEECH = str(EXAMPLES / "astronaut.jpg"), str(EXAMPLES / "speech.flac")


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("weights")
    tiny_pipeline().save_pretrained(folder)
    return str(folder)


def test_help_teaches() -> None:
    text = subprocess.run(
        [sys.executable, "-m", "dirfa_pipeline", "generate", "--help"], check=True, capture_output=True, text=True
    ).stdout
    for word in ("photo.jpg speech.wav", "--seed", "--diversity", "--num-videos", "consent"):
        assert word in text


def test_numbered_names() -> None:
    assert output_paths("a/talk.mp4", 1) == ["a/talk.mp4"]
    assert output_paths("a/talk.mp4", 2) == ["a/talk-1.mp4", "a/talk-2.mp4"]


def test_takes_are_written_and_repeat(weights: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["generate", PHOTO, SPEECH, "--weights", weights, "--seed", "4", "--max-size", "448", "--fps", "5"]
    takes, again = tmp_path / "takes", tmp_path / "again"
    takes.mkdir()
    again.mkdir()
    extra = ["--num-videos", "2", "--save-animation", str(takes / "talk.npz"), "-o", str(takes / "talk.mp4")]
    assert main([*arguments, *extra]) == DONE
    assert capsys.readouterr().out.split() == [str(takes / "talk-1.mp4"), str(takes / "talk-2.mp4")]
    arguments[arguments.index("4")] = "5"
    arguments.append("--unmarked")  # credentials name the time at which they were signed
    assert main([*arguments, "--save-animation", str(again / "talk.npz"), "-o", str(again / "talk.mp4")]) == DONE
    second, repeated = (Animation.load_npz(p) for p in (takes / "talk-2.npz", again / "talk.npz"))
    np.testing.assert_allclose(second.coefficients, repeated.coefficients, atol=1e-5)
    assert main([*arguments, "-o", str(tmp_path / "talk.mp4")]) == DONE
    assert (tmp_path / "talk.mp4").read_bytes() == (again / "talk.mp4").read_bytes()
    assert not list(tmp_path.glob("**/*.part"))


@pytest.mark.parametrize(
    "name", ["a b's #1 100% %05d", "\u5199\u771f (1); rm -rf x & y", "-rf", "line\nbreak", "x" * 230], ids=range(5)
)
def test_any_name_of_a_file_is_taken(weights: str, tmp_path: Path, name: str) -> None:
    folder = tmp_path / name[:60]
    folder.mkdir()
    photo, speech, video = (folder / f"{name}{ending}" for ending in (".JPG", ".flac", ".mp4"))
    shutil.copy(PHOTO, photo)
    shutil.copy(SPEECH, speech)
    options = ["--weights", weights, "--max-size", "384", "--fps", "2"]
    assert main(["generate", str(photo), str(speech), "-o", str(video), *options]) == DONE
    assert sorted(folder.iterdir()) == sorted([photo, speech, video])


def test_videos_play_on_phones_unless_told_otherwise() -> None:
    options = build_parser().parse_args(["generate", PHOTO, SPEECH, "-o", "a.mp4"])
    assert longest_side(options) == 1920
    options.max_size = 0
    assert longest_side(options) is None


def test_animation_without_speech(weights: str, tmp_path: Path) -> None:
    Animation.from_curves(10, jawOpen=0.4).save_npz(tmp_path / "open.npz")
    arguments = ["generate", PHOTO, "--animation", str(tmp_path / "open.npz"), "-o", str(tmp_path / "open.mp4")]
    assert main([*arguments, "--weights", weights]) == DONE
    assert (tmp_path / "open.mp4").stat().st_size > 1000


def test_pictures_are_counted(weights: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Animation.from_curves(3, jawOpen=0.4).save_npz(tmp_path / "open.npz")
    pattern = str(tmp_path / "take-%03d.png")
    arguments = ["generate", PHOTO, "--animation", str(tmp_path / "open.npz"), "-o", pattern, "--max-size", "384"]
    assert main([*arguments, "--weights", weights]) == DONE
    printed = capsys.readouterr()
    assert printed.out == f"{pattern}\n"
    assert f"dirfa: 3 pictures, {tmp_path / 'take-001.png'} to {tmp_path / 'take-003.png'}\n" in printed.err


BAD_COMMANDS = {
    "no photo": (["nobody.jpg", SPEECH], "photo not found: nobody.jpg"),
    "a folder": ([str(Path(PHOTO).parent), SPEECH], "this is a folder"),
    "no speech": ([PHOTO, "silence.wav"], "speech not found: silence.wav"),
    "nothing to say": ([PHOTO], "speech or --animation is needed"),
    "swapped": ([SPEECH, PHOTO], f"the photo comes before the speech, got {SPEECH} {PHOTO}; swap them"),
    "photo is no picture": ([SPEECH, SPEECH], "cannot be read as a picture"),
    "speech is no sound": ([PHOTO, PHOTO], "audio"),
    "extension": ([PHOTO, SPEECH, "-o", "talk.avi"], "or .png (take-%05d.png), got 'talk.avi'"),
    "folder": ([PHOTO, SPEECH, "-o", "nowhere/talk.mp4"], "'nowhere'"),
    "diversity": ([PHOTO, SPEECH, "--diversity", "3"], "--diversity must be in [0.0, 2.0], got 3.0"),
    "fps": ([PHOTO, SPEECH, "--fps", "0"], "--fps must be in [1, 120], got 0.0"),
    "takes": ([PHOTO, SPEECH, "--num-videos", "0"], "--num-videos must be in [1, 100], got 0"),
    "size": ([PHOTO, SPEECH, "--max-size", "10"], "max_size must be at least 64 pixels, got 10"),
    "face": ([PHOTO, SPEECH, "--face", "3"], "there is no face with number 3; found, from left to right: 0 at"),
    "no face": (["wall.png", SPEECH], "no face found in the 300 x 300 picture"),
}


@pytest.mark.parametrize("name", BAD_COMMANDS)
def test_bad_input_is_one_clear_line(
    name: str, weights: str, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (300, 300), "grey").save("wall.png")
    arguments, words = BAD_COMMANDS[name]
    output = [] if "-o" in arguments else ["-o", str(tmp_path / "talk.mp4")]
    assert main(["generate", *arguments, *output, "--weights", weights]) == BAD_INPUT
    said = capfd.readouterr().err
    errors = [line for line in said.splitlines() if line.startswith("dirfa: error: ")]
    assert len(errors) == 1
    assert words in errors[0]
    assert "loading" not in said, "it could have been told before"
    assert not (tmp_path / "talk.mp4").exists()


def test_other_errors_exit_with_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    damaged = tmp_path / "damaged"
    damaged.mkdir()
    (damaged / "model_index.json").write_text("{")
    arguments = ["generate", PHOTO, SPEECH, "-o", str(tmp_path / "talk.mp4"), "--weights", str(damaged)]
    assert main(arguments) == FAILED
    assert "dirfa: failed:" in capsys.readouterr().err


def test_parser_needs_a_command() -> None:
    with pytest.raises(SystemExit) as exit_info:
        build_parser().parse_args([])
    assert exit_info.value.code == BAD_INPUT


def test_a_reader_that_has_seen_enough_is_no_failure_to_tell(tmp_path: Path) -> None:
    """As in `dirfa check photo.jpg --json | head -1`."""
    Image.new("RGB", (300, 300), "grey").save(tmp_path / "wall.png")
    command = [sys.executable, "-m", "dirfa_pipeline", "check", "wall.png", "--no-speed"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as check:
        assert check.stdout and check.stderr
        check.stdout.close()
        told = check.stderr.read()
        assert check.wait(timeout=600) == FAILED
    assert [line for line in told.splitlines() if not line.startswith("dirfa: loading")] == []


@pytest.mark.slow
def test_shipped_weights_make_a_video_that_plays(tmp_path: Path) -> None:
    output = tmp_path / "talk.mp4"
    arguments = [sys.executable, "-m", "dirfa_pipeline", "generate", PHOTO, SPEECH, "-o", str(output), "--seed", "1"]
    subprocess.run(arguments, check=True, timeout=600, cwd=tmp_path)
    import av

    from dirfa_pipeline import load_audio

    with av.open(str(output)) as container:
        video, sound = container.streams.video[0], container.streams.audio[0]
        assert (video.codec_context.name, video.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert sound.codec_context.name == "aac"
        duration = float(video.duration * video.time_base)
    assert abs(duration - load_audio(SPEECH).duration) <= 1 / 25
    if shutil.which("ffprobe"):
        entries = ["-show_entries", "stream=codec_type", "-of", "csv=p=0"]
        probe = subprocess.run(["ffprobe", "-v", "error", *entries, str(output)], capture_output=True, text=True)
        assert probe.stdout.split() == ["video", "audio"]


def test_push_shows_its_card_without_a_network(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    notes = tmp_path / "notes.md"
    notes.write_text("My own voice.")
    assert main(["push", "me/mine", "--dry-run", "--notes", str(notes), "--license", "cc-by-4.0"]) == 0
    card = capsys.readouterr().out
    assert card.startswith("---\n")
    assert "license: cc-by-4.0" in card
    assert "My own voice." in card
    assert 'DirfaPipeline.from_pretrained("me/mine")' in card


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--notes", "missing.md"], "--notes cannot be read: missing.md"),
        (["--metrics", __file__], "--metrics must be JSON"),
        (["--weights", "/"], "holds no model_index.json"),
        (["--space", "--notes", __file__], "--notes belongs to a pipeline's model card"),
        (["--space", "--fp16"], "--space uploads the bundled weights as they are"),
        (["--metrics", str(ROOT / "weights/dirfa-base/model_index.json"), "--dry-run"], "metrics must be a report"),
    ],
)
def test_push_checks_its_files(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["push", "me/mine", *arguments]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("generate a b -o c.mp4 --expresion happy", "dirfa: error: unrecognized arguments: --expresion happy; did"),
        ("generate a b -o c.mp4 --expresion happy", "did you mean --expression?"),
        ("verify a --jsn=1", "did you mean --json?"),
        ("verify a b", "dirfa: error: unrecognized arguments: b; dirfa verify --help tells more\n"),
        ("generat a b -o c.mp4", "dirfa: error: there is no command 'generat'; did you mean generate?\n"),
        ("make a b", "dirfa: error: there is no command 'make'; dirfa --help tells more\n"),
        ("generate a b", "dirfa: error: the following arguments are required: -o/--output; dirfa generate --help"),
        ("generate a b --gaze camera", "are required: -o/--output; dirfa generate --help tells more"),
        ("generate --gaze camera a b -o c.mp4", "put files before options that take several values"),
    ],
)
def test_mistyped_options_are_answered(words: str, message: str, capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit):
        main(words.split())
    said = capsys.readouterr().err
    assert message in said and said.count("\n") == 1
