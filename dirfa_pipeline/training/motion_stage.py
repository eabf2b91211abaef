"""
Trains the motion prior: finds what each event of the voice moves in tracked clips, fits how this depends on the sound
of the event, and trains the flow that samples it.
"""

import logging
import math
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..animation.coefficients import COEFFICIENT_NAMES
from ..animation.frame_rate import ANIMATION_FPS
from ..evaluation.beats import Loudness, beat_scores, loudness_of
from ..face.landmarks import LEFT_BROW, LEFT_EYE, RIGHT_BROW, RIGHT_EYE
from ..media.audio import ENCODER_RATE, FEATURES_PER_FRAME
from ..models.animation_sampler import AnimationSampler
from ..models.animation_stream import event_windows
from ..models.face_model import FaceModel
from ..models.gestures import BEGIN, NUM_DRAWN, compose, gesture_curves, step_curves
from ..models.listener import NUM_HEARD
from ..models.motion_channels import FACE, GESTURE_CHANNELS, HEAD, MIRRORED, MOTION_NAMES, NUM_MOTIONS, PAIRED
from ..models.motion_draw import ROWS, MotionDraw
from ..models.motion_prior import CueScale
from ..models.sound_events import CUE_LEVEL, RISE, EventFinder, SoundEvent, makes_gestures
from .clip_stream import ClipStream
from .lip_stage import LipGeometry, movements, sound_lag
from .loop import Schedule, StartRun, exporter, pad_rows
from .motion_data import TrackedClip, blink_profile, find_blinks, motion_channels, style_of


logger = logging.getLogger(__name__)

STEP_RIDGE, GESTURE_RIDGE = 2e-4, 5e-4  # per frame, of the fit of steps and gestures
BLINK_WEIGHT: Final = 0.3
LONG_CLIP: Final = 125  # frames from which the spread of a clip is measured
SPREAD_FRAMES: Final = 250  # frames over which the spread is measured, so that short and long clips are comparable
CALIBRATION_ROUNDS: Final = 16
# Range of the share of the distance from rest that each event takes back. With less, motion would depend on its start
# for longer than seconds; with more, the head would return at once and look restless.
LEASHES: Final = (0.25, 0.5)
# The leash of roll is fixed and tighter: some people lean while they speak, but a face that leans for long looks
# crooked in stills, and makes takes of different speeches look alike.
ROLL_LEASH: Final = 0.8
ROLL: Final = MOTION_NAMES.index("roll")
BROW_CHANNELS: Final = tuple(MOTION_NAMES.index(name) for name in ("browInnerUp", "browOuterUp"))
# What is calibrated to beat as in the tracks: channels of steps and gestures, their statistic, and the cue it follows.
BEATS: Final = (
    ((0, 1, 2, *range(NUM_MOTIONS, NUM_MOTIONS + 3)), "log_spread", RISE),
    ((*BROW_CHANNELS, *(NUM_MOTIONS + GESTURE_CHANNELS.index(c) for c in BROW_CHANNELS)), "log_spread", RISE),
    ((NUM_MOTIONS + GESTURE_CHANNELS.index(1),), "mean", CUE_LEVEL),
)
# Visible sums of several channels, which are calibrated as well: the height of the brows and the opening of the lids.
SEEN: Final = {
    "brows": ("browDown", "browInnerUp", "browOuterUp"),
    "lids": ("eyeSquint", "cheekSquint", "eyeWide", "lids"),
}  # fmt: skip
MOST_STRETCH: Final = 1.6  # most by which a visible sum may change a channel's own spread
SPREAD_SHARE: Final = 1.1  # of the tracks' spread, because sampled steps are smoother and, with equal spread, slower
BEAT_SHARE: Final = 1.3  # of the tracks' beats, because voices outside the training data get less
BEAT_RATE: Final = 0.4  # change of an effect per unit by which a beat is off
# Tracked people who talk freely blink 28.6 times a minute. People were found to blink 26 times a minute in
# conversation and 17 times at rest (Bentivoglio et al., 1997, "Analysis of blink rate patterns in normal subjects").
BLINKS_A_MINUTE: Final = 28.6
BLINK_ROUNDS: Final = 2
MOST_EFFECT: Final = 0.6  # most effect of one standard deviation of a cue
MOTION_CROPS, MOTION_EVENTS = 32, 24  # crops in a batch, events in a crop
SCALE_STEPS, SCALE_RATE, SCALE_RIDGE = 400, 0.02, 20.0  # for the maximum-likelihood fit of the cue scale
MIRRORED_DRAWN: Final = (*MIRRORED, *(NUM_MOTIONS + i for i, c in enumerate(GESTURE_CHANNELS) if c in MIRRORED))


