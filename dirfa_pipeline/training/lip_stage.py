"""How the lip decoder is learned: lips of tracked clips from what is heard, and the gain that regression costs."""

import logging
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ..animation.coefficients import LIP_INDICES, LIP_NAMES
from ..media.audio import FEATURES_PER_FRAME
from ..models.animation_sampler import AnimationSampler
from ..models.face_model import FaceModel
from ..models.speech_head import VISEME_NAMES
from .loop import Schedule, StartRun
from .motion_data import OPENING_NAMES, TrackedClip, lip_targets
from .sampler_export import exporter, pad_rows


logger = logging.getLogger(__name__)

SPEECH = len(VISEME_NAMES) + 1  # columns of what is heard that the decoder reads
LIP_CROPS = 16  # in a batch
LIP_FRAMES = 75  # of a crop


@dataclass(frozen=True)
class LipExample:
    """
    What a clip teaches about lips.

    Args:
        name (`str`): The clip's, `source/clip`.
        speech (`Tensor` of shape `(2 * frames, heard_dim)`): What is heard.
        lips (`Tensor` of shape `(frames, lips)`): Tracked weights, see [`lip_targets`].
        valid (`Tensor` of shape `(frames,)`): Frames whose track can be trusted.
    """

    name: str
    speech: Tensor
    lips: Tensor
    valid: Tensor


def lip_example(clip: TrackedClip, heard: Tensor) -> LipExample:
    """The lips of a clip beside its sound, `(rows, heard_dim)`."""
    frames = len(heard) // FEATURES_PER_FRAME
    lips, valid = torch.from_numpy(lip_targets(clip))[:frames], torch.from_numpy(clip.valid)[:frames]
    return LipExample(clip.name, heard[: FEATURES_PER_FRAME * frames], lips, valid)


def lip_loss(predicted: Tensor, target: Tensor, valid: Tensor, basis: Tensor) -> Tensor:
    """
    Squared error of the lip landmarks, of their velocity and of the aperture: what a viewer sees, not raw weights.

    `basis` is `(lips, landmark coordinates)`, its last columns the opening of each inner-lip pair.
    """
    error = (predicted - target) * valid.unsqueeze(-1)
    shape = (error @ basis).square().mean()
    velocity = (torch.diff(error, dim=1) @ basis).square().mean()
    return shape + 0.5 * velocity + 1e-4 * error.square().mean()


def lip_basis(face_model: FaceModel) -> Tensor:
    """Landmark displacement of each lip weight, weighted so that the opening counts as much as all else."""
    basis = face_model.expression_basis.detach()[list(LIP_INDICES)]
    outline = basis[:, face_model.lip_landmarks].flatten(1)
    upper, lower = face_model.inner_lip_pairs.T
    opening = (basis[:, lower] - basis[:, upper])[..., 1]
    return torch.cat([outline, 3.0 * opening], dim=1)


def crop_lips(examples: list[LipExample], batch: int, frames: int, generator: torch.Generator) -> list[Tensor]:
    """Draw crops of speech, lips and validity; a set counts by the root of its length: no single voice rules."""
    sets = [_set_of(example) for example in examples]
    totals = {name: sum(len(e.lips) for e, s in zip(examples, sets, strict=True) if s == name) for name in set(sets)}
    weights = torch.tensor([len(e.lips) / totals[s] ** 0.5 for e, s in zip(examples, sets, strict=True)])
    crops = []
    for index in torch.multinomial(weights, batch, replacement=True, generator=generator).tolist():
        example = examples[index]
        start = int(torch.randint(0, max(1, len(example.lips) - frames + 1), (1,), generator=generator))
        stop = start + frames
        parts = (
            example.speech[FEATURES_PER_FRAME * start : FEATURES_PER_FRAME * stop],
            example.lips[start:stop],
            example.valid[start:stop].float(),
        )
        crops.append(
            [pad_rows(p, n) for p, n in zip(parts, (FEATURES_PER_FRAME * frames, frames, frames), strict=True)]
        )
    return [torch.stack(parts) for parts in zip(*crops, strict=True)]


