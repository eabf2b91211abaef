"""
Many channels to two, as players have it, and to one, as lips need it: the voice at its own loudness, wherever it is.

Channels go by FFmpeg's names: FL, FR, FC (front left, right, centre), LFE (deep effects), BL, SL (back, side) and the
like.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray


# ITU-R BS.775-4, table 2: centre and surrounds go in 3 dB down, deep effects not at all.
DOWN: Final = 2.0**-0.5
TO_SIDES: Final = {
    "FL": (1.0, 0.0), "FR": (0.0, 1.0), "DL": (1.0, 0.0), "DR": (0.0, 1.0), "FLC": (1.0, 0.0), "FRC": (0.0, 1.0),
    "WL": (1.0, 0.0), "WR": (0.0, 1.0), "FC": (DOWN, DOWN), "BC": (0.5, 0.5), "LFE": (0.0, 0.0), "LFE2": (0.0, 0.0),
    "BL": (DOWN, 0.0), "SL": (DOWN, 0.0), "BR": (0.0, DOWN), "SR": (0.0, DOWN), "TFL": (DOWN, 0.0),
    "TFR": (0.0, DOWN), "TBL": (DOWN, 0.0), "TBR": (0.0, DOWN),
}  # fmt: skip

# How the voice is found; our own choices.
STEP: Final = 0.02  # seconds after which the channels are weighed again
MEMORY: Final = 10.0  # seconds over which what was heard fades
OPPOSITE: Final = -0.9  # correlation with the loudest channel: below it a channel is that one turned upside down
CENTRE_SHARE: Final = 0.05  # of the loudest channel's power that a centre needs, for it to carry the voice of a film
LEAST_SUM: Final = 1e-3  # of the loudest channel's power, which a sum must keep

Sound = NDArray[np.float32]


def to_stereo(samples: Sound, names: Sequence[str] = ()) -> Sound:
    """
    The standard downmix of `(channels, num_samples)` to two channels; it may exceed full scale.

    Channels without names, `()`, go to both sides, all at the voice's loudness.
    """
    if len(samples) <= 2:
        return np.broadcast_to(samples, (2, samples.shape[1]))
    if not names:
        return np.broadcast_to(VoiceMix(1, len(samples)).whole(samples), (2, samples.shape[1]))
    matrix = np.array([TO_SIDES.get(name, (DOWN, DOWN)) for name in names], np.float32)
    return matrix.T @ samples


class VoiceMix:
    """
    Mixes channels that come in pieces down to one: all of them added, at the level of the loudest of them.

    So a voice on one side, in the centre of a film's six channels or the same in all of eight is as loud as that voice
    alone; two people on two sides are both heard; a channel that is another one turned upside down, as wrong cables
    make it, is turned back instead of silencing it; and where there is a centre with sound it is taken alone, for it
    carries the dialogue of films. The channels are weighed every 20 ms by what was heard so far; the result does not
    depend on how the sound is cut.

    Args:
        sampling_rate (`int`): Samples per second.
        num_channels (`int`): Channels.
        names (`Sequence[str]`): Their names, if known.
    """

    def __init__(self, sampling_rate: int, num_channels: int, names: Sequence[str] = ()) -> None:
        self._step = max(1, round(STEP * sampling_rate))
        self._fade = np.exp(-STEP / MEMORY)
        self._names = list(names) if len(names) == num_channels else []
        self._pending = np.zeros((num_channels, 0), np.float32)
        self._heard = np.zeros((num_channels, num_channels))
        self._weights = np.full(num_channels, 1.0 / num_channels)

    def mix(self, samples: Sound) -> Sound:
        """The mix `(num_samples,)` of the sound so far, up to 20 ms before its end; a single channel at once."""
        if len(samples) == 1:
            return samples[0]
        samples = np.concatenate([self._pending, samples], axis=1)
        steps = samples.shape[1] // self._step
        self._pending = samples[:, steps * self._step :]
        return self._mixed(samples[:, : steps * self._step].reshape(len(samples), steps, self._step))

    def finish(self) -> Sound:
        """The end of the mix, which was held back."""
        rest, self._pending = self._pending, self._pending[:, :0]
        return self._mixed(rest[:, None])

    def whole(self, samples: Sound) -> Sound:
        """The mix of all of the sound, `(channels, num_samples)`."""
        return samples[0] if len(samples) == 1 else np.concatenate([self.mix(samples), self.finish()])

    def _mixed(self, steps: Sound) -> Sound:
        """Mix `(channels, steps, samples)`; within a step the weights glide from those before to its own."""
        if steps.size == 0:
            return np.zeros(0, np.float32)
        before, after = self._weigh(steps)
        glide = np.linspace(0.0, 1.0, steps.shape[2], dtype=np.float32)
        mixed = np.einsum("sc,csn->sn", before, steps) + np.einsum("sc,csn->sn", after - before, steps) * glide
        return np.ascontiguousarray(mixed.reshape(-1), dtype=np.float32)

    def _weigh(self, steps: Sound) -> tuple[Sound, Sound]:
        """Weights at the start and at the end of each step, `(steps, channels)`; after silence they do not glide."""
        powers = np.einsum("csn,dsn->scd", steps, steps, dtype=np.float64)
        before, after = np.empty((2, *powers.shape[:2]), np.float32)
        for index, power in enumerate(powers):
            silent_so_far = not self._heard.any()
            self._heard = self._fade * self._heard + power
            weights = voice_weights(self._heard, self._names)
            before[index] = weights if silent_so_far else self._weights
            after[index] = self._weights = weights
        return before, after


def voice_weights(heard: NDArray[np.float64], names: Sequence[str] = ()) -> NDArray[np.float64]:
    """What each channel counts, `(channels,)`, from the products of the channels' samples, `(channels, channels)`."""
    power = np.diagonal(heard).copy()
    if "FC" in names:
        centre = names.index("FC")
        if power[centre] > CENTRE_SHARE * power.max():
            return np.eye(len(names))[centre]
    counts = np.array([name not in ("LFE", "LFE2") for name in names] or [True] * len(power), np.float64)
    power *= counts
    loudest = int(power.argmax())
    if power[loudest] == 0.0:
        return counts / counts.sum()
    opposite = heard[loudest] < OPPOSITE * np.sqrt(power[loudest] * power)
    signs = np.where(opposite, -counts, counts)
    signs *= signs[np.flatnonzero(power)[0]]  # the first channel's own sign, whichever is the loudest
    total = float(signs @ heard @ signs)
    if total < LEAST_SUM * power[loudest]:  # they would silence each other
        return np.eye(len(power))[loudest]
    return signs * np.sqrt(power[loudest] / total)