@dataclass(frozen=True)
class MotionExample:
    """
    The events of a clip and the motion that they cause.

    Args:
        name (`str`): The clip's name.
        cues (`Tensor` of shape `(events, cues)`), windows (`Tensor` of shape `(events, parts, heard_dim)`): Cues of
            each event, and the sound around it.
        drawn (`Tensor` of shape `(events, drawn)`): Steps and gestures of each event.
        level (`Tensor` of shape `(events, motions)`): Level of the channels before each event.
        blinks (`Tensor` of shape `(events,)`): 1 if a blink begins before the next event.
        style (`Tensor` of shape `(2,)`): Liveliness of the clip.
        motion (`Tensor` of shape `(frames, motions)`): The tracked channels.
        heard (`Tensor` of shape `(rows, heard_dim)`): The sound of the whole clip.
        events (`list[SoundEvent]`): The events.
        loudness ([`Loudness`]): The loudness of the same frames.
    """

    name: str
    cues: Tensor
    windows: Tensor
    drawn: Tensor
    level: Tensor
    blinks: Tensor
    style: Tensor
    motion: Tensor
    heard: Tensor
    events: list[SoundEvent]
    loudness: Loudness


def explain_motion(motion: Tensor, valid: Tensor, events: list[SoundEvent]) -> tuple[Tensor, Tensor]:
    """
    Fit tracked channels `(frames, motions)` by ridge regression over the `valid` frames. Returns the steps and
    gestures of each event, `(events, drawn)`, and the level of the channels before each event, `(events, motions)`.
    """
    since, slow = (values.double() for values in _since(len(motion), events))
    steps, gestures = step_curves(since, slow.expand_as(since)), gesture_curves(since)
    count, weight = len(events), valid.double().unsqueeze(1)
    gestural = makes_gestures(torch.from_numpy(np.stack([event.cues for event in events]))).double()
    drawn, level = torch.zeros(count, NUM_DRAWN), torch.zeros(count, NUM_MOTIONS)
    for channel in range(NUM_MOTIONS):
        parts = [torch.ones(len(motion), 1, dtype=torch.float64), steps[..., channel]]
        ridge = [1e-6, *[STEP_RIDGE] * count]
        if channel in GESTURE_CHANNELS:
            parts.append(gestures[..., GESTURE_CHANNELS.index(channel)] * gestural)
            ridge += [GESTURE_RIDGE] * count
        design = torch.cat(parts, dim=1) * weight
        normal = design.T @ design + len(motion) * torch.diag(torch.tensor(ridge, dtype=torch.float64))
        solution = torch.linalg.solve(normal, design.T @ motion[:, channel].double()).float()
        drawn[:, channel] = solution[1 : 1 + count]
        level[:, channel] = solution[0] + torch.cumsum(drawn[:, channel], 0) - drawn[:, channel]
        if channel in GESTURE_CHANNELS:
            drawn[:, NUM_MOTIONS + GESTURE_CHANNELS.index(channel)] = solution[1 + count :]
    return drawn, level