def lip_schedule(steps: int, rate: float = 2e-3, accumulate: int = 1) -> Schedule:
    """How lips are learned."""
    return Schedule(steps, rate, weight_decay=0.05, average=0.99, accumulate=accumulate, validate_every=50)


def train_lips(
    sampler: AnimationSampler,
    training: list[LipExample],
    validation: list[LipExample],
    basis: Tensor,
    schedule: Schedule,
    start: StartRun,
) -> None:
    """Fit the lip decoder; keeps the weights of the best validation."""

    @torch.no_grad()
    def validate(decoder: nn.Module) -> dict[str, float]:
        decoder.eval()
        losses = [
            lip_loss(decoder(e.speech[None, :, :SPEECH]), e.lips[None], e.valid[None].float(), basis)
            for e in validation
        ]
        return {"loss": float(torch.stack(losses).mean())}

    run = start("lips", sampler.lip_decoder, schedule, validate=validate, export=exporter(sampler, "lip_decoder"))
    for generator in run:
        speech, lips, valid = crop_lips(training, LIP_CROPS, LIP_FRAMES, generator)
        with run.accelerator.autocast():
            predicted = run.model(speech[..., :SPEECH])
        run.update({"loss": lip_loss(predicted.float(), lips, valid, basis)})
    sampler.lip_decoder.load_state_dict(run.best)
    sampler.eval()


@torch.no_grad()
def calibrate_lips(sampler: AnimationSampler, examples: list[LipExample], opening: Tensor) -> None:
    """
    Learn the shape of closed lips from the frames that the closure output marks, and undo what regression to the mean
    costs: towards the spread that each weight has in the tracks, as far as the opening, gates included, then has it.

    `opening` is what each lip weight adds to it, `(lips,)`.
    """
    sampler.eval()
    closed = torch.cat([
        e.lips[e.valid & (e.speech[:, SPEECH - 1].unflatten(0, (-1, FEATURES_PER_FRAME)).amax(1) > 0.7)]
        for e in examples
    ])  # fmt: skip
    if len(closed):
        shape = closed.mean(0)
        for name in (*OPENING_NAMES, "mouthClose"):
            shape[LIP_NAMES.index(name)] = 0.0
        sampler.closed_lips.copy_(shape)

    predicted = torch.cat([sampler.lip_decoder(e.speech[None, :, :SPEECH])[0].clamp(0, 1)[e.valid] for e in examples])
    real = torch.cat([e.lips[e.valid] for e in examples])
    gain = real.std(0) / predicted.std(0).clamp_min(1e-3)
    full = torch.where(real.std(0) > 0.01, gain.clamp(1.0, 1.5), torch.ones_like(gain))
    low, high = 0.0, 1.0
    for _ in range(6):
        share = 0.5 * (low + high)
        sampler.lip_gain.copy_(1.0 + share * (full - 1.0))
        low, high = (low, share) if opening_spread(sampler, examples, opening) > 1.0 else (share, high)
    logger.info("lips have %.2f of the full gain", share)


@torch.no_grad()
def opening_spread(sampler: AnimationSampler, examples: list[LipExample], opening: Tensor) -> float:
    """Deviation of the mouth's opening over that in the tracks; every set of clips counts alike."""
    ratios: dict[str, list[Tensor]] = {}
    for example in examples:
        ours = (sampler.lips(example.speech[None])[0] @ opening)[example.valid]
        real = (example.lips @ opening)[example.valid]
        ratios.setdefault(_set_of(example), []).append(ours.std() / real.std().clamp_min(1e-3))
    return float(torch.stack([torch.stack(values).mean() for values in ratios.values()]).mean())


def lip_opening(face_model: FaceModel) -> Tensor:
    """How far each lip weight parts the middle of the lips, `(lips,)`."""
    basis = face_model.expression_basis.detach()[list(LIP_INDICES)]
    upper, lower = face_model.inner_lip_pairs.T
    middle = slice(len(upper) // 3, len(upper) - len(upper) // 3)
    return (basis[:, lower[middle]] - basis[:, upper[middle]])[..., 1].mean(1)


def _set_of(example: LipExample) -> str:
    return example.name.split("/")[0]
