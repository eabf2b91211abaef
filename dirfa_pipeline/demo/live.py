"""The Live tab: the face answers while the sound arrives."""

import base64
import io
import queue
import threading
import time
import wave
import weakref
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import gradio as gr
import numpy as np
import torch
from numpy.typing import NDArray

from ..animation.frame_rate import ANIMATION_FPS
from ..direction.controls import Controls
from ..errors import InputError
from ..media.audio import AudioClip
from ..models.face_renderer import PreparedPortrait
from ..pipeline_dirfa import DirfaPipeline
from .create import Inputs
from .direction import controls_from
from .label import burn_label
from .limits import KEEP_SECONDS, MAX_SECONDS, only_uploads, read_speech
from .preview import data_uri, prepare_preview
from .status import show_note, show_problem


CHUNK: Final = 0.2  # seconds of sound sent at a time
MAX_SESSIONS: Final = 2  # at once: each keeps a core busy
LIVE_SIDE: Final = 384
SOUND_RATE: Final = 16_000
PLAYER: Final = Path(__file__).with_name("live.js")
PLAYER_HTML: Final = '<div class="player"><img alt="The live face" hidden><p role="status"></p></div>'


class LiveSession:
    """
    One visitor's stream: sound goes in, frames come out of a thread of their own.

    Args:
        pipe ([`DirfaPipeline`]), prepared ([`PreparedPortrait`]): What draws, and whom.
        seed (`int`): Of the drawn motion.
        controls ([`Controls`]): How it is directed, as far as that can be done frame by frame.
    """

    def __init__(self, pipe: DirfaPipeline, prepared: PreparedPortrait, seed: int, controls: Controls) -> None:
        self._sound: queue.SimpleQueue[tuple[int, NDArray[Any]] | None] = queue.SimpleQueue()
        self._frames: queue.SimpleQueue[tuple[str, float]] = queue.SimpleQueue()
        self._began: float | None = None
        self._sent = 0
        frames = pipe.stream(
            prepared, iter(self._sound.get, None), generator=torch.Generator().manual_seed(seed),
            controls=replace(controls, nods=0.0, blink_rate=float(controls.blink_rate > 0)),
        )  # fmt: skip
        self._thread = threading.Thread(target=self._draw, args=(frames,), daemon=True)
        self._thread.start()

    def _draw(self, frames: Iterator[NDArray[np.uint8]]) -> None:
        try:
            for frame in burn_label(frames):
                self._frames.put((data_uri(frame, quality=80), time.monotonic()))
        except InputError:
            if self._began is not None:  # else it was closed before any sound came
                raise

    def hear(self, rate: int, samples: NDArray[Any]) -> None:
        """Pass on the next sound, `(num_samples[, channels])`."""
        if self._began is None:
            self._began = time.monotonic() - len(samples) / rate
        self._sound.put((rate, samples))

    def drain(self) -> dict[str, Any]:
        """The frames drawn since the last call, for the player; `delay` is that of the last one, in seconds."""
        frames, delay = [], None
        while not self._frames.empty():
            frame, drawn = self._frames.get()
            frames.append(frame)
            delay = drawn - (self._began or drawn) - (self._sent + len(frames) - 0.5) / ANIMATION_FPS
        first, self._sent = self._sent, self._sent + len(frames)
        return {"first": first, "frames": frames, "fps": ANIMATION_FPS, "delay": delay, "ended": not self.alive}

    @property
    def alive(self) -> bool:
        """Whether frames may still come."""
        return self._thread.is_alive() or not self._frames.empty()

    def close(self) -> None:
        """No more sound: what was heard is drawn to its end."""
        self._sound.put(None)


