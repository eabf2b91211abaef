"""Real components at toy size."""

from pathlib import Path

import torch
from transformers import Wav2Vec2Config, Wav2Vec2FeatureExtractor, Wav2Vec2Model

from dirfa_pipeline import AnimationSampler, DirfaPipeline, FaceModel, FaceRenderer


WEIGHTS = Path(__file__).parents[1] / "weights" / "dirfa-base"


def tiny_audio_encoder() -> Wav2Vec2Model:
    """A one-layer encoder with the real strides."""
    torch.manual_seed(0)
    config = Wav2Vec2Config(
        hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32, conv_dim=(16, 16, 16),
        conv_kernel=(320, 4, 3), conv_stride=(80, 2, 2), num_feat_extract_layers=3, feat_extract_norm="layer",
        do_stable_layer_norm=True, num_conv_pos_embeddings=4, num_conv_pos_embedding_groups=2, vocab_size=8,
    )  # fmt: skip
    return Wav2Vec2Model(config).eval()


def tiny_sampler() -> AnimationSampler:
    """A one-layer sampler for the tiny encoder, with a blink that can be seen."""
    torch.manual_seed(0)
    sampler = AnimationSampler(audio_dim=32, lip_channels=16, dim=16, num_layers=1, num_heads=2, memory=6)
    sampler.blink_shape.data = torch.tensor([0, 0.2, 0.6, 0.9, 1.0, 1.0, 0.9, 0.7, 0.4, 0.2, 0.0])
    sampler.level_scale.data.fill_(0.02)
    sampler.cue_scale.unit.data.fill_(0.02)
    return sampler.eval()


def tiny_pipeline() -> DirfaPipeline:
    """A pipeline whose networks are tiny and whose face parts are the real ones."""
    pipeline = DirfaPipeline(
        feature_extractor=Wav2Vec2FeatureExtractor(do_normalize=False),
        audio_encoder=tiny_audio_encoder(),
        animation_sampler=tiny_sampler(),
        face_model=FaceModel.from_pretrained(WEIGHTS / "face_model"),
        face_renderer=FaceRenderer.from_pretrained(WEIGHTS / "face_renderer"),
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline
