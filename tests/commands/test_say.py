"""`dirfa say`: text to video with a voice that is a program of the test's own."""

import shutil
import sys
from pathlib import Path

import av
import numpy as np
import pytest
from media_files import speech
from tiny import tiny_pipeline

from dirfa_pipeline.cli import BAD_INPUT, DONE, main
from dirfa_pipeline.media.wav import write_wav


PHOTO = str(Path(__file__).parents[2] / "dirfa_pipeline" / "examples" / "astronaut.jpg")


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("weights")
    tiny_pipeline().save_pretrained(folder)
    return str(folder)


@pytest.fixture
def voice(tmp_path: Path) -> str:
    """Says the same, whatever it is given, and writes down what that was."""
    write_wav(str(tmp_path / "said.wav"), speech(0.8))
    program = tmp_path / "voice.py"
    program.write_text(
        f"import sys; open({str(tmp_path / 'heard.txt')!r}, 'w').write(sys.stdin.read())\n"
        f"sys.stdout.buffer.write(open({str(tmp_path / 'said.wav')!r}, 'rb').read())"
    )
    return f"command:{sys.executable} {program}"


def say(text: str, voice: str, output: Path, weights: str, *more: str) -> int:
    arguments = ["say", PHOTO, text, "--voice", voice, "-o", str(output), "--weights", weights]
    return main([*arguments, "--max-size", "448", "--fps", "10", "--seed", "1", *more])


def test_a_text_becomes_a_video(voice: str, weights: str, tmp_path: Path) -> None:
    assert say("Hello, you.", voice, tmp_path / "talk.mp4", weights) == DONE
    assert (tmp_path / "heard.txt").read_text().strip() == "Hello, you."
    with av.open(str(tmp_path / "talk.mp4")) as container:
        assert container.streams.video[0].frames == 8
        sound = np.concatenate([block.to_ndarray() for block in container.decode(audio=0)], axis=1)
    assert np.abs(sound).max() > 0.1


def test_a_text_is_read_from_the_standard_input(
    voice: str, weights: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "text.txt").write_text("From a file.\n")
    with open(tmp_path / "text.txt") as text:
        monkeypatch.setattr(sys, "stdin", text)
        assert say("-", voice, tmp_path / "talk.mp4", weights) == DONE
    assert (tmp_path / "heard.txt").read_text().strip() == "From a file."


@pytest.mark.parametrize(
    ("text", "voice", "more", "words"),
    [
        ("Hello", "nobody", (), "a voice must be espeak"),
        ("Hello", "command:no-such-program", (), "must begin with an installed program"),
        (" ", "command:cat", (), "text must contain a letter or a digit, got ''"),
        ("Hello", "command:cat", (), "must give WAV, cat gave b'Hello\\n'"),
        ("Hello", "command:cat", ("--crf", "99"), "--crf must be in [0, 51], got 99"),
    ],
)
def test_what_cannot_be_said_is_one_line(
    text: str, voice: str, more: tuple[str, ...], words: str, weights: str, tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    assert say(text, voice, tmp_path / "talk.mp4", weights, *more) == BAD_INPUT
    said = capfd.readouterr().err
    (line,) = [line for line in said.splitlines() if line.startswith("dirfa: error: ")]
    assert words in line
    assert "loading" not in said, "it could have been told before"


def test_a_face_is_looked_for_before_the_text_is_spoken(
    voice: str, weights: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert say("Hello.", voice, tmp_path / "talk.mp4", weights, "--face", "3") == BAD_INPUT
    assert "there is no face with number 3" in capfd.readouterr().err
    assert not (tmp_path / "heard.txt").exists()
    assert not (tmp_path / "talk.mp4").exists()


@pytest.mark.skipif(
    shutil.which("espeak-ng") is None, reason="typed speech needs espeak-ng: apt-get install espeak-ng"
)
def test_espeak_is_the_voice_where_none_is_named(weights: str, tmp_path: Path) -> None:
    arguments = ["say", PHOTO, "Hello.", "-o", str(tmp_path / "talk.mp4"), "--weights", weights, "--fps", "5"]
    assert main([*arguments, "--max-size", "448"]) == DONE


def test_files_are_not_read_aloud(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Speech in the place of the text would have its name said; photo and text may be swapped."""
    assert main(["say", PHOTO, PHOTO, "-o", str(tmp_path / "talk.mp4")]) == BAD_INPUT
    assert "dirfa generate takes sound" in capsys.readouterr().err
    assert main(["say", "Hello, you.", PHOTO, "-o", str(tmp_path / "talk.mp4")]) == BAD_INPUT
    assert "swap them" in capsys.readouterr().err
