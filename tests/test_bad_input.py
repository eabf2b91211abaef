"""What users can get wrong: the class of the error, and words that its message must hold."""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from media_files import speech, write_media
from PIL import Image

from dirfa_pipeline import (
    Animation,
    AnimationError,
    AudioClip,
    AudioError,
    FaceModel,
    FaceNotFoundError,
    ImageError,
    InputError,
    Portrait,
    load_audio,
    write_video,
)
from dirfa_pipeline.capture.pictures import read_image
from dirfa_pipeline.cli import main


TONE = (0.3 * np.sin(np.arange(16000) / 20)).astype(np.float32)
GREY = np.full((96, 96, 3), 128, np.uint8)
NOISE = np.random.default_rng(0).integers(0, 256, (256, 256, 3)).astype(np.uint8)
ZEROS = np.zeros((4, 58), np.float32)


class Files:
    """Makes broken files on demand."""

    def __init__(self, folder: Path, astronaut: Path) -> None:
        self.folder, self.astronaut = folder, astronaut

    def text(self, name: str) -> Path:
        path = self.folder / name
        path.write_text("This is a text file, whatever its name says.\n" * 20)
        return path

    def empty(self, name: str) -> Path:
        path = self.folder / name
        path.touch()
        return path

    def cut(self, name: str, source: Path) -> Path:
        path = self.folder / name
        path.write_bytes(source.read_bytes()[:200])
        return path

    def picture(self, name: str, picture: Image.Image) -> Path:
        path = self.folder / name
        picture.save(path, format="png")
        return path

    def silent_video(self) -> Path:
        return write_media(self.folder / "mute.mp4", None, pictures=5)

    def sound(self, name: str, codec: str, clip: AudioClip | None = None) -> Path:
        return write_media(self.folder / name, clip or speech(0.5), codec)

    def wav(self, samples: np.ndarray) -> Path:
        return self.sound("sound.wav", "pcm_s16le", AudioClip(samples, 16000))

    def no_samples(self) -> Path:
        path = self.folder / "none.wav"
        with av.open(str(path), "w") as container:
            container.add_stream("pcm_s16le", rate=16000, layout="mono")
            container.start_encoding()
        return path

    def small_face(self) -> Image.Image:
        picture = Image.new("RGB", (400, 400), "grey")
        picture.paste(Image.open(self.astronaut).resize((320, 320)), (40, 40))
        return picture

    def half_face(self) -> Image.Image:
        return Image.open(self.astronaut).crop((100, 0, 350, 148))


def spoilt(value: float) -> np.ndarray:
    wave = TONE.copy()
    wave[77] = value
    return wave


def big_picture() -> Image.Image:
    return Image.new("1", (8000, 6000))


