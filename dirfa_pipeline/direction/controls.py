"""What a user can direct: expressions, head, eyes, blinks. Animation in, animation out; the lips stay in sync."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from numbers import Real
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d, maximum_filter1d

from ..animation.animation import Animation
from ..animation.coefficients import EXPRESSION_NAMES, LIP_INDICES, NUM_EXPRESSIONS
from ..animation.easing import smoothstep
from ..animation.gaze import gaze_angles, look_weights
from ..errors import AnimationError, InputError
from ..face.fit import FaceFit, FaceFitter
from ..media.audio import ENCODER_RATE, AudioClip, AudioFile
from ..media.audio_stream import mono_waveform
from .borrowed_motion import CHANNELS, FITS, borrow_motion
from .expressions import AUTO, EASINGS, Expression, check_keyframes, ease, lay_over, parse_expression
from .facing import FACING, check_facing


Array = NDArray[np.float32]

Angles = tuple[float, float, float]
Gaze = str | tuple[float, float]

MAX_SCALE: Final = 2.0
MAX_ANGLE: Final = 35.0  # degrees that a photo's head may be turned
MAX_GAZE: Final = 30.0  # degrees
NOD: Final = 5.0  # degrees that the chin drops for a stressed word at strength 1
NOD_GAP: Final = 0.7  # seconds between two nods at least
BLINK_CLOSES, BLINK_OPENS = 0.10, 0.24  # seconds, as in the footage that the sampler learned from
LEAST_BLINK_GAP: Final = 0.6  # seconds

_INDEX = {name: index for index, name in enumerate(EXPRESSION_NAMES)}
_LIPS = list(LIP_INDICES)
_BROWS = [index for name, index in _INDEX.items() if name.startswith("brow")]
_BLINKS = [_INDEX["eyeBlinkLeft"], _INDEX["eyeBlinkRight"]]
_EYES = [index for name, index in _INDEX.items() if name.startswith(("eyeSquint", "eyeWide", "cheekSquint"))]
_GAZE = [index for name, index in _INDEX.items() if name.startswith("eyeLook")]
# What of a photo's own look counts as expression: not where it looks, nor a lid that hangs.
_LOOK = [index for index in range(NUM_EXPRESSIONS) if index not in {*_LIPS, *_BLINKS, *_GAZE}]


@dataclass(frozen=True)
class Controls:
    """
    How a take is directed. The defaults change nothing.

    Args:
        expression: A preset's name (see [`PRESETS`]), named ARKit weights in [-1, 1], or keyframes
            `[(expression, seconds), ...]`. With `"auto"` head, brows and eyes move more where the voice is excited and
            less where it is calm.
        expression_strength (`float`, defaults to 1.0): Scale of the expression, in [0, 2].
        easing (`str`, defaults to `"smooth"`): How to move between keyframes: `"smooth"`, `"linear"`, `"step"`.
        lips, brows, eyes (`float`, defaults to 1.0): Scale of a region's own motion, in [0, 2]: articulation; brows;
            squints and widening.
        head_motion (`float`, defaults to 1.0): Scale of the drawn head motion, in [0, 2]; 0 keeps the head still.
        pose (`tuple` or a list): Yaw, pitch and roll in degrees, in [-35, 35], by which to turn the head further, or
            keyframes `[((yaw, pitch, roll), seconds), ...]`. The gaze stays where it was.
        gaze: `"drift"` leaves it as drawn, `"camera"`, or a point as `(yaw, pitch)` in degrees from the camera, in
            [-30, 30].
        blink_rate (`float`, defaults to 1.0): Factor on the number of blinks, in [0, 2]; 0 is none, 2 up to twice as
            many, where there is room.
        blinks (`Sequence[float]`): Seconds at which to blink in addition.
        nods (`float`, defaults to 0.0): Strength, in [0, 2], of nods at stressed words; needs the speech.
        motion_from ([`Animation`], *optional*): A tracked video whose motion replaces the drawn one.
        motion_channels (`Sequence[str]`): What to take from it: `"head"`, `"blinks"`, `"style"` (brows, squints,
            gaze), `"lips"`.
        motion_fit (`str`, defaults to `"loop"`): `"loop"` repeats it with seamless joins, `"stretch"` retimes it.
        facing (`float`, defaults to 0.5): Share of the photo's own yaw, pitch and roll by which the head comes back to
            the camera when frames are drawn, in [0, 1] and up to 8 degrees each; 0 keeps the photo's pose. It needs a
            photo, so [`apply`] leaves it to what draws.

    Raises:
        InputError: A value out of range, an unknown name (the nearest is suggested), or keyframes out of order.
    """

    expression: Expression = "neutral"
    expression_strength: float = 1.0
    easing: str = "smooth"
    lips: float = 1.0
    brows: float = 1.0
    eyes: float = 1.0
    head_motion: float = 1.0
    pose: Angles | Sequence[tuple[Angles, float]] = (0.0, 0.0, 0.0)
    gaze: Gaze = "drift"
    blink_rate: float = 1.0
    blinks: Sequence[float] = ()
    nods: float = 0.0
    motion_from: Animation | None = None
    motion_channels: Sequence[str] = ("head", "blinks")
    motion_fit: str = "loop"
    facing: float = FACING

    def __post_init__(self) -> None:
        for name in ("expression_strength", "lips", "brows", "eyes", "head_motion", "blink_rate", "nods"):
            value = getattr(self, name)
            if not isinstance(value, Real) or not 0.0 <= float(value) <= MAX_SCALE:
                raise InputError(f"{name} must be a number in [0, {MAX_SCALE:g}], got {value!r}")
        check_facing(self.facing)
        if self.easing not in EASINGS:
            raise InputError(f"easing must be one of {', '.join(EASINGS)}, got {self.easing!r}")
        if self.motion_from is not None and not isinstance(self.motion_from, Animation):
            raise AnimationError(
                f"motion_from must be an Animation, got {type(self.motion_from).__name__}; pipe.track(video) makes one"
            )
        if self.motion_fit not in FITS:
            raise InputError(f"motion_fit must be one of {', '.join(FITS)}, got {self.motion_fit!r}")
        listed = isinstance(self.motion_channels, Sequence) and not isinstance(self.motion_channels, str)
        if not listed or any(name not in CHANNELS for name in self.motion_channels):
            raise InputError(f"motion_channels must be among {', '.join(CHANNELS)}, got {self.motion_channels!r}")
        parse_expression(self.expression)
        self._pose_keyframes()
        self._gaze_target()
        if isinstance(self.blinks, str) or not isinstance(self.blinks, Sequence):
            raise InputError(f"blinks must be a list of seconds, got {self.blinks!r}")
        check_keyframes(self.blinks, "blinks")

    @property
    def follows_frames(self) -> bool:
        """Whether each frame can be directed without the ones around it, as streams need it."""
        return self.blink_rate in (0.0, 1.0) and self.nods == 0.0 and self.motion_from is None

    def check_speech(self, audio: Any) -> None:
        """Raise [`InputError`] if there are nods without the speech whose stressed words they mark."""
        if self.nods and audio is None:
            raise InputError("nods need the speech: pass audio with the animation, or nods=0")

    @property
    def follows_arousal(self) -> bool:
        """Whether takes are drawn as lively as the voice is."""
        return isinstance(self.expression, str) and self.expression == AUTO

    def apply(
        self,
        animation: Animation,
        face_model: FaceFitter,
        audio: AudioClip | AudioFile | None = None,
        start: float = 0.0,
    ) -> Animation:
        """
        Direct an animation.

        Args:
            animation ([`Animation`]): What was drawn, at any frame rate.
            face_model ([`FaceModel`]): Knows how far weights part the lips.
            audio ([`AudioClip`] or [`AudioFile`], *optional*): The speech, for `nods`.
            start (`float`, defaults to 0.0): Seconds into the video at which the animation begins.

        Raises:
            InputError: `nods` without the speech.
        """
        if self.motion_from is not None:
            animation = borrow_motion(animation, self.motion_from, self.motion_channels, self.motion_fit)
        self.check_speech(audio)
        times = start + (np.arange(len(animation)) + 0.5) / animation.fps
        coefficients = animation.coefficients.copy()
        self._direct_head(coefficients, times, audio)
        self._direct_blinks(coefficients, times, animation.fps)
        for columns, scale in ((_LIPS, self.lips), (_BROWS, self.brows), (_EYES, self.eyes)):
            if scale != 1.0:
                coefficients[:, columns] = np.clip(scale * coefficients[:, columns], 0.0, 1.0)
        keys, weights = parse_expression(self.expression)
        if weights.any() and self.expression_strength:
            shown = np.clip(self.expression_strength * ease(times, keys, weights, self.easing), -1.0, 1.0)
            spoken = coefficients[:, :NUM_EXPRESSIONS]
            coefficients[:, :NUM_EXPRESSIONS] = lay_over(spoken, shown, face_model.lip_openings)
        return Animation(coefficients, animation.fps)

    def _direct_head(self, coefficients: Array, times: NDArray, audio: AudioClip | AudioFile | None) -> None:
        """Scale, turn, nod; the gaze stays on its point in the room, or goes where it is directed."""
        keys, turns = self._pose_keyframes()
        target = self._gaze_target()
        head, room = coefficients[:, NUM_EXPRESSIONS:], None
        if self.head_motion != 1.0 or turns.any() or self.nods or target is not None:
            room = _room_gaze(coefficients) if target is None else np.repeat(target[None], len(times), axis=0)
        head *= self.head_motion
        if turns.any():
            head[:, :3] += np.radians(ease(times, keys, turns, self.easing))
        if self.nods and audio is not None:
            head[:, 1] -= np.radians(NOD) * self.nods * nod_curve(audio, times)
        if room is not None:
            _look(coefficients, room)

    def _direct_blinks(self, coefficients: Array, times: NDArray, fps: float) -> None:
        if self.blink_rate != 1.0:
            _change_blinks(coefficients, times, fps, self.blink_rate)
        for moment in self.blinks:
            _blink(coefficients, times, float(moment))

    def _pose_keyframes(self) -> tuple[list[float], NDArray[np.float64]]:
        pose = self.pose
        if not isinstance(pose, Sequence) or isinstance(pose, str) or not pose:
            raise InputError(f"pose must be (yaw, pitch, roll) in degrees, or keyframes, got {pose!r}")
        keyframes: Any = pose if isinstance(pose[0], Sequence) else [(pose, 0.0)]
        for index, keyframe in enumerate(keyframes):
            if not isinstance(keyframe, Sequence) or len(keyframe) != 2 or not isinstance(keyframe[0], Sequence):
                raise InputError(f"keyframe {index} of pose must be ((yaw, pitch, roll), seconds), got {keyframe!r}")
            _check_angles(keyframe[0], ("yaw", "pitch", "roll"), MAX_ANGLE, f"keyframe {index} of pose")
        check_keyframes([time for _, time in keyframes], "pose")
        return [float(time) for _, time in keyframes], np.array([angles for angles, _ in keyframes], np.float64)

    def _gaze_target(self) -> NDArray[np.float64] | None:
        """The target in radians, yaw and pitch, or `None` for the drawn gaze."""
        if isinstance(self.gaze, str):
            if self.gaze not in ("drift", "camera"):
                raise InputError(f'gaze must be "drift", "camera" or (yaw, pitch) in degrees, got {self.gaze!r}')
            return None if self.gaze == "drift" else np.zeros(2)
        _check_angles(self.gaze, ("yaw", "pitch"), MAX_GAZE, "gaze")
        return np.radians(np.array(self.gaze, np.float64))


def direct(controls: Controls | None, **shortcuts: Any) -> Controls:
    """The controls with those shortcuts that are not `None` put in their place."""
    if controls is not None and not isinstance(controls, Controls):
        raise InputError(f"controls must be Controls(...), got {type(controls).__name__}")
    given = {name: value for name, value in shortcuts.items() if value is not None}
    return replace(controls or Controls(), **given)


def neutralize(animation: Animation, face: FaceFit) -> Animation:
    """Take the photo's own expression off brows, eyes, cheeks and nose, and what lips have of it at rest."""
    coefficients = animation.coefficients.copy()
    coefficients[:, _LOOK] -= face.expression[_LOOK]
    coefficients[:, :NUM_EXPRESSIONS] -= face.rest
    return Animation(coefficients, animation.fps)


