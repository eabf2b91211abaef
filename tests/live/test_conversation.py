"""A conversation by a clock that need not be waited for: real face parts, toy networks; the shipped ones once."""

import asyncio
import resource
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from clocks import FakeClock
from media_files import lag, speech, write_media
from PIL import Image
from tiny import tiny_pipeline

from dirfa_pipeline import (
    COEFFICIENT_NAMES,
    LIP_NAMES,
    Animation,
    AudioClip,
    AudioError,
    Controls,
    DirfaPipeline,
    InputError,
    load_audio,
)
from dirfa_pipeline.face.fit import SMILES
from dirfa_pipeline.live.conversation import MAX_BACKLOG, MAX_CARRIED, Conversation, ConversationEvent
from dirfa_pipeline.live.face import AvatarFrame
from dirfa_pipeline.live.timeline import FADE, SOUND_RATE
from dirfa_pipeline.live.utterance import Utterance
from dirfa_pipeline.models.animation_stream import SMILE_SHARE
from dirfa_pipeline.models.face_renderer import PreparedPortrait
from dirfa_pipeline.provenance.marking import MARKED
from dirfa_pipeline.provenance.watermark import Watermark


LIPS = [COEFFICIENT_NAMES.index(name) for name in LIP_NAMES]
HEAD = slice(52, 58)
BEGINS = 0.6  # seconds from `say` to the first sound, at most


@pytest.fixture(scope="module")
def pipeline() -> DirfaPipeline:
    return tiny_pipeline()


@pytest.fixture(scope="module")
def small(pipeline: DirfaPipeline, astronaut: Path) -> PreparedPortrait:
    crop = Image.open(astronaut).crop((110, 10, 340, 240))
    return pipeline.face_renderer.prepare(pipeline.prepare_portrait(crop, max_size=184))


class Scene:
    """A conversation, its clock, its events and the coefficients that were drawn."""

    def __init__(self, pipeline: DirfaPipeline, image: Any, **options: Any) -> None:
        self.clock, self.events = FakeClock(), list[ConversationEvent]()
        options = {"generator": torch.Generator().manual_seed(3), "marks": None} | options
        self.face: Conversation = pipeline.converse(image, clock=self.clock, on_event=self.events.append, **options)
        self.rows: list[np.ndarray] = []

    @property
    def kinds(self) -> list[str]:
        return [event.kind for event in self.events]

    async def __aenter__(self) -> "Scene":
        await self.face.__aenter__()
        direction = self.face._face._direction
        apply = direction.apply

        def recorded(row: np.ndarray, time: float) -> np.ndarray:
            self.rows.append(apply(row, time))
            return self.rows[-1]

        direction.apply = recorded
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.face.close()

    async def take(self, number: int) -> list[AvatarFrame]:
        return [await anext(self.face) for _ in range(number)]


Act = Callable[[Scene], Awaitable[Any]]


@pytest.fixture
def play(pipeline: DirfaPipeline, small: PreparedPortrait) -> Callable[..., Any]:
    def run(act: Act, **options: Any) -> Any:
        async def scene() -> Any:
            async with Scene(pipeline, small, **options) as opened:
                return await act(opened)

        return asyncio.run(asyncio.wait_for(scene(), 300))

    return run


def sound_of(frames: list[AvatarFrame]) -> np.ndarray:
    return np.concatenate([frame.audio[0] for frame in frames])