AUDIO: list[tuple[str, Callable[[Files], Any], str]] = [
    (
        "text file",
        lambda f: load_audio(f.text("speech.wav")),
        "speech.wav cannot be read as audio (it is damaged, or no sound); pass wav",
    ),
    ("text file without a name", lambda f: load_audio(f.text("speech")), "cannot be read as audio"),
    ("picture named wav", lambda f: load_audio(f.picture("speech.wav", Image.fromarray(NOISE))), "no audio stream"),
    ("video without sound", lambda f: load_audio(f.silent_video()), "no audio stream; pass a file with sound"),
    ("empty file", lambda f: load_audio(f.empty("speech.wav")), "cannot be read as audio"),
    ("file without samples", lambda f: load_audio(f.no_samples()), "empty 0.2 seconds"),
    (
        "cut file",
        lambda f: load_audio(f.cut("cut.wav", write_media(f.folder / "whole.m4a", speech(), "aac"))),
        "cut.wav audio",
    ),
    ("missing file", lambda f: load_audio(f.folder / "nowhere.wav"), "not found nowhere.wav"),
    ("clip of one axis", lambda f: load_audio(AudioClip(TONE, 16000)), "(channels, num_samples) (16000,) load_audio"),
    ("integers as floats", lambda f: load_audio((16000, TONE * 32768)), "[-1, 1] peak divide 32768"),
    ("folder", lambda f: load_audio(f.folder), "not found"),
    ("short file", lambda f: load_audio(f.wav(TONE[None, :1600])), "0.2 s 0.100 s longer"),
    ("silent file", lambda f: load_audio(f.wav(0 * TONE[None])), "silent"),
    ("short array", lambda f: load_audio((16000, TONE[:1600])), "0.2 s 0.100 s longer"),
    ("empty array", lambda f: load_audio((16000, [])), "empty 0.2 seconds"),
    ("NaN", lambda f: load_audio((16000, spoilt(np.nan))), "finite nan sample 77"),
    ("infinity", lambda f: load_audio((16000, spoilt(np.inf))), "finite inf sample 77"),
    ("silent array", lambda f: load_audio((16000, 0 * TONE)), "silent loudest 0.0001 got 0; microphone"),
    ("silent int16", lambda f: load_audio((16000, np.zeros(16000, np.int16))), "silent"),
    ("silent uint8", lambda f: load_audio((16000, np.full(16000, 128, np.uint8))), "silent"),
    ("three axes", lambda f: load_audio((16000, TONE[None, None])), "(samples,) (channels, samples) (1, 1, 16000)"),
    ("scalar", lambda f: load_audio((16000, np.float32(0.5))), "(samples,) ()"),
    ("complex", lambda f: load_audio((16000, TONE + 1j)), "integers floats complex64"),
    ("words", lambda f: load_audio((16000, ["a", "b"])), "integers floats"),
    ("ragged list", lambda f: load_audio((16000, [[0.1, 0.2], [0.3]])), "audio"),
    ("no rate", lambda f: load_audio(TONE), "needs its sampling_rate"),
    ("rate too low", lambda f: load_audio((16, TONE)), "1000 384000 16"),
    ("rate too high", lambda f: load_audio((10**9, TONE)), "1000 384000 1000000000"),
    ("negative rate", lambda f: load_audio((-16000, TONE)), "-16000"),
    ("rate with a fraction", lambda f: load_audio((16000.5, TONE)), "whole number 16000.5"),
    ("rate after the array", lambda f: load_audio((TONE, 16000)), "sampling_rate whole number"),
    ("three items", lambda f: load_audio((16000, TONE, 1)), "(sampling_rate, array) 3 items"),
    ("None", lambda f: load_audio(None), "audio"),
]

IMAGE: list[tuple[str, Callable[[Files], Any], str]] = [
    ("missing file", lambda f: read_image(f.folder / "nowhere.jpg"), "not found nowhere.jpg"),
    ("text file", lambda f: read_image(f.text("photo.jpg")), "cannot be read as a picture JPEG"),
    ("empty file", lambda f: read_image(f.empty("photo.png")), "cannot be read as a picture"),
    ("cut file", lambda f: read_image(f.cut("photo.jpg", f.astronaut)), "cannot be read as a picture"),
    ("tiny", lambda f: read_image(np.zeros((32, 48, 3), np.uint8)), "64 pixels 48 x 32"),
    ("odd and a little too small", lambda f: read_image(Image.new("RGB", (65, 63))), "64 pixels"),
    ("NaN", lambda f: read_image(np.full((96, 96, 3), np.nan)), "finite [0, 1] 255"),
    ("one NaN", lambda f: read_image(np.where(np.arange(96)[:, None] == 5, np.nan, np.ones((96, 96)))), "finite"),
    ("float over one", lambda f: read_image(GREY.astype(np.float32)), "[0, 1] 128 divide by 255"),
    ("negative float", lambda f: read_image(np.full((96, 96, 3), -0.1)), "[0, 1] -0.1"),
    ("int32", lambda f: read_image(GREY.astype(np.int32)), "uint8 uint16 float int32"),
    ("bool", lambda f: read_image(GREY > 5), "uint8 bool"),
    ("words", lambda f: read_image(np.full((96, 96, 3), "a")), "uint8"),
    ("two channels", lambda f: read_image(GREY[..., :2]), "(height, width[, 1 | 3 | 4]) (96, 96, 2)"),
    ("channels first", lambda f: read_image(GREY.transpose(2, 0, 1)), "(height, width[, 1 | 3 | 4]) (3, 96, 96)"),
    ("batch", lambda f: read_image(GREY[None]), "(1, 96, 96, 3)"),
    ("one axis", lambda f: read_image(GREY[0, :, 0]), "(96,)"),
    ("no pixels", lambda f: read_image(np.zeros((0, 96, 3), np.uint8)), "(0, 96, 3)"),
    ("None", lambda f: read_image(None), "image"),
    ("48 megapixels", lambda f: read_image(big_picture()), "40 megapixels 8000 x 6000"),
    ("file of 48 megapixels", lambda f: read_image(f.picture("a.png", big_picture())), "40 megapixels 8000 x 6000"),
    ("array of 48 megapixels", lambda f: read_image(np.zeros((6000, 8000), np.uint8)), "40 megapixels 8000 x 6000"),
    ("max_size", lambda f: read_image(GREY, max_size=32), "max_size 64 32"),
    ("narrow after max_size", lambda f: read_image(Image.new("RGB", (2000, 70)), max_size=512), "64 pixels"),
]