def motion_example(clip: TrackedClip, heard: Tensor, finder: type[EventFinder] = EventFinder) -> MotionExample:
    """Find the motion of a clip's events; `heard` is its sound, `(rows, heard_dim)`, more than `TICK_SILENT` rows."""
    frames = len(heard) // FEATURES_PER_FRAME
    events = finder().find(heard[:, -NUM_HEARD:].numpy(), 0, FEATURES_PER_FRAME * frames)
    motion, valid = motion_channels(clip)[:frames], torch.from_numpy(clip.valid)[:frames]
    drawn, level = explain_motion(motion, valid, events)
    starts = torch.tensor([event.row / FEATURES_PER_FRAME + BEGIN for event in events])
    blinks = torch.zeros(len(events))
    for peak in find_blinks(clip):
        begun = torch.nonzero(starts <= peak - 5)
        if len(begun):
            blinks[begun[-1]] = 1.0
    cues = torch.stack([torch.from_numpy(event.cues) for event in events])
    windows = event_windows(heard, 0, [event.row for event in events])
    assert clip.audio is not None  # checked by the caller
    loudness = loudness_of(clip.audio, ENCODER_RATE, frames, ANIMATION_FPS)
    return MotionExample(
        clip.name, cues, windows, drawn, level, blinks, style_of(motion), motion, heard, events, loudness
    )


def shift_to_sound(clip: TrackedClip, heard: Tensor, face_model: FaceModel) -> TrackedClip:
    """The clip with its video shifted until the lips match the sound, see [`sound_lag`]."""
    frames = min(len(clip.coefficients), len(heard) // FEATURES_PER_FRAME)
    coefficients, valid = clip.coefficients[:frames], clip.valid[:frames]
    opening = movements(coefficients, valid, face_model) @ LipGeometry.of(face_model).opening
    lag, _ = sound_lag(heard[: FEATURES_PER_FRAME * frames], opening, torch.from_numpy(valid))
    shown = np.arange(frames) + lag
    inside = shown.clip(0, frames - 1)
    return replace(
        clip, coefficients=coefficients[inside], valid=valid[inside] & (shown == inside),
        eye_openness=clip.eye_openness[inside],
    )  # fmt: skip


def fit_cue_scale(sampler: AnimationSampler, examples: list[MotionExample]) -> None:
    """Fit the cue scale to the motion of the events by maximum likelihood, with a ridge on all but the mean spread."""
    scale = sampler.cue_scale
    cues, drawn = (torch.cat([getattr(example, name) for example in examples]) for name in ("cues", "drawn"))
    with torch.no_grad():
        scale.centre.copy_(cues.mean(0))
        scale.width.copy_(cues.std(0).clamp_min(1e-3))
        scale.unit.copy_(drawn.std(0).clamp_min(1e-4))
        for layer in (scale.mean, scale.log_spread):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)
    optimizer = torch.optim.Adam([*scale.mean.parameters(), *scale.log_spread.parameters()], SCALE_RATE)
    for _ in range(SCALE_STEPS):
        penalty = sum(layer.weight.square().sum() for layer in (scale.mean, scale.log_spread))
        loss = -scale.log_likelihood(drawn, cues).mean(0).sum() + SCALE_RIDGE / len(cues) * penalty
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    scale.requires_grad_(False)


@torch.no_grad()
def measure_motion(sampler: AnimationSampler, examples: list[MotionExample], clips: list[TrackedClip]) -> None:
    """Store how far each channel varies, the distribution of styles and the curve of a blink."""
    motion = torch.cat([example.motion for example in examples])
    sampler.level_scale.copy_(motion.std(0).clamp_min(1e-3))
    styles = torch.stack([example.style for example in examples])
    sampler.style_mean.copy_(styles.mean(0))
    sampler.style_std.copy_(styles.std(0).clamp_min(0.1))
    sampler.blink_shape.copy_(blink_profile(clips))


def motion_schedule(steps: int, rate: float = 1e-3, accumulate: int = 1) -> Schedule:
    """The training schedule of the motion; it has few steps, because there are few clips."""
    return Schedule(steps, rate, 0.3, average=0.95, accumulate=accumulate, checkpoint_every=25, validate_every=10)