def test_it_lives_while_nobody_speaks(play: Callable[..., Any]) -> None:
    async def act(scene: Scene) -> list[AvatarFrame]:
        frames = await scene.take(200)
        rows = np.array(scene.rows[:200])
        assert rows[:, HEAD].std(0).min() > 0 and np.abs(np.diff(rows[:, HEAD], axis=0)).max() < 0.1
        assert rows[:, COEFFICIENT_NAMES.index("eyeBlinkLeft")].max() > 0.8
        return frames

    frames = play(act)
    for number, frame in enumerate(frames):
        assert frame.image.shape == frames[0].image.shape and frame.image.dtype == np.uint8
        assert frame.audio.shape == (1, SOUND_RATE // 25) and not frame.audio.any()
        assert frame.time == pytest.approx(number / 25) and not frame.speaking
    assert any((frame.image != frames[0].image).any() for frame in frames)


@pytest.mark.parametrize("fps", [25, 30, 12.5, 29.97])
def test_sound_belongs_to_its_frames(play: Callable[..., Any], fps: float) -> None:
    """At any frame rate all of it comes, once, and frames that speak are those with speech."""

    async def act(scene: Scene) -> list[AvatarFrame]:
        frames = await scene.take(10)
        utterance = await scene.face.say(speech(1.5, SOUND_RATE))
        await scene.face.flush()
        while not utterance.ended:
            frames += await scene.take(1)
        assert utterance.heard == pytest.approx(1.5) and not utterance.interrupted
        return frames

    frames = play(act, fps=fps)
    sound, clip = sound_of(frames), speech(1.5, SOUND_RATE).samples[0]
    assert len(sound) == round(len(frames) * SOUND_RATE / fps)
    start = lag(sound, clip)
    np.testing.assert_array_equal(sound[start : start + len(clip)], clip)
    assert start / SOUND_RATE <= 10 / fps + BEGINS
    speaking = [frame for frame in frames if frame.speaking]
    assert [frame.time for frame in speaking] == sorted(frame.time for frame in speaking)
    assert len(speaking) == pytest.approx(1.5 * fps, abs=2)


def test_lips_are_those_of_the_whole_clip(pipeline: DirfaPipeline, play: Callable[..., Any]) -> None:
    """What the face does is what `sample_animation` draws for the sound that it gave, with the same lookahead."""

    async def act(scene: Scene) -> tuple[np.ndarray, np.ndarray]:
        frames = await scene.take(60)
        await scene.face.say(speech(1.5, SOUND_RATE))
        frames += await scene.take(60)
        return sound_of(frames), np.array(scene.rows[: len(frames)])

    sound, rows = play(act)
    whole = pipeline.sample_animation((SOUND_RATE, sound), torch.Generator().manual_seed(3), lookahead=0.24)
    drawn, expected = (coefficients[60:110] for coefficients in (rows, whole.coefficients))
    spoken = [index for index in LIPS if index not in SMILES]
    np.testing.assert_allclose(drawn[:, spoken], expected[:, spoken], atol=0.005)
    # A share of the smile that is drawn with head and brows, which are other ones here, reaches the lips.
    np.testing.assert_allclose(drawn[:, SMILES], expected[:, SMILES], atol=0.075 * SMILE_SHARE)
    assert np.ptp(rows[60:110, LIPS], axis=0).max() > 0.05


async def as_async(chunks: Iterator[Any]) -> AsyncIterator[Any]:
    for chunk in chunks:
        await asyncio.sleep(0)
        yield chunk


def cut(samples: np.ndarray, size: int) -> Iterator[np.ndarray]:
    return (samples[start : start + size] for start in range(0, len(samples), size))


SAID: dict[str, Callable[[np.ndarray, Path], tuple[Any, int | None]]] = {
    "clip": lambda wave, _: (AudioClip(wave[None], 16_000), None),
    "tuple": lambda wave, _: ((16_000, wave), None),
    "array": lambda wave, _: (wave, 16_000),
    "int16": lambda wave, _: ((wave * 32768).astype(np.int16), 16_000),
    "stereo": lambda wave, _: ((16_000, np.stack([wave, wave], axis=1)), None),
    "list of chunks": lambda wave, _: (list(cut(wave, 320)), 16_000),
    "iterator of tuples": lambda wave, _: (((16_000, chunk) for chunk in cut(wave, 777)), None),
    "async iterator": lambda wave, _: (as_async(cut(wave, 320)), 16_000),
    "path": lambda wave, folder: (write_media(folder / "a.wav", AudioClip(wave[None], 16_000), "pcm_s16le"), None),
}


@pytest.mark.parametrize("kind", SAID)
def test_anything_can_be_said(play: Callable[..., Any], kind: str, tmp_path: Path) -> None:
    clip = speech(0.6)
    audio, rate = SAID[kind](clip.samples[0], tmp_path)

    async def act(scene: Scene) -> np.ndarray:
        await scene.take(2)
        await scene.face.say(audio, rate)
        await scene.face.flush()
        return sound_of(await scene.take(40))

    sound, expected = play(act), clip.mono(SOUND_RATE)
    start = lag(sound, expected)
    np.testing.assert_allclose(sound[start : start + len(expected)], expected, atol=2e-3)


def test_chunks_are_one_utterance_without_a_seam(play: Callable[..., Any]) -> None:
    """Said one by one as they come, at another rate: the sound is that of the whole, resampled."""
    clip = speech(1.2, 22_050)

    async def act(scene: Scene) -> np.ndarray:
        frames = await scene.take(3)
        utterances = set()
        for chunk in cut(clip.samples[0], 441):
            utterances.add(await scene.face.say((22_050, chunk)))
            frames += await scene.take(1) if len(frames) % 2 else []
        assert len(utterances) == 1
        frames += await scene.take(50)
        return sound_of(frames)

    sound, expected = play(act), clip.mono(SOUND_RATE)
    start = lag(sound, expected)
    np.testing.assert_allclose(sound[start : start + len(expected)], expected, atol=2e-3)


def test_what_is_said_while_a_flush_waits_is_another_utterance(play: Callable[..., Any]) -> None:
    """Three at once, as from three tasks: none waits for another before it is called."""

    async def act(scene: Scene) -> None:
        first = asyncio.create_task(scene.face.say(chunks(speech(0.4, 22_050))))
        await asyncio.sleep(0)
        flushing = asyncio.create_task(scene.face.flush())
        await asyncio.sleep(0)
        second = asyncio.create_task(scene.face.say(chunks(speech(0.3, 22_050))))
        while not (first.done() and flushing.done() and second.done()):
            await scene.take(1)
        said = (await first, await second)
        assert [utterance.number for utterance in said] == [0, 1]
        await scene.take(70)
        assert all(utterance.ended and not utterance.interrupted for utterance in said)
        assert [utterance.heard for utterance in said] == pytest.approx([0.4, 0.3], abs=1e-3)

    async def chunks(clip: AudioClip) -> AsyncIterator[tuple[int, np.ndarray]]:
        for chunk in cut(clip.samples[0], 441):
            await asyncio.sleep(0)
            yield clip.sampling_rate, chunk

    play(act)


def test_utterances_follow_each_other_and_tell(play: Callable[..., Any]) -> None:
    async def act(scene: Scene) -> None:
        first = await scene.face.say(speech(0.4, SOUND_RATE))
        await scene.face.flush()
        second = await scene.face.say(speech(0.3, SOUND_RATE))
        frames = await scene.take(70)
        assert (first.number, second.number) == (0, 1)
        assert scene.kinds == ["started", "started", "ended", "ended"] or scene.kinds == [
            "started", "ended", "started", "ended",
        ]  # fmt: skip
        assert np.count_nonzero([frame.speaking for frame in frames]) == pytest.approx(0.7 * 25, abs=1)
        assert (first.heard, second.heard) == pytest.approx((0.4, 0.3))  # nobody flushed the second: it ended itself
        await second.wait()

    play(act)


def test_interruption(play: Callable[..., Any]) -> None:
    async def act(scene: Scene) -> None:
        frames = await scene.take(5)
        utterance = await scene.face.say(speech(8.0, SOUND_RATE))
        waiting = asyncio.create_task(utterance.wait())
        frames += await scene.take(50)
        handed = sum(np.count_nonzero(frame.audio) for frame in frames)
        heard = await scene.face.interrupt()
        assert heard == utterance.heard == pytest.approx(handed / SOUND_RATE, abs=0.02)
        after = await scene.take(40)
        await waiting
        assert utterance.interrupted and utterance.ended and "interrupted" in scene.kinds
        assert utterance.heard - heard <= 0.1 and not sound_of(after)[round(0.1 * SOUND_RATE) :].any()
        rows = np.array(scene.rows)
        open_before = rows[len(frames) - 3 : len(frames), LIPS].max()
        assert open_before > 0.05
        assert await scene.face.interrupt() == 0.0  # nothing is being said
        again = await scene.face.say(speech(0.5, SOUND_RATE))
        await scene.face.flush()
        sound = sound_of(await scene.take(40))
        assert np.count_nonzero(sound) > 0.4 * SOUND_RATE and again.ended and not again.interrupted

    play(act)


def test_an_interruption_drops_the_sound_of_frames_that_nobody_took(play: Callable[..., Any]) -> None:
    """A reader who was away for seconds hears a fade, then nothing: not what was dropped meanwhile."""

    async def act(scene: Scene) -> None:
        utterance = await scene.face.say(speech(8.0, SOUND_RATE))
        frames = await scene.take(30)
        last = sound_of(frames)[-1]
        while scene.face.unread < 50:
            await asyncio.sleep(0.002)
        heard = await scene.face.interrupt()
        late = await scene.take(20)
        sound = sound_of(late)
        assert len(late[0].audio[0]) > 1.5 * SOUND_RATE and len(sound) > 2.5 * SOUND_RATE  # as long as time is
        fade = round(FADE * SOUND_RATE)
        assert not sound[fade:].any() and np.count_nonzero(sound[:fade]) > 0
        assert np.abs(np.diff(np.concatenate([[last], sound]))).max() < 0.2  # no click
        assert utterance.interrupted and utterance.heard - heard == pytest.approx(FADE)
        assert not any(frame.speaking for frame in late[1:])
        again = await scene.face.say(speech(0.5, SOUND_RATE))
        await scene.face.flush()
        assert np.count_nonzero(sound_of(await scene.take(40))) > 0.4 * SOUND_RATE and again.ended

    play(act)


def test_what_was_never_heard_does_not_begin_after_an_interruption(play: Callable[..., Any]) -> None:
    async def act(scene: Scene) -> None:
        await scene.take(1)
        await scene.face.say(speech(2.0, SOUND_RATE))
        while scene.face.unread < 40:
            await asyncio.sleep(0.002)
        assert await scene.face.interrupt() == 0.0
        assert not sound_of(await scene.take(20)).any()
        assert scene.kinds == ["interrupted"]

    play(act)


def test_interruption_drops_what_waits_its_turn(play: Callable[..., Any]) -> None:
    """A voice that hangs in mid-sentence, and says behind it: none goes on, and its iterator is closed."""
    closed = []

    async def hanging() -> AsyncIterator[Any]:
        try:
            yield SOUND_RATE, speech(0.5, SOUND_RATE).samples
            await asyncio.Event().wait()
        finally:
            closed.append(True)

    async def act(scene: Scene) -> None:
        first = asyncio.create_task(scene.face.say(hanging()))
        await scene.take(5)
        second = asyncio.create_task(scene.face.say(speech(3.0)))
        await scene.take(20)
        await scene.face.interrupt()
        assert (await first).interrupted and (await second).interrupted and closed == [True]
        assert not sound_of((await scene.take(30))[3:]).any()

    play(act)


def test_an_iterator_that_blocks_holds_nothing_up(play: Callable[..., Any]) -> None:
    release = threading.Event()

    def blocking() -> Iterator[Any]:
        yield SOUND_RATE, speech(0.3, SOUND_RATE).samples
        release.wait(60)
        yield SOUND_RATE, speech(0.3, SOUND_RATE).samples

    async def act(scene: Scene) -> None:
        saying = asyncio.create_task(scene.face.say(blocking()))
        frames = await scene.take(40)
        assert not saying.done() and any(frame.speaking for frame in frames)
        await scene.face.interrupt()
        assert (await saying).interrupted

    play(act)
    release.set()
    deadline = time.monotonic() + 10
    while any(thread.name == "dirfa-sound" for thread in threading.enumerate()) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not any(thread.name == "dirfa-sound" for thread in threading.enumerate())


def test_a_voice_that_fails_leaves_the_face_alive(play: Callable[..., Any]) -> None:
    def failing() -> Iterator[Any]:
        yield SOUND_RATE, speech(0.3, SOUND_RATE).samples
        raise OSError("the voice is gone")

    async def act(scene: Scene) -> None:
        with pytest.raises(OSError, match="the voice is gone"):
            await scene.face.say(failing())
        assert any(frame.speaking for frame in await scene.take(30))
        await scene.face.say(speech(0.3))
        assert any(frame.speaking for frame in await scene.take(30))

    play(act)


BAD: dict[str, tuple[Any, str]] = {
    "not finite": ((16_000, np.array([0.0, np.nan])), "must be finite"),
    "rate": ((7, np.zeros(9)), "from 1000 to 384000"),
    "bytes": (b"\0\0", "needs its sampling_rate|np.frombuffer"),
    "array without rate": (np.zeros(100), "needs its sampling_rate"),
    "number": (3, "sound or an iterator of chunks, got int"),
    "triple": ((16_000, np.zeros(9), 1), "got 3 items"),
    "missing file": ("nothing.wav", "not found"),
}


def test_bad_sound_is_refused_and_all_goes_on(play: Callable[..., Any]) -> None:
    async def act(scene: Scene) -> None:
        for audio, message in BAD.values():
            with pytest.raises(InputError, match=message):
                await scene.face.say(audio)
            with pytest.raises(InputError):
                scene.face.direct("happy")  # type: ignore[arg-type]
        with pytest.raises(AudioError):
            scene.face.listen((16_000, np.array([np.inf])))
        await scene.face.say((16_000, np.zeros((0, 2))))  # an empty chunk is no error
        await scene.face.say(speech(0.4))
        assert any(frame.speaking for frame in await scene.take(30))

    play(act)


def test_frames_are_skipped_and_sound_never(play: Callable[..., Any]) -> None:
    """A machine that takes 0.1 s for a frame: every third comes, with all the sound, and delay does not grow."""

    async def act(scene: Scene) -> None:
        renderer = scene.face._face._renderer
        draw = renderer.render

        class Slow:
            def render(self, *arguments: Any) -> Any:
                scene.clock.seconds += 0.1
                return draw(*arguments)

        scene.face._face._renderer = Slow()
        await scene.face.say(speech(2.0, SOUND_RATE))
        frames = await scene.take(40)
        times = np.array([frame.time for frame in frames])
        assert np.diff(times).max() <= 0.1201 and scene.face.skipped >= 55
        assert scene.clock.seconds - times[-1] <= 0.25
        sound, clip = sound_of(frames), speech(2.0, SOUND_RATE).samples[0]
        start = lag(sound, clip)
        np.testing.assert_array_equal(sound[start : start + len(clip)], clip)

    play(act)


def test_a_slow_reader_gets_the_newest_frame_and_all_sound(play: Callable[..., Any]) -> None:
    async def act(scene: Scene) -> None:
        await scene.face.say(speech(2.0, SOUND_RATE))
        frames = []
        for _ in range(8):
            frames += await scene.take(1)
            before = scene.face.unread
            while scene.face.unread < before + 9:
                await asyncio.sleep(0.002)
        assert all(frame.time >= scene.face.time - 0.5 for frame in frames[-1:])
        sound, clip = sound_of(frames), speech(2.0, SOUND_RATE).samples[0]
        start = lag(sound, clip)
        np.testing.assert_array_equal(sound[start : start + len(clip)], clip)

    play(act)


def test_sound_that_nobody_takes_is_bounded(play: Callable[..., Any]) -> None:
    async def act(scene: Scene) -> None:
        await scene.take(1)
        while scene.face.time < MAX_CARRIED + 2.0:
            await asyncio.sleep(0.005)
        frame = (await scene.take(1))[0]
        assert frame.audio.shape[1] == round(MAX_CARRIED * SOUND_RATE)
        assert scene.kinds == ["overflow"]

    play(act)


def test_ten_minutes_at_once_overflow_and_tell(play: Callable[..., Any]) -> None:
    minute = speech(60.0, SOUND_RATE).samples

    async def act(scene: Scene) -> None:
        utterance = await scene.face.say((SOUND_RATE, np.tile(minute, 10)))
        assert utterance.seconds == pytest.approx(MAX_BACKLOG, abs=1.0) and scene.kinds.count("overflow") == 1
        for _ in range(100):
            await scene.face.say((SOUND_RATE, minute))  # a flood
        assert scene.face.backlog <= MAX_BACKLOG + 1.0 and scene.kinds.count("overflow") <= 2
        await scene.face.interrupt()
        assert scene.face.backlog <= 0.02

    play(act)


def test_iterators_are_asked_for_no_more_than_a_minute_ahead(play: Callable[..., Any]) -> None:
    asked = 0

    def endless() -> Iterator[Any]:
        nonlocal asked
        second = speech(1.0, SOUND_RATE).samples
        while True:
            asked += 1
            yield SOUND_RATE, second

    async def act(scene: Scene) -> None:
        saying = asyncio.create_task(scene.face.say(endless()))
        while asked < MAX_BACKLOG / 2:
            await scene.take(1)
        await scene.take(50)
        assert asked <= MAX_BACKLOG / 2 + scene.face.time + 5 and "overflow" not in scene.kinds
        await scene.face.interrupt()
        await saying

    play(act)


def test_direction_takes_over_gently(play: Callable[..., Any]) -> None:
    async def act(scene: Scene) -> None:
        await scene.take(30)
        scene.face.direct(Controls(expression="happy", pose=(10.0, 0.0, 0.0)))
        await scene.take(30)
        yaw = np.array(scene.rows)[:60, COEFFICIENT_NAMES.index("yaw")]
        smile = np.array(scene.rows)[:60, COEFFICIENT_NAMES.index("mouthSmileLeft")]
        assert yaw[55] - yaw[25] > np.radians(7) and smile[55] > smile[25] + 0.2
        assert np.abs(np.diff(yaw)).max() < np.radians(3)

    play(act)


def test_liveliness_after_the_voice_can_be_switched(pipeline: DirfaPipeline, small: PreparedPortrait) -> None:
    """`expression="auto"` moves head and brows otherwise from then on, as if it had been given first; so back."""

    def moved(*given: Controls, **options: Any) -> np.ndarray:
        face = pipeline.converse(small, generator=torch.Generator().manual_seed(3), **options)._open_face()
        for controls in given:
            face.direct(controls)
        face.timeline.lay(np.tile(speech(3.0, SOUND_RATE).samples[0], 3), Utterance(0))
        return np.array([face._hearing.row((number + 0.5) / 25) for number in range(220)])

    plain, auto = moved(), Controls(expression="auto")
    assert np.abs(moved(auto) - plain).max() > 1e-4
    np.testing.assert_array_equal(moved(auto), moved(controls=auto))
    np.testing.assert_array_equal(moved(auto, Controls()), plain)


def test_somebody_else_is_listened_to(play: Callable[..., Any]) -> None:
    async def act(scene: Scene) -> None:
        silent = np.zeros(640, np.float32)
        clip = np.concatenate([speech(1.5).samples[0], np.zeros(9600, np.float32)])
        for chunk in [*cut(clip, 640)] * 4 + [silent] * 10:
            scene.face.listen(chunk, 16_000)
            frame = (await scene.take(1))[0]
            assert not frame.speaking and not frame.audio.any()
        pitch = np.array(scene.rows)[:, COEFFICIENT_NAMES.index("pitch")]
        assert pitch.min() < -0.04  # a nod

    play(act)


def test_the_same_seed_gives_the_same_face(play: Callable[..., Any]) -> None:
    async def act(scene: Scene) -> np.ndarray:
        await scene.take(60)
        return np.array(scene.rows[:60])

    first = play(act)
    np.testing.assert_array_equal(first, play(act))
    assert np.abs(first - play(act, generator=torch.Generator().manual_seed(4))).max() > 0.01


def test_frames_carry_the_watermark_unless_told_otherwise(play: Callable[..., Any]) -> None:
    async def act(scene: Scene) -> np.ndarray:
        return (await scene.take(1))[0].image

    plain, marked = play(act), play(act, marks=MARKED)
    np.testing.assert_array_equal(marked, Watermark().mark(plain, 0.0))
    assert (marked != plain).any()


def test_closing_ends_everything(pipeline: DirfaPipeline, small: PreparedPortrait) -> None:
    threads = threading.active_count()

    async def scene() -> None:
        opened = Scene(pipeline, small)
        await opened.__aenter__()
        utterance = await opened.face.say(speech(5.0))
        reader = asyncio.create_task(opened.take(10_000))
        await asyncio.sleep(0.2)
        await opened.face.close()
        await asyncio.wait({reader})
        assert isinstance(reader.exception(), StopAsyncIteration | RuntimeError)
        await utterance.wait()
        for forbidden in (opened.face.say(speech(0.3)), opened.face.interrupt(), opened.face.flush()):
            with pytest.raises(InputError, match="not open"):
                await forbidden
        with pytest.raises(InputError, match="opened only once"):
            await opened.face.__aenter__()
        assert [frame async for frame in opened.face] == []

    asyncio.run(scene())
    assert threading.active_count() <= threads


def test_what_goes_wrong_while_drawing_reaches_the_reader(play: Callable[..., Any]) -> None:
    async def act(scene: Scene) -> None:
        await scene.take(3)
        scene.face._face._prepared = None
        with pytest.raises(AttributeError):
            await scene.take(10)
        with pytest.raises(InputError, match="not open"):
            await scene.face.say(speech(0.3))

    play(act)


BAD_OPENINGS = {
    "lookahead": ({"lookahead": None}, "lookahead must be seconds, got None"),
    "short lookahead": ({"lookahead": 0.1}, r"\[0.24, 1.2\], got 0.1"),
    "fps": ({"fps": 0}, r"\[1, 120\], got 0"),
    "size": ({"max_size": 1}, "max_size"),
    "controls": ({"controls": Controls(nods=1.0)}, "look ahead"),
    "generator": ({"generator": 3}, "torch.Generator"),
}


@pytest.mark.parametrize("name", BAD_OPENINGS)
def test_bad_arguments_are_refused_at_once(pipeline: DirfaPipeline, small: PreparedPortrait, name: str) -> None:
    arguments, message = BAD_OPENINGS[name]
    with pytest.raises(InputError, match=message):
        pipeline.converse(small, **arguments)


def test_a_photo_without_a_face_is_told_when_it_opens(pipeline: DirfaPipeline) -> None:
    async def scene() -> None:
        async with pipeline.converse(Image.new("RGB", (300, 300), "white")):
            pass

    with pytest.raises(InputError, match="face"):
        asyncio.run(scene())


@pytest.mark.long
@pytest.mark.timeout(7200)
def test_an_hour_goes_through_the_same_memory(pipeline: DirfaPipeline, small: PreparedPortrait) -> None:
    """What the process took at its peak in the first six minutes is all that it takes in the hour."""

    async def scene() -> list[float]:
        peaks = []
        async with Scene(pipeline, small, marks=MARKED) as opened:
            async for frame in opened.face:
                opened.rows.clear()
                if opened.face.backlog == 0.0 and int(frame.time) % 10 == 5:
                    await opened.face.say(speech(4.0))
                opened.face.listen((16_000, np.zeros(640, np.float32)))
                if frame.time >= (360, 3600)[len(peaks)]:
                    peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
                if len(peaks) == 2:
                    return peaks
        return peaks

    first, last = asyncio.run(scene())
    assert last - first < 8.0  # MiB


@pytest.mark.slow
def test_shipped_weights_speak_stop_and_rest(astronaut: Path) -> None:
    """Idle to speech and an interruption are no rougher than what lies around them, and lips close in time."""
    pipeline = DirfaPipeline.from_pretrained()
    pipeline.set_progress_bar_config(disable=True)
    clip = load_audio(astronaut.with_name("speech.flac"))
    said = (clip.sampling_rate, clip.samples[:, : 4 * clip.sampling_rate])

    async def scene() -> tuple[list[AvatarFrame], np.ndarray]:
        async with Scene(pipeline, str(astronaut), max_size=400) as opened:
            frames = await opened.take(100)
            await opened.face.say(said)
            frames += await opened.take(60)
            await opened.face.interrupt()
            frames += await opened.take(40)
            return frames, np.array(opened.rows[:200])

    frames, rows = asyncio.run(scene())
    jaw = Animation(rows)["jawOpen"]
    assert jaw[110:160].max() > 0.2
    assert np.abs(rows[166:, LIPS]).max() < 0.1  # 0.2 s later, with a frame that was on its way
    pictures = np.array([frame.image for frame in frames]).astype(np.int16)
    change = np.abs(np.diff(pictures, axis=0)).mean((1, 2, 3))
    assert change[158:168].max() <= 1.5 * change[120:158].max()
    assert change[99:103].max() <= 1.5 * change[60:99].max()
