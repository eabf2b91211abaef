"""
DIRFA's probabilistic mapping network: speech features in, facial animation drawn from a learned distribution out.

The idea is that of Wu et al., "Audio-driven talking face generation with diverse yet realistic facial animations",
Pattern Recognition 2023, DOI 10.1016/j.patcog.2023.109865: a transformer draws the animation autoregressively and a
temporally-biased mask lets near moments weigh more. All numbers and the split below are this project's own:

- lips are nearly determined by the sound, so [`LipDecoder`] regresses them from phones and effort, and [`LipGates`],
  applied after all smoothing, shut the mouth at p, b and m;
- everything else is drawn where the voice asks for it: [`EventFinder`] finds accents, ends of phrases and ticks
  between them. For each of them [`MotionPrior`], a causal transformer, draws what head, gaze and face do. Curves
  are smooth by construction, noise never becomes jitter.
"""

from collections.abc import Sequence
from dataclasses import fields

import torch
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from diffusers.utils.accelerate_utils import apply_forward_hook
from torch import Tensor, nn

from ..animation.coefficients import LIP_INDICES
from ..media.audio import FEATURES_PER_FRAME
from ..media.prosody import NUM_PROSODY
from .animation_stream import WINDOW, AnimationStream
from .lip_decoder import LipDecoder, LipGates
from .listener import AROUSAL, NUM_HEARD, Listener
from .motion_channels import NUM_MOTIONS
from .motion_prior import CueScale, MotionPrior
from .speech_head import VISEME_NAMES, SpeechHead
from .strict_model import StrictModel


