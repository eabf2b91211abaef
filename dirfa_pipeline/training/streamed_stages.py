"""Training of lips and motion on streamed clips: turns one clip into tensors of a fixed shape for a batch."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from ..animation.coefficients import LIP_NAMES
from ..errors import InputError
from ..media.audio import FEATURES_PER_FRAME
from ..models.animation_sampler import AnimationSampler
from ..models.animation_stream import WINDOW
from ..models.face_model import FaceModel
from ..models.gestures import NUM_DRAWN
from ..models.listener import Listener
from ..models.motion_channels import NUM_MOTIONS
from ..models.sound_events import NUM_CUES, TICK_SILENT
from .clip_stream import ClipStream, Make, Readers, ShardPart
from .lip_stage import LIP_CROPS, LIP_FRAMES, crop_lips, lip_example
from .motion_data import TrackedClip
from .motion_stage import MOTION_CROPS, MOTION_EVENTS, crop_motion, motion_example, shift_to_sound


logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class StreamedClips:
    """
    Clips that stay in their shards while both stages train on them.

    Args:
        parts: The clips to train on, by the channel that they are used for.
        readers ([`Readers`]): The readers.
        seed (`int`): Seeds the order of the clips.
        encoder (`str`): Identifies the encoder whose features the shards must hold.
        sampler ([`AnimationSampler`]), face_model ([`FaceModel`]): Used to process the sound, and to fit the lips.
        empty (`set[str]`): Clips without usable motion that this process has found so far.
    """

    parts: Mapping[str, Sequence[ShardPart]]
    readers: Readers
    seed: int
    encoder: str
    sampler: AnimationSampler
    face_model: FaceModel
    empty: set[str] = field(default_factory=set)

    def lips(self) -> ClipStream:
        """Batches for the lip stage: `heard`, `lips`, `valid`."""
        return self._stream("lips", self._lip_sample, LIP_CROPS)

    def motion(self) -> ClipStream:
        """Batches for the motion stage, with the same names as those of [`crop_motion`]."""
        return self._stream("motion", self._motion_sample, MOTION_CROPS)

    def _stream(self, channel: str, make: Make, batch: int) -> ClipStream:
        return ClipStream(self.parts[channel], make, batch, self.readers, self.seed)

    @torch.no_grad()
    def _hear(self, clip: TrackedClip) -> Tensor:
        if clip.features is None or clip.encoder != self.encoder:
            raise InputError(
                f"{clip.name} has no speech features of this audio encoder; write the shards with prepare "
                "--speech-features and the same --weights"
            )
        features = torch.from_numpy(clip.features).float()
        heard = self.sampler.hear(features, Listener())[0][0]
        return heard[: FEATURES_PER_FRAME * min(len(heard) // FEATURES_PER_FRAME, len(clip.coefficients))]

    def _lip_sample(self, clip: TrackedClip, generator: torch.Generator) -> dict[str, Tensor]:
        """A crop of a clip's lips; if they never match its sound, no frame is valid."""
        heard = self._hear(clip)[:, : self.sampler.lip_dim]
        example = lip_example(clip.name, clip.coefficients, clip.valid, heard, self.face_model)
        if example is None:
            return {
                "heard": torch.zeros(FEATURES_PER_FRAME * LIP_FRAMES, heard.shape[1]),
                "lips": torch.zeros(LIP_FRAMES, len(LIP_NAMES)), "valid": torch.zeros(LIP_FRAMES),
            }  # fmt: skip
        crop = crop_lips([example], 1, LIP_FRAMES, generator)
        return dict(zip(("heard", "lips", "valid"), (tensor[0] for tensor in crop), strict=True))

    def _motion_sample(self, clip: TrackedClip, generator: torch.Generator) -> dict[str, Tensor]:
        """A crop of a clip's events; none is valid if the clip is too short or no frame can be trusted."""
        heard = self._hear(clip)
        trusted = clip.valid[: len(heard) // FEATURES_PER_FRAME].any()
        shifted = shift_to_sound(clip, heard, self.face_model) if trusted and len(heard) > TICK_SILENT else None
        if shifted is None or not shifted.valid.any():
            if clip.name not in self.empty:
                self.empty.add(clip.name)
                logger.warning("%s has no motion to train on; %d such clips so far", clip.name, len(self.empty))
            return self._no_motion(heard)
        example = motion_example(shifted, heard)
        crop = crop_motion([example], self.sampler, 1, MOTION_EVENTS, generator)
        return {name: tensor[0] for name, tensor in crop.items()}

    def _no_motion(self, heard: Tensor) -> dict[str, Tensor]:
        shapes = {
            "past": (NUM_MOTIONS + NUM_DRAWN,), "cues": (NUM_CUES,), "windows": (len(WINDOW), heard.shape[1]),
            "drawn": (NUM_DRAWN,), "blinks": (), "mask": (),
        }  # fmt: skip
        rows = {name: torch.zeros(MOTION_EVENTS, *shape) for name, shape in shapes.items()}
        return rows | {"style": torch.zeros_like(self.sampler.style_mean)}