def crop_motion(
    examples: list[MotionExample], sampler: AnimationSampler, batch: int, count: int, generator: torch.Generator
) -> dict[str, Tensor]:
    """Draw crops of at most `count` events; half of them are mirrored, and a third has no sound window."""
    weights = torch.tensor([float(len(example.events)) for example in examples])
    scale = sampler.cue_scale
    rows: dict[str, list[Tensor]] = {
        name: [] for name in ("past", "cues", "windows", "drawn", "blinks", "mask", "style")
    }
    for index in torch.multinomial(weights, batch, replacement=True, generator=generator).tolist():
        example = examples[index]
        mean, spread = scale(example.cues)
        drawn, level = (example.drawn - mean) / spread, example.level / sampler.level_scale
        if torch.rand(1, generator=generator) < 0.5:
            mirror = torch.ones(NUM_DRAWN)
            mirror[list(MIRRORED_DRAWN)] = -1.0
            drawn, level = (mirror * example.drawn - mean) / spread, mirror[:NUM_MOTIONS] * level
        drawn = drawn.clamp(-6.0, 6.0)
        past = torch.cat([level, torch.cat([torch.zeros(1, NUM_DRAWN), drawn[:-1]])], dim=1)
        windows = example.windows
        if torch.rand(1, generator=generator) < 0.33:
            windows = torch.zeros_like(windows)
        start = int(torch.randint(0, max(1, len(drawn) - count + 1), (1,), generator=generator))
        here = slice(start, start + count)
        parts = {
            "past": past, "cues": (example.cues - scale.centre) / scale.width, "windows": windows, "drawn": drawn,
            "blinks": example.blinks, "mask": torch.ones(len(drawn)),
        }  # fmt: skip
        for name, values in parts.items():
            rows[name].append(pad_rows(values[here], count))
        rows["style"].append((example.style - sampler.style_mean) / sampler.style_std)
    return {name: torch.stack(values) for name, values in rows.items()}


def motion_loss(
    prior: nn.Module, crop: dict[str, Tensor], generator: torch.Generator, noise: float = 0.0
) -> dict[str, Tensor]:
    """
    The flow matching loss of the events' motion and the negative log-likelihood of blinks, as named terms.

    `noise` is the deviation of noise added to the past, so that the prior learns to correct its own errors.
    """
    past = crop["past"] + noise * torch.randn(crop["past"].shape, generator=generator)
    distribution = prior(past, crop["cues"], crop["windows"], crop["style"])
    mask = crop["mask"]
    flow = (distribution.loss(crop["drawn"], generator) * mask).sum() / mask.sum().clamp_min(1.0)
    blink = F.binary_cross_entropy_with_logits(distribution.blink_logits.float(), crop["blinks"], weight=mask)
    return {"events": flow, "blinks": BLINK_WEIGHT * blink}


def train_motion(
    sampler: AnimationSampler,
    training: list[MotionExample],
    validation: list[MotionExample],
    schedule: Schedule,
    start: StartRun,
    stream: ClipStream | None = None,
) -> None:
    """
    Train the motion prior on crops of `training` or of a stream. Keeps the weights with the best validation loss,
    which is measured on fixed crops and noise.
    """
    fixed = crop_motion(validation, sampler, 2 * MOTION_CROPS, MOTION_EVENTS, torch.Generator().manual_seed(1))

    @torch.no_grad()
    def validate(prior: nn.Module) -> dict[str, float]:
        losses = motion_loss(prior.eval(), fixed, torch.Generator().manual_seed(2))
        return {name: loss.item() for name, loss in losses.items()}

    run = start(
        "motion", sampler.motion_prior, schedule, validate=validate, export=exporter(sampler, "motion_prior"),
        data="" if stream is None else stream.signature,
    )  # fmt: skip
    streamed = None if stream is None else stream.after(run.step * schedule.accumulate)
    for generator in run:
        with run.waiting():
            if streamed is None:
                crop = crop_motion(training, sampler, MOTION_CROPS, MOTION_EVENTS, generator)
            else:
                crop = next(streamed)
        with run.accelerator.autocast():
            losses = motion_loss(run.model, crop, generator, noise=0.1)
        run.update(losses, clips=len(crop["mask"]), tokens=crop["mask"].numel())
    sampler.motion_prior.load_state_dict(run.best)
    sampler.eval()


