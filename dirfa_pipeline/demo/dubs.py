"""From a film and a speech to the dubbed film, step by step."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

from ..capture.film_length import fit_lengths
from ..capture.films import film_face
from ..errors import InputError
from ..media.audio import AudioClip, load_audio
from ..pipeline_dirfa import DirfaPipeline
from ..provenance.marking import Marks, video_writer
from .label import burn_label
from .limits import check_film, check_length, read_speech
from .synthesis import Voices, check_words
from .takes import FRAMES_A_STEP, Step


@dataclass(frozen=True)
class DubOrder:
    """
    What one press of the Dub button asks for.

    Args:
        film, speech (`str`, *optional*): Paths.
        text, voice (`str`): What is said instead of a speech, and the name of the voice that says it.
        fit (`str`): What happens where lengths differ, see [`fit_lengths`].
        seed (`int`): Seed of the draw.
        label (`bool`): Whether the film says that it is AI-generated.
    """

    film: str | None
    speech: str | None
    text: str = ""
    voice: str = ""
    fit: str = "hold"
    seed: int = 1
    label: bool = True

    def check(self) -> None:
        """Raise [`InputError`] for what can be told without reading the files."""
        if not self.film:
            raise InputError("a film is needed; upload one or record one with the webcam")
        check_words(self.speech, self.text, "upload a clip, record one or type a text")

    def read_speech(self, voices: Voices) -> AudioClip:
        """What is said."""
        if self.speech:
            return read_speech(self.speech)
        return check_length(load_audio(voices.say(self.text, self.voice)))


def make_dub(pipe: DirfaPipeline, order: DubOrder, folder: Path, voices: Voices) -> Iterator[Step | str]:
    """
    Dub a film into `folder`: steps as the work goes on, and at last the path of the video.

    Raises:
        InputError: Something asked for breaks a rule, or a file cannot be used.
    """
    order.check()
    assert order.film  # check saw to it
    yield Step("speaking" if order.text else "listening to the speech", 0.0)
    speech = order.read_speech(voices)
    check_film(order.film)
    yield Step("finding the face in every picture of the film", 0.05)
    film = film_face(order.film, pipe.face_model, pipe.detector_folder)
    film, speech = fit_lengths(film, speech, order.fit)
    yield Step("drawing the lips", 0.4)
    frames = pipe.dub(film, speech, generator=torch.Generator().manual_seed(order.seed))
    path = folder / f"dub-{order.seed}.mp4"
    marks = Marks(composite=True, frames=film.shown)
    with video_writer(path, film.fps, speech, marks=marks) as writer:
        for index, frame in enumerate(burn_label(frames) if order.label else frames, start=1):
            writer.write(frame)
            if index % FRAMES_A_STEP == 0:
                yield Step("drawing the lips", 0.4 + 0.6 * index / len(film))
    yield str(path)
