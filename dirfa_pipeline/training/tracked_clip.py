"""Tracks one clip for training: coefficients, valid frames, opening of the eyes, sound and speech features."""

import hashlib
import io
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Final, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import Wav2Vec2Model

from ..animation.frame_rate import ANIMATION_FPS
from ..bundled import detector_folder
from ..capture.detector import FaceDetector
from ..capture.doubts import MAX_YAW
from ..capture.tracking import follow_landmarks, to_grid
from ..errors import AudioError
from ..face.measures import eye_centres, eye_openness, inter_ocular_distance, lip_aperture
from ..media.audio import ENCODER_RATE, FEATURES_PER_FRAME, encoder_windows, load_audio, num_frames, pad_for_encoder
from ..media.video import decode_pictures
from ..models.face_model import FaceModel
from ..models.speech_features import encoder_field, speech_features
from ..workers.addresses import Address
from .motion_data import TrackedClip


MOST_LIP_RESIDUAL: Final = 0.04  # largest residual of a valid frame, in inter-ocular distances
Item = TypeVar("Item")
CUT: Final = 0.25  # jump of the face between two frames, in inter-ocular distances, that counts as a cut


@dataclass
class Costs:
    """Core seconds of this process by stage; time in a nested stage counts only for the inner one."""

    seconds: dict[str, float] = field(default_factory=dict)
    inside: float = 0.0  # core seconds of nested stages that have ended within the current one

    @contextmanager
    def of(self, stage: str) -> Iterator[None]:
        """Add the time of the block to a stage."""
        began, self.inside, outside = time.process_time(), 0.0, self.inside
        try:
            yield
        finally:
            whole = time.process_time() - began
            self.seconds[stage] = self.seconds.get(stage, 0.0) + whole - self.inside
            self.inside = outside + whole

    def each(self, stage: str, items: Iterable[Item]) -> Iterator[Item]:
        """Yield the items, and add the time that it takes to get each of them to a stage."""
        remaining = iter(items)
        while True:
            with self.of(stage):
                try:
                    item = next(remaining)
                except StopIteration:
                    return
            yield item


@dataclass(frozen=True)
class Tools:
    """What each worker loads once: detector, face model and, for speech features, the encoder and its hash."""

    detector: FaceDetector
    face_model: FaceModel
    encoder: Wav2Vec2Model | None = None
    encoder_mark: str = ""

    @classmethod
    def load(cls, weights: Path, with_encoder: bool) -> "Tools":
        """Load them from a pipeline's folder."""
        face_model = FaceModel.from_pretrained(weights / "face_model")
        detector = FaceDetector(video=True, folder=detector_folder(weights))
        if not with_encoder:
            return cls(detector, face_model)
        encoder = Wav2Vec2Model.from_pretrained(weights / "audio_encoder", dtype=torch.float32).eval()
        return cls(detector, face_model, encoder, mark_of(encoder))


@lru_cache(maxsize=4)
def mark_of(encoder: Wav2Vec2Model) -> str:
    """A short hash of a trained encoder's weights, because features of another encoder are not compatible."""
    digest = hashlib.sha256()
    for name, tensor in sorted(encoder.state_dict().items()):
        digest.update(name.encode() + tensor.detach().cpu().float().numpy().tobytes())
    return digest.hexdigest()[:12]


def track(
    name: str, video: Path, sound: Path, teaches: tuple[str, ...], speaker: str, tools: Tools, costs: Costs,
    kept_landmarks: Address | None = None,
) -> TrackedClip:  # fmt: skip
    """
    Track one clip. A clip without sound is not used to train lips.

    Args:
        name (`str`): `source/clip`.
        video, sound (`Path`): Its files.
        teaches (`tuple[str, ...]`), speaker (`str`): As given by the source.
        tools ([`Tools`]): The tools of this worker.
        costs ([`Costs`]): The time of each stage is added to these.
        kept_landmarks ([`Address`], *optional*): An .npz file for landmarks; they are read from it if it exists.

    Raises:
        InputError: The file is not a video.
        ValueError: Fewer than ten frames show a face.
    """
    with costs.of("landmarks"):
        landmarks, times = _landmarks(video, tools.detector, kept_landmarks, costs)
    with costs.of("fit"):
        points, valid = to_grid(landmarks, times)
        fit = tools.face_model.fit_video(points)
        valid = flag_cuts(points, valid)
        valid &= np.abs(fit.face.head_angles()[0] + fit.coefficients[:, -6]) < np.radians(MAX_YAW)
        valid &= fit.lip_residual < MOST_LIP_RESIDUAL
        aperture, shown = lip_aperture(points), lip_aperture(fit.face.vertices(fit.coefficients))
    with costs.of("sound"):
        audio = read_sound(sound) if "lips" in teaches else None
    features = None
    if tools.encoder is not None and audio is not None:
        with costs.of("speech features"):
            features = encode_sound(audio, tools.encoder).numpy().astype(np.float16)
    return TrackedClip(
        name, fit.coefficients, valid, eye_openness(points).astype(np.float32), audio, name.partition("/")[0],
        speaker, teaches if audio is not None else tuple(channel for channel in teaches if channel != "lips"),
        {
            "lip_residual": round(float(np.sqrt(np.square(fit.lip_residual).mean())), 5),
            "aperture_correlation": _correlation(aperture, shown),
        },
        features, tools.encoder_mark if features is not None else "",
    )  # fmt: skip


def _correlation(left: NDArray, right: NDArray) -> float:
    """Correlation of two curves; 0 if one of them is constant."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return round(float(np.nan_to_num(np.corrcoef(left, right)[0, 1])), 4)


def _landmarks(
    video: Path, detector: FaceDetector, kept: Address | None, costs: Costs
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    content = None if kept is None else kept.read()
    if content is not None:
        with np.load(io.BytesIO(content)) as file:
            return file["landmarks"], file["times"]
    landmarks, times = follow_landmarks(costs.each("decoding", decode_pictures(video)), detector)
    if kept is not None:
        packed = io.BytesIO()
        np.savez_compressed(packed, landmarks=landmarks, times=times)
        kept.write(packed.getvalue())
    return landmarks, times


def flag_cuts(points: NDArray[np.float64], valid: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Mark the frames on both sides of a cut as not valid."""
    middle = eye_centres(points).mean(0)
    jump = np.linalg.norm(np.diff(middle, axis=0), axis=-1) / np.median(inter_ocular_distance(points))
    cut = np.flatnonzero(jump > CUT)
    valid = valid.copy()
    for offset in (-1, 0, 1, 2):
        valid[np.clip(cut + offset, 0, len(valid) - 1)] = False
    return valid


def read_sound(path: Path) -> NDArray[np.float32] | None:
    """The clip's sound at 16 kHz; `None` if it has none."""
    try:
        return load_audio(path).mono(ENCODER_RATE).clip(-1.0, 1.0).astype(np.float32)
    except AudioError:
        return None


@torch.no_grad()
def encode_sound(audio: NDArray[np.float32], encoder: Wav2Vec2Model) -> Tensor:
    """The encoder's features and the prosody of a whole clip, `(2 * frames, dim + 4)`, exactly as in the pipeline."""
    frames = num_frames(len(audio), ENCODER_RATE, ANIMATION_FPS)
    field = encoder_field(encoder)
    padded = pad_for_encoder(audio, frames, field)
    windows = encoder_windows(FEATURES_PER_FRAME * frames, field=field)
    return torch.cat([speech_features(encoder, padded[w.samples], "cpu")[w.keep] for w in windows])