def build_live(pipe: DirfaPipeline, inputs: Inputs) -> None:
    """Lay out the tab; the photo, the seed and the speech are those of the Create tab."""
    gr.Markdown(
        "Photo, seed and direction are those of the Create tab, but for nods, the number of blinks and Neutralize. "
        "Speak, and the face answers about half a second later "
        "where the machine is fast enough; the line below the face says how late it is.",
        elem_classes="small",
    )
    session = gr.State(None, time_to_live=KEEP_SECONDS, delete_callback=_close)
    sessions: weakref.WeakSet[LiveSession] = weakref.WeakSet()
    with gr.Row():
        with gr.Column(min_width=300):
            microphone = only_uploads(
                gr.Audio(
                    label="Microphone", sources=["microphone"], streaming=True, type="numpy", elem_id="live-microphone"
                )
            )
            play = gr.Button("Play the speech of the Create tab live")
            status = gr.HTML("", elem_id="live-status")
        with gr.Column(min_width=300):
            player = gr.HTML(
                None, html_template=PLAYER_HTML, js_on_load=PLAYER.read_text(encoding="utf-8"), elem_id="player"
            )

    def begin(photo: str | None, face: int | None, seed: float | None, *direction: Any) -> LiveSession:
        if photo is None:
            raise InputError("a photo is needed; choose one under Create")
        if sum(live.alive for live in sessions) >= MAX_SESSIONS:
            raise InputError(f"{MAX_SESSIONS} faces are live now, more would be slow; try again in a minute")
        live = LiveSession(
            pipe, prepare_preview(pipe, photo, LIVE_SIDE, face), int(seed or 0), controls_from(*direction)
        )
        sessions.add(live)
        return live

    def start(
        old: LiveSession | None, photo: str | None, face: int | None, seed: float | None, *direction: Any
    ) -> tuple[LiveSession | None, Any, str]:
        _close(old)
        try:
            return begin(photo, face, seed, *direction), {"reset": True}, show_note("Listening.")
        except InputError as error:
            return None, gr.skip(), show_problem(error)

    def hear(live: LiveSession | None, chunk: tuple[int, NDArray[Any]] | None) -> Any:
        if live is None or chunk is None:
            return gr.skip()
        live.hear(*chunk)
        return live.drain()

    def perform(
        photo: str | None, face: int | None, seed: float | None, speech: str | None, *direction: Any
    ) -> Iterator[tuple[Any, str]]:
        live = None
        try:
            if speech is None:
                raise InputError("speech is needed; choose a clip under Create")
            clip = read_speech(speech)
            live = begin(photo, face, seed, *direction)
            yield {"reset": True, "sound": _wav_uri(clip)}, show_note("Playing.")
            for packet in _perform(live, clip):
                yield packet, gr.skip()
            yield gr.skip(), show_note("Done.")
        except InputError as error:
            yield gr.skip(), show_problem(error)
        finally:
            _close(live)

    private = {"api_visibility": "private", "show_progress": "hidden"}
    microphone.start_recording(
        start,
        [session, inputs.photo, inputs.face, inputs.seed, *inputs.direction],
        [session, player, status],
        **private,
    )
    microphone.stream(
        hear, [session, microphone], player, stream_every=CHUNK, time_limit=MAX_SECONDS,
        concurrency_limit=MAX_SESSIONS, **private,
    )  # fmt: skip
    microphone.stop_recording(_close, session, None, **private)
    play.click(
        perform,
        [inputs.photo, inputs.face, inputs.seed, inputs.speech, *inputs.direction],
        [player, status],
        concurrency_limit=MAX_SESSIONS,
        **private,
    )


def _perform(live: LiveSession, clip: AudioClip) -> Iterator[dict[str, Any]]:
    """Feed a clip at the speed at which it would be spoken; yields what the player needs."""
    began, step, voice = time.monotonic(), round(CHUNK * clip.sampling_rate), clip.mono(clip.sampling_rate)
    for start in range(0, clip.num_samples, step):
        time.sleep(max(0.0, began + start / clip.sampling_rate - time.monotonic()))
        live.hear(clip.sampling_rate, voice[start : start + step])
        yield live.drain()
    live.close()
    while live.alive:
        time.sleep(CHUNK)
        yield live.drain()


def _close(live: LiveSession | None) -> None:
    if live is not None:
        live.close()


def _wav_uri(clip: AudioClip) -> str:
    """The sound as a `data:` address: mono, 16 kHz, 16 bits."""
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(SOUND_RATE)
        sound.writeframes((np.clip(clip.mono(SOUND_RATE), -1, 1) * 32767).astype("<i2").tobytes())
    return "data:audio/wav;base64," + base64.b64encode(file.getvalue()).decode()