@torch.no_grad()
def roll_out(sampler: AnimationSampler, example: MotionExample, first_seed: int) -> Tensor:
    """Sample motion `(takes, frames, motions)` for a clip's sound, without limits; as many takes as fit in a batch."""
    generators = [torch.Generator().manual_seed(first_seed + take) for take in range(ROWS)]
    draw = MotionDraw(sampler, generators, 1.0)
    moved = [m for m, _ in draw.events(example.cues, example.windows, torch.ones(len(example.events)))]
    since, slow = _since(len(example.motion), example.events)
    return torch.stack([sampler.start_level + compose(since, slow, take) for take in torch.stack(moved, dim=1)])


@torch.no_grad()
def calibrate(sampler: AnimationSampler, examples: list[MotionExample], face_model: FaceModel) -> None:
    """
    Calibrate the sampler on motion that it samples for the clips' own sound, to compensate for few clips and uncertain
    times of events. Adjusted are

    - the leash and, at its limits, the unit of each channel, until the channel varies within a clip of 5 s or more as
      far as in the tracks; for the head, as in the median clip, because some people lean all the time;
    - the spread of brows and lids once more, until the height and opening that they add up to vary as far;
    - the initial level of the face, which is set to its average, so that takes do not all begin with the same rise;
    - how much more head and brows move after larger rises of loudness, until they beat with the speech as in the
      tracks (see `evaluation.beats`), and how much the chin lifts with the level.
    """
    long = [example for example in examples if len(example.motion) >= LONG_CLIP] or examples
    spreads = torch.stack([_spread(example.motion) for example in long])
    tracked = torch.cat([spreads[:, HEAD].quantile(0.5, dim=0), spreads[:, HEAD.stop :].mean(0)]).clamp_min(1e-3)
    tracked *= SPREAD_SHARE
    seen = _what_is_seen(face_model)
    tracked_seen = SPREAD_SHARE * torch.stack([_spread(example.motion @ seen) for example in long]).mean(0)
    stretch = torch.ones(NUM_MOTIONS)
    aims = [BEAT_SHARE * beat for beat in mean_beats(long, [example.motion[None] for example in long])]
    least, most = (torch.full_like(sampler.leash, leash) for leash in LEASHES)
    least[ROLL] = most[ROLL] = ROLL_LEASH
    sampler.leash.copy_(least)
    sampler.start_level.zero_()
    effects = [0.0] * len(BEATS)
    for round_ in range(CALIBRATION_ROUNDS):
        drawn = [roll_out(sampler, example, ROWS * index) for index, example in enumerate(long)]
        drawn_seen = torch.stack([_spread(takes @ seen).mean(0) for takes in drawn]).mean(0)
        for names, share in zip(SEEN.values(), drawn_seen / tracked_seen, strict=True):
            stretch[[MOTION_NAMES.index(name) for name in names]] *= share.clamp(0.5, 2.0) ** -0.3
        stretch.clamp_(1.0 / MOST_STRETCH, MOST_STRETCH)
        spread = torch.stack([_spread(takes).mean(0) for takes in drawn]).mean(0)
        ratio = (spread / (stretch * tracked)).clamp(0.2, 5.0)
        leash = sampler.leash + 0.1 * ratio.log()
        sampler.leash.copy_(leash.clamp(least, most))
        beyond = (sampler.leash != leash).float() * ratio.log()
        sampler.cue_scale.unit.mul_(torch.exp(-0.3 * torch.cat([beyond, beyond[list(GESTURE_CHANNELS)]])))
        mean = torch.cat([takes.flatten(0, 1) for takes in drawn]).mean(0)
        sampler.start_level[FACE] += 0.3 * (mean - sampler.start_level)[FACE]
        beats = mean_beats(long, drawn)
        for index, (channels, part, cue) in enumerate(BEATS):
            lacking = aims[index] - beats[index]
            if not math.isfinite(lacking):  # the clips are too short for a beat
                continue
            effect = min(max(effects[index] + BEAT_RATE * lacking, 0.0), MOST_EFFECT)
            _change_effect(sampler.cue_scale, channels, part, cue, effect - effects[index], examples)
            effects[index] = effect
        logger.info("round %d: head, brow, nod beats %s, tracked %s", round_, _rounded(beats), _rounded(aims))
    _calibrate_blinks(sampler, long)
    logger.info("effects %s", _rounded(effects))
    logger.info("height of brows, opening of lids over the tracks' %s", _rounded((drawn_seen / tracked_seen).tolist()))
    logger.info("spread relative to its target, and leash:")
    for name, *values in zip(MOTION_NAMES, ratio.tolist(), sampler.leash.tolist(), strict=True):
        logger.info("%12s %.2f %.2f", name, *values)


