"""What happens after each step of rendering: progress is shown, and a callback sees, changes and stops."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from diffusers.callbacks import MultiPipelineCallbacks, PipelineCallback
from numpy.typing import NDArray

from .errors import InputError


if TYPE_CHECKING:
    from .pipeline_dirfa import DirfaPipeline

StepCallback = Callable[["DirfaPipeline", int, int, dict[str, Any]], dict[str, Any] | None]
Chunk = tuple[NDArray[np.uint8], NDArray[np.float32]]  # frames (n, height, width, 3), coefficients (n, 58)


class Steps:
    """
    The steps of one call, counted over all its videos.

    Args:
        pipe ([`DirfaPipeline`]): Whose progress bar is shown, and whose `_interrupt` the callback may set.
        callback (`Callable`, *optional*): Called as `callback(pipe, step, frame, tensors)` after each step.
        tensor_inputs (`Sequence[str]`): What it is given; a `PipelineCallback` of diffusers names its own.

    Raises:
        InputError: The callback cannot be called, or asks for what there is not.
    """

    def __init__(self, pipe: "DirfaPipeline", callback: StepCallback | None, tensor_inputs: Sequence[str]) -> None:
        if isinstance(callback, PipelineCallback | MultiPipelineCallbacks):
            tensor_inputs = callback.tensor_inputs
        if callback is not None and not callable(callback):
            raise InputError(f"callback_on_step_end must be a function, got {callback!r}")
        known = pipe._callback_tensor_inputs
        unknown = [name for name in tensor_inputs if name not in known]
        if unknown:
            raise InputError(f"callback_on_step_end_tensor_inputs must be among {known}, got {unknown}")
        self._pipe, self._callback, self._names = pipe, callback, tuple(tensor_inputs)
        self._count, self._interruptions = 0, pipe.interruptions
        self.stopped = False  # whether the callback, or another thread, asked this call to stop

    def take(self, chunks: Iterable[Chunk], bar: Any) -> Iterator[NDArray[np.uint8]]:
        """Yield the frames of one video, a step at a time, as the callback leaves them."""
        start = 0
        for frames, coefficients in chunks:
            number = len(frames)
            changed = None
            if self._callback is not None:
                given = {"frames": frames, "coefficients": coefficients}
                self._pipe._interrupt = False
                changed = self._callback(self._pipe, self._count, start, {name: given[name] for name in self._names})
                self.stopped = self._pipe.interrupt
            self.stopped = self.stopped or self._pipe.interruptions != self._interruptions
            self._count += 1
            start += number
            bar.update(number)
            yield (changed or {}).get("frames", frames)

    def frames(self, chunks: Iterable[Chunk], total: float) -> Iterator[NDArray[np.uint8]]:
        """
        Yield the frames of a call's only video one by one, until its callback interrupts.

        Without a callback, stop by taking no more frames.

        Args:
            chunks: See [`take`].
            total (`float`): Number of frames; infinity where it is not known.
        """
        with self._pipe.progress_bar(total=total) as bar:
            for frames in self.take(chunks, bar):
                yield from frames
                if self.stopped:
                    return
