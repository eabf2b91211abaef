"""Speech encoded step by step, beside the encoder at once."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from transformers import Wav2Vec2Config, Wav2Vec2Model

from dirfa_pipeline import AnimationSampler, load_audio
from dirfa_pipeline.bundled import bundled_weights
from dirfa_pipeline.media.audio import WHOLE_GRID
from dirfa_pipeline.media.audio_stream import LIVE_PAST, encoder_inputs, live_grid
from dirfa_pipeline.models.speech_features import encoder_field, speech_features
from dirfa_pipeline.models.speech_stream import SpeechStream


SPEECH = Path(__file__).parents[2] / "dirfa_pipeline" / "examples" / "speech.flac"
KINDS = {
    "as the bundled one": {"feat_extract_norm": "layer", "do_stable_layer_norm": True},
    "as wav2vec2-base": {"feat_extract_norm": "group", "do_stable_layer_norm": False},
    "as wav2vec2-large-lv60": {"feat_extract_norm": "layer", "do_stable_layer_norm": False},
}


def toy_encoder(**kind: object) -> Wav2Vec2Model:
    torch.manual_seed(0)
    config = Wav2Vec2Config(
        hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32, conv_dim=[16, 16, 16],
        conv_kernel=[320, 4, 3], conv_stride=[80, 2, 2], num_feat_extract_layers=3, num_conv_pos_embeddings=15,
        num_conv_pos_embedding_groups=2, **kind,
    )  # fmt: skip
    return Wav2Vec2Model(config).eval()


def noise(seconds: float) -> np.ndarray:
    return 0.1 * np.random.default_rng(1).standard_normal(round(16_000 * seconds)).astype(np.float32)


def stepped(encoder: Wav2Vec2Model, wave: np.ndarray, lookahead: int) -> Tensor:
    stream = SpeechStream(encoder, "cpu")
    steps = encoder_inputs([wave], live_grid(lookahead, stream.past), encoder_field(encoder))
    return torch.cat([stream.push(samples, keep)[0] for samples, keep in steps])


@pytest.mark.parametrize("kind", KINDS)
def test_one_step_is_the_encoder_itself(kind: str) -> None:
    encoder, wave = toy_encoder(**KINDS[kind]), noise(1.0)
    whole = speech_features(encoder, wave, "cpu")
    final, preview = SpeechStream(encoder, "cpu").push(wave, slice(0, 20))
    assert len(final) == 20
    torch.testing.assert_close(torch.cat([final, preview]), whole, rtol=0.0, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_steps_give_each_feature_once(kind: str) -> None:
    encoder = toy_encoder(**KINDS[kind])
    assert stepped(encoder, noise(3.0), 12).shape == (150, 16 + 4)


def test_what_is_said_before_is_remembered_and_then_forgotten() -> None:
    """Another beginning changes what is encoded a second later, and nothing once each layer has forgotten it."""
    encoder, wave = toy_encoder(**KINDS["as the bundled one"]), noise(12.0)
    other = wave.copy()
    other[:8000] *= -0.5
    change = (stepped(encoder, wave, 12) - stepped(encoder, other, 12)).abs().amax(1)
    assert change[75:100].max() > 1e-4
    forgotten = 25 + 2 * (LIVE_PAST + 20)
    assert change[forgotten:].max() < 1e-6


def test_provisional_features_change_nothing_later() -> None:
    """A step whose following sound turned out otherwise leaves no trace but in its own features."""
    encoder, wave = toy_encoder(**KINDS["as the bundled one"]), noise(1.0)
    one, other = SpeechStream(encoder, "cpu"), SpeechStream(encoder, "cpu")
    one.push(wave, slice(0, 10))
    other.push(wave[: 10 * 320 + encoder_field(encoder) - 320], slice(0, 10))
    assert [len(kept[0]) for kept in (*one._keys, one._near)] == [len(kept[0]) for kept in (*other._keys, other._near)]
    assert len(one._keys[0][0]) == 10


def test_shipped_encoder_hears_the_same_in_steps() -> None:
    """Most features of 20 ms are of the same viseme as in whole windows; those of another second are not."""
    encoder = Wav2Vec2Model.from_pretrained(bundled_weights() / "audio_encoder").eval()
    sampler = AnimationSampler.from_pretrained(bundled_weights() / "animation_sampler").eval()
    wave = load_audio(SPEECH).mono(16_000)
    windows = encoder_inputs([wave], WHOLE_GRID, encoder_field(encoder))
    whole = torch.cat([speech_features(encoder, samples, "cpu")[keep] for samples, keep in windows])
    parts = (stepped(encoder, wave, 12), whole)
    guess, expected = (sampler.speech(features[:, :-4])[:, :-1].argmax(1) for features in parts)
    same, shifted = (float((guess == other).float().mean()) for other in (expected, expected.roll(50)))
    assert same > 0.85 and shifted < 0.4, (same, shifted)