def _spread(motion: Tensor) -> Tensor:
    """Deviation of curves `(..., frames, curves)` within stretches of at most ten seconds, `(..., curves)`."""
    parts = motion.tensor_split(max(1, round(motion.shape[-2] / SPREAD_FRAMES)), dim=-2)
    return torch.stack([part.std(-2) for part in parts]).mean(0)


def _what_is_seen(face_model: FaceModel) -> Tensor:
    """Contribution of each channel to the height of the brows and to the opening of the lids, `(motions, 2)`."""
    basis = face_model.expression_basis.detach()[..., 1]
    eyes = (RIGHT_EYE, LEFT_EYE)
    corners = basis[:, [corner for eye in eyes for corner in (eye.outer, eye.inner)]].mean(1)
    brows = basis[:, [*RIGHT_BROW[0], *LEFT_BROW[0]]].mean(1) - corners
    upper, lower = zip(*[pair for eye in eyes for pair in eye.middle_pairs], strict=True)
    lids = basis[:, list(upper)].mean(1) - basis[:, list(lower)].mean(1)
    seen = torch.zeros(NUM_MOTIONS, len(SEEN))
    for channel, names in PAIRED.items():
        columns = [COEFFICIENT_NAMES.index(name) for name in names]
        seen[MOTION_NAMES.index(channel)] = torch.stack([brows[columns].sum(), lids[columns].sum()])
    return seen


def _calibrate_blinks(sampler: AnimationSampler, examples: list[MotionExample]) -> None:
    """Shift the log odds of blinks until there are as many per minute as in conversation."""
    minutes = sum(len(example.motion) for example in examples) / ANIMATION_FPS / 60.0
    for _ in range(BLINK_ROUNDS):
        hazards = 0.0
        for index, example in enumerate(examples):
            draw = MotionDraw(sampler, [torch.Generator().manual_seed(index)], 1.0)
            amplitude = torch.ones(len(example.events))
            hazards += sum(float(h) for _, h in draw.events(example.cues, example.windows, amplitude))
        sampler.motion_prior.output.bias[-1] += math.log(BLINKS_A_MINUTE * minutes / hazards)


def mean_beats(examples: list[MotionExample], motions: list[Tensor]) -> list[float]:
    """Mean beats of head, brows and chin over the takes `(takes, frames, motions)` of all clips."""
    scores = []
    for example, takes in zip(examples, motions, strict=True):
        for take in takes.numpy():
            brows = take[:, list(BROW_CHANNELS)].mean(1)
            beats = beat_scores(take[:, :3], brows, example.loudness, ANIMATION_FPS)
            scores.append([beats["head_beat"], beats["brow_beat"], beats["nods"]])
    return [float(value) for value in np.nanmean(scores, axis=0)]


def _change_effect(
    scale: CueScale, channels: tuple[int, ...], part: str, cue: int, change: float, examples: list[MotionExample]
) -> None:
    """Let a cue raise the spread or the mean of some channels by `change` more, without changing the mean spread."""
    cues = torch.cat([example.cues for example in examples])
    before = scale(cues)[1].log().mean(0)
    getattr(scale, part).weight[list(channels), cue] += change
    scale.log_spread.bias.add_(before - scale(cues)[1].log().mean(0))


def _rounded(values: list[float]) -> list[float]:
    return [round(value, 2) for value in values]


def _since(frames: int, events: list[SoundEvent]) -> tuple[Tensor, Tensor]:
    """Frames since each event, `(frames, events)`, and which events are ticks, `(events,)`."""
    rows = torch.tensor([event.row for event in events], dtype=torch.float64)
    slow = torch.tensor([float(event.kind == "tick") for event in events], dtype=torch.float64)
    since = torch.arange(frames, dtype=torch.float64)[:, None] + 0.5 - (rows + 0.5) / FEATURES_PER_FRAME
    return since.float(), slow.float()
