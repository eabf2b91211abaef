"""
Trains the lips on tracked clips, and calibrates them to the full range of real lips.

A regression gives an average mouth, which moves less than any real one. Three steps restore the range. Clips are
shifted until video and sound agree. Each track is expressed as symmetric movements of the mouth relative to its rest,
so that a round vowel is a pucker rather than less of a stretch. Finally, the decoder's output is given the spread of
speakers who articulate well.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..animation.coefficients import LIP_INDICES, LIP_NAMES
from ..face.landmarks import INNER_LIP_PAIRS, LIPS, MOUTH_CORNERS
from ..face.solve import solve_weights
from ..media.audio import FEATURES_PER_FRAME
from ..models.animation_sampler import AnimationSampler
from ..models.face_model import FaceModel
from ..models.lip_decoder import OPENING_NAMES
from ..models.speech_head import VISEME_NAMES
from .clip_stream import ClipStream
from .loop import Schedule, TrainingRun, exporter, pad_rows


logger = logging.getLogger(__name__)

LIP_CROPS, LIP_FRAMES = 16, 75  # crops in a batch, frames in a crop

# How far each viseme opens the mouth, from 0 (shut) to 1 (wide); precise enough to estimate the delay of the video.
OPENNESS: Final = {
    "silence": 0.0, "closure": 0.0, "labiodental": 0.2, "dental": 0.4, "alveolar": 0.4, "sibilant": 0.4,
    "postalveolar": 0.4, "velar": 0.5, "rhotic": 0.45, "round_close": 0.2, "round_mid": 0.4, "round_open": 0.7,
    "open": 1.0, "open_front": 1.0, "central": 0.7, "mid_front": 0.7, "close_front": 0.5, "near_close": 0.5,
}  # fmt: skip
MOST_LAG: Final = 5  # frames by which a clip is shifted at most
LAG_GAIN: Final = 0.15  # gain in correlation from which a shift is trusted
LEAST_AGREEMENT: Final = 0.1  # correlation below which the sound is taken not to belong to the clip

CLOSED_LEVEL, REST_LEVEL = 2.0, 50.0  # percentiles taken as rest: of weights that part the lips, of the others
UNSPOKEN: Final = ("jawForward", "jawLeft", "jawRight", "mouthLeft", "mouthRight", "cheekPuff", "tongueOut")
RIDGE, SPARSITY, FIT_STEPS = 0.02, 0.02, 150  # for the fit of movements: few shapes, which do not cancel each other

PRESS_NAMES: Final = ("mouthRollLower", "mouthRollUpper", "mouthPressLeft", "mouthPressRight", "mouthShrugLower")
PRESS_LEVEL: Final = 0.75  # quantile of real closures to which lips are pressed
CLOSED: Final = 0.7  # closure probability from which lips count as closed

# Target spread of the lips, relative to that in the tracks. It is more than 1, because a track shows only four fifths
# of the range of the width, and because even the strongest clips include people who hardly move their lips.
OPENING_REACH, WIDTH_REACH = 1.35, 1.6
PREDICTABLE: Final = 0.05  # share of the real variance added to the predicted one, to limit amplification
DIAL_ROUNDS: Final = 8
LEAST_SPREAD: Final = 0.1  # lower bound of the measured spread, which limits amplification
NARROW: Final = 0.05  # quantile of the opening that scaling keeps, so that the mouth opens wider but shuts no oftener


@dataclass(frozen=True)
class LipExample:
    """A clip to train lips on: speech `(2 * frames, heard)`, lips `(frames, lips)` and validity `(frames,)`."""

    name: str
    source: str
    heard: Tensor
    lips: Tensor
    valid: Tensor


@dataclass(frozen=True)
class LipGeometry:
    """
    The effect of lip weights on the landmarks.

    Args:
        shape (`Tensor` of shape `(lips, coordinates)`): Displacement, weighted for a loss: the opening of each pair of
            inner lip points and the distance of the corners count as much as everything else.
        opening, width (`Tensor` of shape `(lips,)`): How far each weight parts the middle of the lips, the corners.
    """

    shape: Tensor
    opening: Tensor
    width: Tensor

    @classmethod
    def of(cls, face_model: FaceModel) -> "LipGeometry":
        basis = face_model.expression_basis.detach()[list(LIP_INDICES)]
        upper, lower = torch.tensor(INNER_LIP_PAIRS).T
        gaps = (basis[:, lower] - basis[:, upper])[..., 1]
        third = len(upper) // 3
        right, left = (corner[0] for corner in MOUTH_CORNERS)
        width = (basis[:, left] - basis[:, right])[:, 0]
        shape = torch.cat([basis[:, list(LIPS)].flatten(1), 3.0 * gaps, 4.0 * width.unsqueeze(1)], dim=1)
        return cls(shape, gaps[:, third : len(upper) - third].mean(1), width)


def sound_lag(heard: Tensor, opening: Tensor, valid: Tensor) -> tuple[int, float]:
    """
    By how many frames the video is late, and how well it agrees with the sound after a shift by as many.

    Args:
        heard (`Tensor` of shape `(2 * frames, heard)`): The speech, with the visemes first.
        opening, valid (`Tensor` of shape `(frames,)`): The opening of the lips, and which frames can be trusted.
    """
    openness = heard[:, : len(VISEME_NAMES)] @ torch.tensor([OPENNESS[name] for name in VISEME_NAMES])
    expected = openness.unflatten(0, (-1, FEATURES_PER_FRAME)).mean(1)
    frames = torch.arange(len(opening))
    scores = {}
    for lag in range(-MOST_LAG, MOST_LAG + 1):
        shown = (frames + lag).clamp(0, len(opening) - 1)
        both = valid[shown] & (shown == frames + lag)
        pair = torch.stack([expected[both], opening[shown[both]]])
        scores[lag] = float(torch.corrcoef(pair)[0, 1].nan_to_num()) if both.sum() > 2 else 0.0
    best = max(scores, key=lambda lag: (scores[lag], -abs(lag)))
    if scores[best] - scores[0] < LAG_GAIN:
        best = 0
    return best, scores[best]


def movements(coefficients: NDArray[np.float32], valid: NDArray[np.bool_], face_model: FaceModel) -> Tensor:
    """
    The symmetric movements of a tracked mouth relative to its own rest, `(frames, lips)`.

    The rest is the median of each weight, or the 2nd percentile for weights that part the lips. The latter are kept as
    tracked, because the chin tells the jaw from the lower lip. The others are replaced: a fit to the landmarks of the
    lips finds a few shapes with the same effect. In a track, shapes work against each other, and a weight below its
    rest cannot become negative, so another shape must express it.

    Args:
        coefficients (`np.ndarray` of shape `(frames, 58)`), valid (`np.ndarray` of shape `(frames,)`): A track.
    """
    weights = coefficients[:, list(LIP_INDICES)]
    opening = [LIP_NAMES.index(name) for name in OPENING_NAMES]
    others = [column for column, name in enumerate(LIP_NAMES) if name not in (*OPENING_NAMES, *UNSPOKEN)]
    levels = [CLOSED_LEVEL if column in opening else REST_LEVEL for column in range(len(LIP_NAMES))]
    rest = [np.percentile(weights[valid, column], level) for column, level in enumerate(levels)]
    offset = weights - np.array(rest, np.float32)
    mirrored = [LIP_NAMES.index(_other_side(name)) for name in LIP_NAMES]
    offset = 0.5 * (offset + offset[:, mirrored])
    basis, importance = _lip_coordinates(face_model)
    found = np.zeros_like(offset)
    found[:, opening] = offset[:, opening].clip(0.0, 1.0)
    found[:, others] = solve_weights(
        basis[others], offset[:, others] @ basis[others], importance, RIDGE, SPARSITY, steps=FIT_STEPS
    )
    return torch.from_numpy(0.5 * (found + found[:, mirrored]))


def _other_side(name: str) -> str:
    """The name of the weight for the other side of the face."""
    if "Left" in name:
        return name.replace("Left", "Right")
    return name.replace("Right", "Left")


def _lip_coordinates(face_model: FaceModel) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Displacement of lip landmarks and width by each weight, `(lips, coordinates)`, and their weights in a fit."""
    vertices = face_model.expression_basis.detach().numpy()[list(LIP_INDICES)]
    right, left = (corner[0] for corner in MOUTH_CORNERS)
    width = 4.0 * (vertices[:, left, :1] - vertices[:, right, :1])
    outline = np.tile(np.array([20.0, 20.0, 1.0], np.float32), len(LIPS))  # depth is hardly visible from the front
    coordinates = np.concatenate([vertices[:, list(LIPS)].reshape(len(vertices), -1), width], axis=1)
    return coordinates, np.append(outline, np.float32(6.0))