FACE: list[tuple[str, Callable[[Files], Any], str]] = [
    ("noise", lambda f: NOISE, "no face found 256 x 256 front"),
    ("flat picture", lambda f: GREY, "no face found 96 x 96"),
    ("small face", Files.small_face, "64 pixels larger"),
    ("half a face", Files.half_face, "photo whole face"),
]

ANIMATION: list[tuple[str, Callable[[Files], Any], str]] = [
    ("57 columns", lambda f: Animation(ZEROS[:, :57]), "(num_frames, 58) (4, 57)"),
    ("one axis", lambda f: Animation(ZEROS[0]), "(num_frames, 58) (58,)"),
    ("no frames", lambda f: Animation(ZEROS[:0]), "one frame (0, 58)"),
    ("NaN", lambda f: Animation.from_curves(3, jawOpen=[0, np.nan, 0]), "finite nan frame 1 jawOpen"),
    ("words", lambda f: Animation([["a"] * 58]), "coefficients"),
    ("ragged list", lambda f: Animation([[0.0] * 58, [0.0]]), "coefficients"),
    ("unknown name", lambda f: Animation.from_curves(3, jawOpne=1), "'jawOpne' did you mean 'jawOpen'"),
    ("unknown side", lambda f: Animation.from_curves(3, eyeBlink_L=1), "did you mean 'eyeBlinkLeft'"),
    ("unknown curve", lambda f: Animation(ZEROS)["Yaw"], "did you mean 'yaw'"),
    ("curve of another length", lambda f: Animation.from_curves(3, yaw=[0, 1]), "yaw 3 values (2,)"),
    ("curve of words", lambda f: Animation.from_curves(3, yaw=["a", "b", "c"]), "yaw"),
    ("fps 0", lambda f: Animation(ZEROS, 0), "fps (0, 240] 0"),
    ("fps -25", lambda f: Animation(ZEROS, -25), "fps -25"),
    ("fps 1000", lambda f: Animation(ZEROS, 1000), "fps 1000"),
    ("fps NaN", lambda f: Animation(ZEROS, float("nan")), "fps nan"),
    ("resample to 0", lambda f: Animation(ZEROS).resample(0), "fps (0, 240] 0"),
    ("resample to no frames", lambda f: Animation(ZEROS).resample(30, 0), "one frame"),
    ("columns and names", lambda f: Animation.from_columns(ZEROS, ["yaw"], 25), "1 named columns (4, 58)"),
    ("text file", lambda f: Animation.load_npz(f.text("a.npz")), "a.npz not an animation file"),
    ("empty file", lambda f: Animation.load_npz(f.empty("a.npz")), "a.npz not an animation file"),
    ("broken zip", lambda f: Animation.load_npz(broken_zip(f)), "a.npz not an animation file"),
    ("missing file", lambda f: Animation.load_npz(f.folder / "nowhere.npz"), "nowhere.npz not an animation file"),
    ("other arrays", lambda f: Animation.load_npz(archive(f, motion=ZEROS)), "not an animation file coefficients"),
    (
        "words in a file",
        lambda f: Animation.load_npz(archive(f, coefficients=[["a"]], names=["yaw"], fps=25)),
        "numbers",
    ),
    ("bare array", lambda f: Animation.load_npz(bare_array(f)), "not an animation file"),
]