class AnimationSampler(StrictModel, ModelMixin, ConfigMixin):
    """
    Draws facial animation for speech: deterministic lips, everything else from a learned distribution.

    Args:
        audio_dim (`int`, defaults to 256): Width of the audio encoder's `last_hidden_state`.
        lip_channels (`int`, defaults to 192): Width of the lip decoder.
        dim, num_layers, num_heads (`int`): Size of the motion transformer.
        flow_channels (`int`, defaults to 128): Width of the network that gives the flow's velocity.
        flow_steps (`int`, defaults to 8): Steps from noise to a draw.
        memory (`int`, defaults to 24): Events of its own past that the transformer sees, about ten seconds.
        style_dim (`int`, defaults to 2): Style values: liveliness of the head, liveliness of the upper face.
        closure_low, closure_high, rest_low, rest_high (`float`), rest_length, rest_margin, rest_future (`int`): See
            [`LipGates`].
        dropout (`float`, defaults to 0.1): While training.
    """

    @register_to_config
    def __init__(
        self,
        audio_dim: int = 256,
        lip_channels: int = 192,
        dim: int = 64,
        num_layers: int = 2,
        num_heads: int = 4,
        flow_channels: int = 128,
        flow_steps: int = 8,
        memory: int = 24,
        style_dim: int = 2,
        closure_low: float = 0.08,
        closure_high: float = 0.22,
        rest_low: float = 0.75,
        rest_high: float = 0.95,
        rest_length: int = 13,
        rest_margin: int = 3,
        rest_future: int = 10,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.speech_head = SpeechHead(audio_dim)
        self.lip_decoder = LipDecoder(self.lip_dim, lip_channels, len(LIP_INDICES), dropout)
        self.cue_scale = CueScale()
        self.motion_prior = MotionPrior(
            self.heard_dim, style_dim, dim, num_layers, num_heads, flow_channels, flow_steps, memory,
            window=len(WINDOW), dropout=dropout,
        )  # fmt: skip
        # Measured on the training data and stored, never trained by gradient.
        self.level_scale = nn.Parameter(torch.ones(NUM_MOTIONS), requires_grad=False)
        self.leash = nn.Parameter(torch.zeros(NUM_MOTIONS), requires_grad=False)
        self.start_level = nn.Parameter(torch.zeros(NUM_MOTIONS), requires_grad=False)
        self.style_mean = nn.Parameter(torch.zeros(style_dim), requires_grad=False)
        self.style_std = nn.Parameter(torch.ones(style_dim), requires_grad=False)
        self.closed_lips = nn.Parameter(torch.zeros(len(LIP_INDICES)), requires_grad=False)
        self.blink_shape = nn.Parameter(torch.zeros(11), requires_grad=False)

    def speech(self, features: Tensor) -> Tensor:
        """
        Turn encoder features, of shape `(batch, 2 * frames, audio_dim)`, into what the sound says.

        Returns viseme posteriors and, last, the closure probability: `(batch, 2 * frames, visemes + 1)`.
        """
        viseme_logits, closure_logits = self.speech_head(features)
        return torch.cat([viseme_logits.softmax(-1), closure_logits.sigmoid().unsqueeze(-1)], dim=-1)

    @property
    def lip_gates(self) -> LipGates:
        """The gates that the configuration describes."""
        return LipGates(**{field.name: self.config[field.name] for field in fields(LipGates)})

    def lips(self, heard: Tensor) -> Tensor:
        """
        Lip and jaw weights `(batch, frames, lips)` in the order of `LIP_NAMES`, shut at p, b, m and in silence.

        `heard` is what [`hear`] gave, `(batch, 2 * frames, heard_dim)`, or its first `lip_dim` columns.
        """
        lips = self.lip_decoder(heard[..., : self.lip_dim]).clamp(0.0, 1.0)
        return self.lip_gates.shut(lips, self.closed_lips, heard)

    @property
    def heard_dim(self) -> int:
        """Width of what is heard: viseme posteriors, closure, and the voice's level, pitch and so on."""
        return len(VISEME_NAMES) + 1 + NUM_HEARD

    @property
    def lip_dim(self) -> int:
        """Columns of what is heard that tell the lips: all but arousal, the last, which is a mood of seconds."""
        return self.heard_dim - 1

    def hear(self, features: Tensor, listener: Listener) -> tuple[Tensor, Listener]:
        """
        Turn features and prosody, `(2 * frames, audio_dim + 4)`, into what is heard, `(1, 2 * frames, heard_dim)`.

        Args:
            features (`Tensor`): The encoder's, and in the last columns the rows of [`prosody`].
            listener ([`Listener`]): What is known of the voice so far; the one for what follows is returned, too.
        """
        speech = self.speech(features[None, :, :-NUM_PROSODY])
        speaking = 1.0 - speech[0, :, VISEME_NAMES.index("silence")]
        rows = features[:, -NUM_PROSODY:].float().cpu().numpy()
        voice, listener = listener.hear(rows, speaking.float().cpu().numpy())
        return torch.cat([speech, torch.from_numpy(voice).to(speech)[None]], dim=-1), listener

    @torch.no_grad()
    def arousal(self, features: Tensor) -> Tensor:
        """How aroused the voice is at each frame of `features`, those of [`sample`]: `(frames,)` in (-1, 1)."""
        heard = self.hear(features, Listener())[0][0, :, -NUM_HEARD:]
        return heard[:, AROUSAL].unflatten(0, (-1, FEATURES_PER_FRAME)).mean(1)

    @property
    def lip_past(self) -> int:
        """Frames of speech before a frame that its [`lips`] hear; they ask whether the frame before it is closed."""
        return max(self.lip_decoder.context, self.lip_gates.past)

    @property
    def lip_future(self) -> int:
        """Frames of speech after a frame that its [`lips`] hear."""
        return max(self.lip_decoder.context, self.lip_gates.future)

    @apply_forward_hook
    def start(
        self,
        generators: Sequence[torch.Generator | None] = (None,),
        diversity: float = 1.0,
        expressiveness: float = 1.0,
        follow_arousal: bool = False,
    ) -> AnimationStream:
        """Begin takes of one sound whose features come bit by bit; see [`AnimationStream`] for the arguments."""
        return AnimationStream(self, generators, diversity, expressiveness, follow_arousal)

    def sample(
        self,
        features: Tensor,
        generator: torch.Generator | None = None,
        diversity: float = 1.0,
        expressiveness: float = 1.0,
    ) -> Tensor:
        """
        Draw the animation for one clip.

        Args:
            features (`Tensor` of shape `(2 * frames, audio_dim + 4)`): The audio encoder's features at 50 Hz, and the
                rows of [`prosody`] as further columns.
            generator (`torch.Generator`, *optional*): The only source of randomness; a CPU generator gives the same
                draw on every device.
            diversity (`float`, defaults to 1.0): Scale of the learned spread, in [0, 2]; at 0 no seed matters.
            expressiveness (`float`, defaults to 1.0): Scale of what head, eyes and brows do, in [0, 2].

        Returns:
            `Tensor` of shape `(frames, 58)`: Coefficients at 25 fps.
        """
        take = self.start([generator], diversity, expressiveness)
        return torch.cat([take.push(features), take.finish()], dim=1)[0]