def nod_curve(audio: AudioClip | AudioFile, times: NDArray) -> NDArray[np.float64]:
    """
    How far the chin is dropped, in [0, 1], at `times`: the loudest syllables, those in the upper third and 0.7 s apart
    or more, get one nod each, deepest in their middle.
    """
    loudness = gaussian_filter1d(_energy(audio), 6.0)
    peaks = loudness == maximum_filter1d(loudness, round(100 * NOD_GAP))
    voiced = loudness[loudness > 0.1 * loudness.max()]
    curve = np.zeros(len(times))
    if len(voiced) == 0:
        return curve
    stressed = (np.flatnonzero(peaks & (loudness > np.percentile(voiced, 67))) + 0.5) / 100
    for moment in stressed:
        phase = np.clip((times - moment) / 0.25, -1.0, 1.0)
        curve = np.maximum(curve, 0.5 + 0.5 * np.cos(np.pi * phase))
    return curve


def _energy(audio: AudioClip | AudioFile) -> NDArray[np.float64]:
    """Root mean square of each 10 ms; of a file only the numbers are kept, not the sound."""
    step = ENCODER_RATE // 100
    rest, levels = np.zeros(0, np.float32), [np.zeros(0)]
    for piece in mono_waveform(audio):
        samples = np.concatenate([rest, piece])
        whole = len(samples) // step * step
        levels.append(np.sqrt(np.square(samples[:whole].reshape(-1, step), dtype=np.float64).mean(1)))
        rest = samples[whole:]
    return np.concatenate(levels)