def broken_zip(files: Files) -> Path:
    path = archive(files, coefficients=ZEROS)
    path.write_bytes(path.read_bytes()[:100])
    return path


def archive(files: Files, **arrays: np.ndarray) -> Path:
    np.savez(files.folder / "a.npz", **arrays)
    return files.folder / "a.npz"


def bare_array(files: Files) -> Path:
    np.save(files.folder / "a.npy", ZEROS)
    return files.folder / "a.npy"


def write(files: Files, name: str = "a.mp4", frames: Any = (GREY,), fps: float = 25, **options: Any) -> None:
    write_video(files.folder / name, frames, fps, **options)


VIDEO: list[tuple[str, Callable[[Files], Any], type[Exception], str]] = [
    ("odd width", lambda f: write(f, frames=[GREY[:, :95]]), ImageError, "even 95 x 96"),
    ("odd height", lambda f: write(f, frames=[GREY[:95]]), ImageError, "even 96 x 95"),
    ("float frames", lambda f: write(f, frames=[GREY / 255.0]), ImageError, "uint8 float64"),
    ("grey frames", lambda f: write(f, frames=[GREY[..., 0]]), ImageError, "(height, width, 3) (96, 96)"),
    ("two sizes", lambda f: write(f, frames=[GREY, GREY[:64]]), ImageError, "one size 96 x 64 96 x 96"),
    ("no frames", lambda f: write(f, frames=[]), InputError, "at least one frame"),
    ("crf 52", lambda f: write(f, crf=52), InputError, "crf [0, 51] 52"),
    ("crf -1", lambda f: write(f, crf=-1), InputError, "crf [0, 51] -1"),
    ("preset", lambda f: write(f, preset="quick"), InputError, "preset 'quick' veryfast"),
    ("fps 0", lambda f: write(f, fps=0), InputError, "fps [1, 120] 0"),
    ("fps 500", lambda f: write(f, fps=500), InputError, "fps [1, 120] 500"),
    ("fps NaN", lambda f: write(f, fps=float("nan")), InputError, "fps nan"),
    ("extension", lambda f: write(f, "a.avi"), InputError, ".mp4 a.avi"),
    ("no extension", lambda f: write(f, "mp4"), InputError, ".mp4"),
    ("missing folder", lambda f: write(f, "nowhere/a.mp4"), InputError, "nowhere does not exist create"),
]

TABLE = [
    *[(f"audio: {name}", call, AudioError, words) for name, call, words in AUDIO],
    *[(f"image: {name}", call, ImageError, words) for name, call, words in IMAGE],
    *[(f"animation: {name}", call, AnimationError, words) for name, call, words in ANIMATION],
    *[(f"video: {name}", call, error, words) for name, call, error, words in VIDEO],
]


@pytest.fixture
def files(tmp_path: Path, astronaut: Path) -> Files:
    return Files(tmp_path, astronaut)


def check_words(message: str, words: str) -> None:
    missing = [word for word in words.split() if word.strip(";,") not in message]
    assert not missing, f"{missing} not in {message!r}"


