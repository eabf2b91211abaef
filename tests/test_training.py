"""Training at toy size, by the real scripts: corpus, encoder in three stages with resume, tracks, sampler."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from tiny import WEIGHTS
from transformers import Wav2Vec2Model

from dirfa_pipeline import Animation, AnimationSampler, DirfaPipeline, Portrait
from dirfa_pipeline.metrics import eye_openness
from dirfa_pipeline.models.speech_head import VISEME_NAMES
from dirfa_pipeline.training import assemble_pipeline, train_animation_sampler, train_audio_encoder
from dirfa_pipeline.training.held_out import is_held_out, split_clips
from dirfa_pipeline.training.motion_data import find_blinks, fit_spline, load_clip, style_of
from dirfa_pipeline.training.prepare_speech import Utterance, align, save_corpus, split_diphthongs
from dirfa_pipeline.training.speech_corpus import SpeechCorpus, add_noise, frame_labels
from dirfa_pipeline.training.speech_model import SpeechModel, encoder_config
from dirfa_pipeline.training.track_videos import flag_cuts, to_grid
from dirfa_pipeline.training.visemes import ARPABET, arpabet_visemes, ipa_visemes


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    rng = np.random.default_rng(0)
    segments = [(0, 0.0, 0.3), (1, 0.3, 0.4), (12, 0.4, 0.8), (2, 0.8, 0.9), (8, 0.9, 1.4)]
    items = [Utterance((3000 * rng.standard_normal(24_000)).astype(np.int16), segments, "a") for _ in range(3)]
    save_corpus(items, folder / "speechocean.npz")
    return folder


def encoder_arguments(stage: str, corpus: Path, run: Path, steps: int) -> list[str]:
    sizes = ["--batch", "2", "--seconds", "0.8", "--hidden", "64", "--layers", "1"]
    return [stage, "--corpus", str(corpus), "--run", str(run), "--steps", str(steps), *sizes]


def test_every_phone_has_a_viseme() -> None:
    assert all(arpabet_visemes(phone) for phone in ARPABET)
    assert arpabet_visemes("AY1") == (VISEME_NAMES.index("open"), VISEME_NAMES.index("near_close"))
    assert ipa_visemes("tʃ") == (VISEME_NAMES.index("postalveolar"),)
    assert ipa_visemes("oː") == (VISEME_NAMES.index("round_mid"),)
    assert ipa_visemes("_:") == (0,)
    with pytest.raises(KeyError):
        arpabet_visemes("QQ")


def test_diphthongs_share_their_time() -> None:
    assert split_diphthongs([((12, 17), 1.0, 1.2)], offset=0.5) == [
        (12, pytest.approx(1.5), pytest.approx(1.6)),
        (17, pytest.approx(1.6), pytest.approx(1.7)),
    ]


def test_closure_target_is_soft_at_its_edges() -> None:
    centres = np.array([0.085, 0.105, 0.15, 0.195, 0.21, 0.25])
    visemes, closure = frame_labels(np.array([1], np.int8), np.array([[0.1, 0.2]], np.float32), centres)
    np.testing.assert_allclose(closure, [0.25, 1, 1, 1, 0.5, 0], atol=1e-3)
    assert visemes.tolist() == [0, 1, 1, 1, 0, 0]


def test_noise_keeps_its_ratio() -> None:
    wave = np.sin(np.arange(16_000) * 0.1).astype(np.float32)
    noisy = add_noise(wave, np.ones(16_000, np.float32), snr=10.0)
    assert 10 * np.log10(np.mean(wave**2) / np.mean((noisy - wave) ** 2)) == pytest.approx(10.0, abs=0.01)


def test_alignment_finds_the_words() -> None:
    from dirfa_pipeline.audio import load_audio

    speech = Path(__file__).parents[1] / "dirfa_pipeline" / "examples" / "speech.flac"
    samples = (load_audio(speech).mono(16_000) * 32767).astype(np.int16)
    phones = align(samples[: 16_000 * 3], "hello i am a picture that learned to speak")
    assert phones is not None
    names = [name for name, _, _ in phones if name != "SIL"]
    assert names[:3] == ["HH", "AH", "L"] or names[:3] == ["HH", "EH", "L"]
    assert align(samples, "zzyzx qqq") is None


def test_crops_and_log_mel_agree_in_length(corpus: Path) -> None:
    batch = SpeechCorpus([corpus / "speechocean.npz"]).batch(2, 1.0, np.random.default_rng(0))
    model = SpeechModel(encoder_config(64, 1)).eval()
    assert batch.visemes.shape == batch.closure.shape == (2, 50)
    assert model.log_mel(batch.waveforms).shape == (2, 50, 160)
    features, visemes, closure = model.from_wave(batch.waveforms)
    assert features.shape == (2, 50, 64)
    assert visemes.shape == (2, 50, len(VISEME_NAMES))
    assert closure.shape == (2, 50)


def test_encoder_trains_in_three_stages_and_resumes(corpus: Path, tmp_path: Path) -> None:
    for stage in ("teacher", "frontend"):
        train_audio_encoder.main(encoder_arguments(stage, corpus, tmp_path, 2))
    student = [*encoder_arguments("student", corpus, tmp_path, 2), "--output", str(tmp_path / "out")]
    train_audio_encoder.main(student)
    encoder = Wav2Vec2Model.from_pretrained(tmp_path / "out" / "audio_encoder")
    assert encoder.config.feat_extract_norm == "layer"
    assert load_file(tmp_path / "speech_head.safetensors")["visemes.weight"].shape == (len(VISEME_NAMES), 64)


def test_interrupted_training_goes_on_as_if_nothing_happened(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train_audio_encoder, "CHECKPOINT_EVERY", 2)
    whole = encoder_arguments("teacher", corpus, tmp_path / "whole", 4)
    train_audio_encoder.main(whole)
    broken = encoder_arguments("teacher", corpus, tmp_path / "broken", 4)
    real = train_audio_encoder.stage_loss
    calls = 0

    def fail_once(*arguments: object) -> dict[str, torch.Tensor]:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise KeyboardInterrupt
        return real(*arguments)

    monkeypatch.setattr(train_audio_encoder, "stage_loss", fail_once)
    with pytest.raises(KeyboardInterrupt):
        train_audio_encoder.main(broken)
    train_audio_encoder.main(broken)
    states = [torch.load(tmp_path / name / "teacher.pt", weights_only=True) for name in ("whole", "broken")]
    assert states[0]["step"] == states[1]["step"] == 4
    weights = [state["average"]["head.visemes.weight"] for state in states]
    torch.testing.assert_close(*weights, atol=2e-3, rtol=0.1)


def test_video_time_becomes_frame_time() -> None:
    times = np.arange(60) / 30
    landmarks = np.zeros((60, 478, 3), np.float32)
    landmarks[:, :, 0] = (times + 1 / 60)[:, None]  # each point's x is the instant it shows
    landmarks[20:40] = np.nan
    points, valid = to_grid(landmarks, times)
    assert len(points) == 50
    np.testing.assert_allclose(points[5, 0, 0], 5.5 / 25, atol=1e-5)
    assert valid[:15].all()
    assert not valid[22:28].any()


def test_cuts_are_not_valid() -> None:
    points = np.random.default_rng(0).normal(0, 0.01, (20, 478, 3))
    points[:, [362, 263], 0] += 10.0
    points[10:, :, 1] += 8.0
    valid = flag_cuts(points, np.ones(20, bool))
    assert np.flatnonzero(~valid).tolist() == [8, 9, 10, 11]


def test_spline_fit_follows_smooth_motion() -> None:
    time = torch.arange(100) / 25
    motion = torch.stack([torch.sin(2 * time), torch.cos(time)], dim=1)
    points = fit_spline(motion, torch.ones(100, dtype=torch.bool), stride=5, smoothness=1e-6)
    assert points.shape == (23, 2)
    from dirfa_pipeline.models.animation_stream import spline_weights

    frames = torch.einsum("sk,nck->nsc", spline_weights(5), points.unfold(0, 4, 1)).flatten(0, 1)
    torch.testing.assert_close(frames, motion, atol=5e-3, rtol=0.0)


def test_held_out_clips_stay_out() -> None:
    paths = [Path(f"in_the_wild/{name}.npz") for name in ("KristiNoem", "andrew_clip_1", "retalking_4")]
    paths += [Path("grid_others/bbaf2n.npz"), Path("silent/liveportrait_d0.npz")]
    paths += [Path(f"grid_s1/clip{index:03d}.npz") for index in range(30)]
    training, validation = split_clips(paths)
    assert not any(is_held_out(path) for path in training + validation)
    assert len(training) == 6
    assert len(validation) == 26


@pytest.fixture(scope="module")
def tracks(tmp_path_factory: pytest.TempPathFactory, portrait: Portrait) -> Path:
    """Tracked clips as `track_videos` writes them, of known motion."""
    folder = tmp_path_factory.mktemp("data") / "tracks"
    rng = np.random.default_rng(0)
    time = np.arange(100) / 25
    for name in ("in_the_wild/a", "in_the_wild/b", "in_the_wild/feifeili_clip3", "silent/styletalk_sad_emotion_clip1"):
        blink = np.isin(np.arange(100) % 40, (20, 21, 22)) * 1.0
        animation = Animation.from_curves(
            100, jawOpen=0.3 + 0.3 * np.sin(9 * time), yaw=0.1 * np.sin(time + rng.uniform(0, 6)),
            browInnerUp=0.2 + 0.1 * np.sin(2 * time), eyeBlinkLeft=blink, eyeBlinkRight=blink,
        )  # fmt: skip
        path = folder / f"{name}.npz"
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez(
            path, coefficients=animation.coefficients, valid=np.ones(100, bool),
            eye_openness=eye_openness(portrait.face.vertices(animation.coefficients)),
            audio=(8000 * rng.standard_normal(64_000)).astype(np.int16),
        )  # fmt: skip
    return folder


def test_blinks_and_styles_are_read_from_tracks(tracks: Path) -> None:
    clip = load_clip(tracks / "in_the_wild" / "a.npz", with_audio=False)
    assert [peak % 40 in (20, 21, 22) for peak in find_blinks(clip)] == [True, True]
    assert clip.audio is None
    calm, lively = torch.zeros(50, 14), torch.randn(50, 14)
    assert (style_of(calm) < style_of(lively)).all()


@pytest.mark.slow
def test_sampler_trains_and_joins_a_pipeline(tracks: Path, corpus: Path, tmp_path: Path) -> None:
    for stage in ("teacher", "frontend", "student"):
        arguments = [*encoder_arguments(stage, corpus, tmp_path, 1), "--output", str(tmp_path)]
        train_audio_encoder.main(arguments)
    for part in ("face_model", "face_renderer"):
        (tmp_path / part).symlink_to(WEIGHTS / part)
    arguments = ["--tracks", str(tracks), "--weights", str(tmp_path), "--output", str(tmp_path / "animation_sampler")]
    arguments += [
        "--speech-head",
        str(tmp_path / "speech_head.safetensors"),
        "--lip-steps",
        "2",
        "--motion-steps",
        "2",
    ]
    train_animation_sampler.main(arguments)
    sampler = AnimationSampler.from_pretrained(tmp_path / "animation_sampler")
    assert sampler.blink_shape.max() == 1.0
    for part in ("face_model", "face_renderer"):
        (tmp_path / part).unlink()
        (tmp_path / part).mkdir()
        for file in (WEIGHTS / part).iterdir():
            (tmp_path / part / file.name).write_bytes(file.read_bytes())
    assemble_pipeline.main(["--weights", str(tmp_path)])
    pipe = DirfaPipeline.from_pretrained(tmp_path)
    sound = np.random.default_rng(0).standard_normal(16_000).astype(np.float32)
    assert len(pipe(audio=(16_000, 0.1 * sound), output_type="animation").animation[0]) == 25