def _check_angles(values: Any, names: tuple[str, ...], limit: float, what: str) -> None:
    if not isinstance(values, Sequence) or isinstance(values, str) or len(values) != len(names):
        raise InputError(f"{what} needs ({', '.join(names)}) in degrees, got {values!r}")
    for name, value in zip(names, values, strict=True):
        if not isinstance(value, Real) or not -limit <= float(value) <= limit:
            raise InputError(f"the {name} of {what} must be degrees in [-{limit:g}, {limit:g}], got {value!r}")


def _room_gaze(coefficients: Array) -> NDArray:
    """Where the eyes look, `(frames, 2)`: yaw and pitch in radians from the camera, as the sampler counts them."""
    head = coefficients[:, NUM_EXPRESSIONS : NUM_EXPRESSIONS + 2]
    return np.stack(gaze_angles(coefficients), axis=1) + head


def _look(coefficients: Array, room: NDArray) -> None:
    """Turn the eyes so that they look at `room`, whatever the head does."""
    head = coefficients[:, NUM_EXPRESSIONS : NUM_EXPRESSIONS + 2]
    for name, value in look_weights(*(room - head).T).items():
        coefficients[:, _INDEX[name]] = np.clip(value, 0.0, 1.0)


def _blink(coefficients: Array, times: NDArray, moment: float) -> None:
    """Shut the eyes at `moment`; what shuts them further stays."""
    before = np.clip((times - moment + BLINK_CLOSES) / BLINK_CLOSES, 0.0, 1.0)
    after = np.clip((moment + BLINK_OPENS - times) / BLINK_OPENS, 0.0, 1.0)
    shut = np.minimum(before, after)
    # A frame as long as the blink must not step over it.
    shut[np.abs(times - moment).argmin()] = float(shut.max() > 0.0)
    coefficients[:, _BLINKS] = np.maximum(coefficients[:, _BLINKS], smoothstep(shut)[:, None])


def _change_blinks(coefficients: Array, times: NDArray, fps: float, rate: float) -> None:
    """Leave out blinks evenly, or put more between those that are there."""
    lids = coefficients[:, _BLINKS].mean(1)
    if rate == 0.0:
        coefficients[:, _BLINKS] = 0.0
        return
    shut = np.flatnonzero(np.diff(np.concatenate([[0], (lids > 0.05).astype(int), [0]])))
    events = [(begin, end) for begin, end in shut.reshape(-1, 2) if lids[begin:end].max() > 0.5]
    moments = [times[begin + int(lids[begin:end].argmax())] for begin, end in events]
    if rate < 1.0:
        for number, (begin, end) in enumerate(events):
            if int((number + 1) * rate) == int(number * rate):
                coefficients[begin:end, _BLINKS] = 0.0
        return
    following = [*moments[1:], times[-1] + 0.5 / fps + LEAST_BLINK_GAP]
    for number, (moment, after) in enumerate(zip(moments, following, strict=True)):
        more = int((number + 1) * (rate - 1.0)) > int(number * (rate - 1.0))
        middle = 0.5 * (moment + after)
        if more and min(middle - moment, after - middle) >= LEAST_BLINK_GAP:
            _blink(coefficients, times, middle)