@pytest.mark.parametrize(("call", "error", "words"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_messages(files: Files, call: Callable[[Files], Any], error: type[Exception], words: str) -> None:
    with pytest.raises(InputError) as caught:
        call(files)
    assert caught.type is error
    check_words(str(caught.value), words)
    assert not list(files.folder.glob("a.mp4*")), "a failed writer leaves nothing"


@pytest.mark.parametrize(("make", "words"), [row[1:] for row in FACE], ids=[row[0] for row in FACE])
def test_faces(files: Files, face_model: FaceModel, make: Callable[[Files], Any], words: str) -> None:
    with pytest.raises(FaceNotFoundError) as caught, warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        Portrait.from_image(make(files), face_model)
    check_words(str(caught.value), words)


# Arguments after `generate`; PHOTO, SPEECH and OUT stand for good ones.
CLI = {
    "missing photo": ("nowhere.jpg SPEECH -o OUT", "photo not found nowhere.jpg"),
    "missing speech": ("PHOTO nowhere.wav -o OUT", "speech not found nowhere.wav"),
    "missing animation": ("PHOTO -o OUT --animation nowhere.npz", "animation not found nowhere.npz"),
    "no speech": ("PHOTO -o OUT", "speech --animation"),
    "text as speech": ("PHOTO TEXT -o OUT", "cannot be read as audio"),
    "text as animation": ("PHOTO -o OUT --animation TEXT", "animation files end in .npz"),
    "extension": ("PHOTO SPEECH -o talk.avi", ".mp4 talk.avi"),
    "missing folder": ("PHOTO SPEECH -o nowhere/talk.mp4", "nowhere does not exist"),
    "crf": ("PHOTO SPEECH -o OUT --crf 60", "--crf [0, 51] 60"),
    "crf of letters": ("PHOTO SPEECH -o OUT --crf best", "--crf best"),
    "fps": ("PHOTO SPEECH -o OUT --fps 0", "--fps [1, 120] 0"),
    "fps NaN": ("PHOTO SPEECH -o OUT --fps nan", "--fps nan"),
    "takes": ("PHOTO SPEECH -o OUT --num-videos 0", "--num-videos [1, 100] 0"),
    "diversity": ("PHOTO SPEECH -o OUT --diversity 3", "--diversity [0.0, 2.0] 3"),
    "preset": ("PHOTO SPEECH -o OUT --preset quick", "preset quick"),
    "folder of the animation": ("PHOTO SPEECH -o OUT --save-animation nowhere/talk.npz", "nowhere"),
    "seed": ("PHOTO SPEECH -o OUT --seed -1", "--seed -1"),
    "device": ("PHOTO SPEECH -o OUT --device gpu", "--device cuda 'gpu'"),
    "device without memory": ("PHOTO SPEECH -o OUT --device meta", "--device cuda 'meta'"),
    "device of another package": ("PHOTO SPEECH -o OUT --device hpu", "--device cuda 'hpu'"),
    "unknown option": ("PHOTO SPEECH -o OUT --quality 3", "--quality"),
    "no output": ("PHOTO SPEECH", "-o"),
}


@pytest.mark.parametrize("name", CLI)
def test_command_line(files: Files, capfd: pytest.CaptureFixture[str], name: str) -> None:
    line, words = CLI[name]
    good = {
        "PHOTO": str(files.astronaut),
        "SPEECH": str(files.wav(TONE[None])),
        "TEXT": str(files.text("text.wav")),
        "OUT": str(files.folder / "talk.mp4"),
    }
    try:
        code = main(["generate", *(good.get(word, word) for word in line.split())])
    except SystemExit as stop:  # argparse leaves by itself
        code = stop.code
    assert code == 2
    message = capfd.readouterr().err
    assert "Traceback" not in message
    check_words(message, words)
    assert not (files.folder / "talk.mp4").exists()


def test_no_command(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main([])
    assert stop.value.code == 2
    check_words(capfd.readouterr().err, "usage: dirfa COMMAND examples: dirfa generate photo.jpg speech.wav")
