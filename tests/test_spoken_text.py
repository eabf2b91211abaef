"""`pipe(image, text=..., voice=...)`: texts are spoken when files are read, after everything was checked."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from media_files import speech
from tiny import tiny_pipeline

from dirfa_pipeline import AudioClip, DirfaPipeline, InputError, VoiceError


class Parrot:
    """Says one syllable a letter, and remembers what it was asked to say."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def speak(self, text: str) -> Iterator[AudioClip]:
        self.said.append(text)
        clip = speech(0.1 * len(text))
        for samples in np.array_split(clip.samples, 3, axis=1):
            yield AudioClip(samples, clip.sampling_rate)


@pytest.fixture(scope="module")
def pipeline() -> DirfaPipeline:
    return tiny_pipeline()


def draw(pipeline: DirfaPipeline, **given: Any) -> Any:
    return pipeline(output_type="animation", generator=torch.Generator().manual_seed(3), **given)


def test_a_text_is_drawn_as_its_sound_is(pipeline: DirfaPipeline) -> None:
    parrot = Parrot()
    spoken = draw(pipeline, text="Hello, you three.", voice=parrot)
    heard = draw(pipeline, audio=speech(1.7))
    assert parrot.said == ["Hello, you three."]
    np.testing.assert_array_equal(spoken.audio[0], heard.audio[0])
    np.testing.assert_array_equal(spoken.animation[0].coefficients, heard.animation[0].coefficients)


def test_texts_pair_up(pipeline: DirfaPipeline) -> None:
    takes = draw(pipeline, text=["Hello, you.", "Hello, all of you."], voice=Parrot()).animation
    assert [len(take) for take in takes] == [28, 45]


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        ({"text": "Hello", "audio": speech()}, InputError, "audio and text are both given"),
        ({"audio": speech(), "voice": "espeak"}, InputError, "a voice needs a text, got voice='espeak' alone"),
        ({"text": "Hello", "voice": "nobody"}, VoiceError, "got 'nobody'"),
        ({"text": ["Hello", " "]}, VoiceError, "must contain a letter or a digit, got ''"),
        ({"text": 7}, VoiceError, "text must be a string, got int"),
        ({"text": "Hello", "diversity": 3.0}, InputError, "diversity"),
        ({"text": ["Hello", "you"], "generator": [torch.Generator()]}, InputError, "a list of generators"),
    ],
)
def test_faults_are_told_before_anything_is_spoken(
    pipeline: DirfaPipeline, given: dict[str, Any], error: type[Exception], words: str
) -> None:
    parrot = Parrot()
    voice = {} if "voice" in given or "audio" in given else {"voice": parrot}
    with pytest.raises(error, match=words):
        pipeline(output_type="animation", **(given | voice))
    assert parrot.said == []


def test_a_voice_that_fails_ends_the_call(pipeline: DirfaPipeline) -> None:
    class Broken:
        def speak(self, text: str) -> Iterator[AudioClip]:
            yield speech(0.5)
            raise VoiceError("a voice must speak to the end, this one fell asleep")

    with pytest.raises(VoiceError, match="fell asleep"):
        draw(pipeline, text="Hello", voice=Broken())
