"""The frame rate of animations, and coefficients that arrive in pieces at another one."""

from collections.abc import Callable, Iterable, Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray


ANIMATION_FPS: Final = 25.0  # frames a second at which animations are drawn, tracked and taught
MAX_FPS: Final = 240.0
MAX_FRAMES: Final = 1_000_000  # 11 hours at 25 a second, and 230 MB; far more comes of broken files alone


def change_frame_rate(
    pieces: Iterable[NDArray[np.float32]], fps: float, new_fps: float, num_frames: Callable[[], int]
) -> Iterator[NDArray[np.float32]]:
    """
    Do piece by piece what [`Animation.resample`] does as a whole.

    Args:
        pieces: Coefficients at `fps`, each of shape `(frames, 58)`.
        fps, new_fps (`float`): Frames per second of what comes and of what goes.
        num_frames (`Callable`): How many frames the whole has at `new_fps`; asked when the pieces have ended.

    Yields:
        `np.ndarray` of shape `(frames, 58)`, each as soon as the frame after it has come.
    """
    kept = np.zeros((0, 0), np.float32)
    first = done = 0  # `kept` begins at frame `first`; `done` frames went out
    for piece in pieces:
        if len(piece) == 0:
            continue
        kept = np.concatenate([kept, piece]) if len(kept) else piece
        newest = (first + len(kept) - 0.5) / fps
        stop = int(newest * new_fps + 0.5 + 1e-9)
        if stop > done:
            yield _interpolate(kept, first, fps, np.arange(done, stop), new_fps)
            done = stop
        needed = int((done + 0.5) / new_fps * fps - 0.5 - 1e-9)
        drop = min(max(0, needed - first), len(kept) - 1)
        kept, first = kept[drop:], first + drop
    if len(kept) and num_frames() > done:
        yield _interpolate(kept, first, fps, np.arange(done, num_frames()), new_fps)


def _interpolate(
    kept: NDArray[np.float32], first: int, fps: float, frames: NDArray[np.int64], new_fps: float
) -> NDArray[np.float32]:
    """Frame `i` stands for the instant `(i + 0.5) / fps`; beyond the last one its value holds."""
    times, source = (frames + 0.5) / new_fps, (np.arange(first, first + len(kept)) + 0.5) / fps
    return np.stack([np.interp(times, source, column) for column in kept.T], axis=1).astype(np.float32)