def lip_example(
    name: str,
    coefficients: NDArray[np.float32],
    valid: NDArray[np.bool_],
    heard: Tensor,
    face_model: FaceModel,
    least_agreement: float = LEAST_AGREEMENT,
) -> LipExample | None:
    """A clip as tensors, shifted so that the lips match the sound; `None` if they do not match at any shift."""
    frames = min(len(coefficients), len(heard) // FEATURES_PER_FRAME)
    lips, usable = movements(coefficients[:frames], valid[:frames], face_model), torch.from_numpy(valid[:frames])
    heard = heard[: FEATURES_PER_FRAME * frames]
    lag, agreement = sound_lag(heard, lips @ LipGeometry.of(face_model).opening, usable)
    if agreement < least_agreement:
        logger.info("%s: lips and sound correlate by only %.2f; left out", name, agreement)
        return None
    shown = torch.arange(frames) + lag
    inside = shown.clamp(0, frames - 1)
    return LipExample(name, name.split("/")[0], heard, lips[inside], usable[inside] & (shown == inside))


def lip_loss(predicted: Tensor, target: Tensor, valid: Tensor, shape: Tensor) -> Tensor:
    """Squared error of lip landmarks and their velocity, because viewers see these and not the weights."""
    error = (predicted - target) * valid.unsqueeze(-1)
    position = (error @ shape).square().mean()
    velocity = (torch.diff(error, dim=1) @ shape).square().mean()
    return position + 0.5 * velocity + 1e-4 * error.square().mean()


def crop_lips(examples: Sequence[LipExample], batch: int, frames: int, generator: torch.Generator) -> list[Tensor]:
    """Draw crops of speech, lips and validity; sources are weighted by the root of their length, so none dominates."""
    totals: dict[str, int] = {}
    for example in examples:
        totals[example.source] = totals.get(example.source, 0) + len(example.lips)
    weights = torch.tensor([len(example.lips) / totals[example.source] ** 0.5 for example in examples])
    crops = []
    for index in torch.multinomial(weights, batch, replacement=True, generator=generator).tolist():
        example = examples[index]
        start = int(torch.randint(0, max(1, len(example.lips) - frames + 1), (1,), generator=generator))
        stop = start + frames
        heard = example.heard[FEATURES_PER_FRAME * start : FEATURES_PER_FRAME * stop]
        crops.append([
            pad_rows(heard, FEATURES_PER_FRAME * frames),
            pad_rows(example.lips[start:stop], frames),
            pad_rows(example.valid[start:stop].float(), frames),
        ])  # fmt: skip
    return [torch.stack(parts) for parts in zip(*crops, strict=True)]


def lip_schedule(steps: int, rate: float = 2e-3, accumulate: int = 1) -> Schedule:
    """The training schedule of the lips."""
    return Schedule(steps, rate, weight_decay=0.05, average=0.99, accumulate=accumulate, validate_every=50)


def train_lips(
    sampler: AnimationSampler,
    training: Sequence[LipExample],
    validation: Sequence[LipExample],
    geometry: LipGeometry,
    schedule: Schedule,
    start: Callable[..., TrainingRun],
    stream: ClipStream | None = None,
) -> None:
    """Train the lip decoder on crops of `training` or of a stream; keeps the weights with the best validation."""

    @torch.no_grad()
    def validate(decoder: nn.Module) -> dict[str, float]:
        decoder.eval()
        losses = [
            lip_loss(decoder(e.heard[None]), e.lips[None], e.valid[None].float(), geometry.shape) for e in validation
        ]
        return {"loss": float(torch.stack(losses).mean())}

    run = start(
        "lips", sampler.lip_decoder, schedule, validate=validate, export=exporter(sampler, "lip_decoder"),
        data="" if stream is None else stream.signature,
    )  # fmt: skip
    streamed = None if stream is None else stream.after(run.step * schedule.accumulate)
    for generator in run:
        with run.waiting():
            if streamed is None:
                heard, lips, valid = crop_lips(training, LIP_CROPS, LIP_FRAMES, generator)
            else:
                batch = next(streamed)
                heard, lips, valid = batch["heard"], batch["lips"], batch["valid"]
        with run.accelerator.autocast():
            predicted = run.model(heard)
        loss = lip_loss(predicted.float(), lips, valid, geometry.shape)
        run.update({"loss": loss}, clips=len(lips), tokens=lips.shape[0] * lips.shape[1])
    sampler.lip_decoder.load_state_dict(run.best)
    sampler.eval()


@torch.no_grad()
def calibrate_lips(sampler: AnimationSampler, examples: Sequence[LipExample], geometry: LipGeometry) -> None:
    """
    Measure how lips are pressed at closures, and give the decoder the spread of people who articulate well.

    Its output is mapped by the linear map that turns its Gaussian into the real one and changes it least. Then two
    factors, for weights that part the lips and for all others, are adjusted until opening and width, gates included,
    reach their target spread.
    """
    sampler.eval()
    _measure_closures(sampler, examples)
    strong = _articulate(examples, geometry)
    _match_spread(sampler, strong)
    opens = torch.tensor([name in OPENING_NAMES for name in LIP_NAMES])
    predicted = torch.cat([sampler.lip_decoder(e.heard[None])[0][e.valid] for e in strong])
    fixed = torch.where(opens, predicted.quantile(NARROW, dim=0), predicted.mean(0))
    for _ in range(DIAL_ROUNDS):
        jaw = (OPENING_REACH / max(spread(sampler, strong, geometry.opening), LEAST_SPREAD)) ** 0.7
        lip = (WIDTH_REACH / max(spread(sampler, strong, geometry.width), LEAST_SPREAD)) ** 0.7
        dial = torch.where(opens, jaw, lip)
        sampler.lip_decoder.remap(torch.diag(dial), fixed * (1.0 - dial))
    logger.info(
        "spread of the lips, relative to the tracks: opening %.2f, width %.2f",
        spread(sampler, strong, geometry.opening), spread(sampler, strong, geometry.width),
    )  # fmt: skip


def _measure_closures(sampler: AnimationSampler, examples: Sequence[LipExample]) -> None:
    """Measure how closed lips are pressed and rolled in."""
    frames = []
    for example in examples:
        chance = example.heard[:, len(VISEME_NAMES)].unflatten(0, (-1, FEATURES_PER_FRAME)).amax(1)
        frames.append(example.lips[example.valid & (chance > CLOSED)])
    closed = torch.cat(frames)
    sampler.closed_lips.zero_()
    for column in [LIP_NAMES.index(name) for name in PRESS_NAMES] if len(closed) else []:
        sampler.closed_lips[column] = closed[:, column].quantile(PRESS_LEVEL)


def _articulate(examples: Sequence[LipExample], geometry: LipGeometry) -> list[LipExample]:
    """The clips of sources in which the width of the mouth varies more than in the average source."""
    widths: dict[str, list[Tensor]] = {}
    for example in examples:
        if example.valid.sum() > 2:
            widths.setdefault(example.source, []).append((example.lips @ geometry.width)[example.valid].std())
    spreads = {source: float(torch.stack(values).mean()) for source, values in widths.items()}
    least = sum(spreads.values()) / len(spreads)
    return [e for e in examples if e.valid.sum() > 2 and spreads[e.source] >= least - 1e-9]


def _match_spread(sampler: AnimationSampler, examples: Sequence[LipExample]) -> None:
    """Map the decoder's Gaussian to the real one by optimal transport (Olkin and Pukelsheim, 1982)."""
    predicted = torch.cat([sampler.lip_decoder(e.heard[None])[0][e.valid] for e in examples]).double()
    real = torch.cat([e.lips[e.valid] for e in examples]).double()
    floor = 1e-7 * torch.eye(real.shape[1], dtype=torch.float64)
    target = torch.cov(real.T) + floor
    root = _root(torch.cov(predicted.T) + PREDICTABLE * target + floor)
    inverse = torch.linalg.inv(root)
    matrix = inverse @ _root(root @ target @ root) @ inverse
    offset = real.mean(0) - matrix @ predicted.mean(0)
    sampler.lip_decoder.remap(matrix.float(), offset.float())


def _root(matrix: Tensor) -> Tensor:
    """Square root of a symmetric matrix without negative eigenvalues."""
    values, vectors = torch.linalg.eigh(matrix)
    return (vectors * values.clamp_min(0.0).sqrt()) @ vectors.T


@torch.no_grad()
def spread(sampler: AnimationSampler, examples: Sequence[LipExample], measure: Tensor) -> float:
    """
    Deviation of the opening or width of the lips, gates included, relative to the tracks: ratio of means over clips.

    `measure` is the contribution of each lip weight, `(lips,)`.
    """
    ours = [(sampler.lips(e.heard[None])[0] @ measure)[e.valid].std() for e in examples]
    real = [(e.lips @ measure)[e.valid].std() for e in examples]
    return float(torch.stack(ours).mean() / torch.stack(real).mean().clamp_min(1e-3))
