"""Training at toy size, by the real scripts: corpus, encoder with resume, tracks, sampler."""

import contextlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from safetensors.torch import load_file
from tiny import WEIGHTS, tiny_sampler
from track_files import write_shards
from transformers import Wav2Vec2Model

from dirfa_pipeline import Animation, AnimationSampler, AudioClip, DirfaPipeline, InputError, Portrait
from dirfa_pipeline.animation.coefficients import COEFFICIENT_NAMES
from dirfa_pipeline.capture.tracking import to_grid
from dirfa_pipeline.evaluation.beats import Loudness
from dirfa_pipeline.face.measures import eye_openness
from dirfa_pipeline.models.gestures import NUM_DRAWN
from dirfa_pipeline.models.motion_channels import MOTION_NAMES, NUM_MOTIONS
from dirfa_pipeline.models.sound_events import NUM_CUES, SoundEvent
from dirfa_pipeline.models.speech_head import VISEME_NAMES
from dirfa_pipeline.training import assemble_pipeline, augment, train_animation_sampler, train_audio_encoder
from dirfa_pipeline.training.corpus_file import save_corpus
from dirfa_pipeline.training.held_out import is_held_out, is_validation_speaker, split_clips
from dirfa_pipeline.training.lip_stage import LipExample, LipGeometry, train_lips
from dirfa_pipeline.training.loop import Schedule, TrainingError, TrainingRun
from dirfa_pipeline.training.motion_data import TrackedClip, find_blinks, motion_channels, style_of
from dirfa_pipeline.training.motion_stage import MotionExample, train_motion
from dirfa_pipeline.training.speech_corpus import SpeechCorpus, frame_labels
from dirfa_pipeline.training.speech_model import SpeechModel, encoder_config, log_mel
from dirfa_pipeline.training.track_shards import read_shards
from dirfa_pipeline.training.tracked_clip import flag_cuts
from dirfa_pipeline.training.utterance import Utterance


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    rng = np.random.default_rng(0)
    segments = [(0, 0.0, 0.3), (1, 0.3, 0.4), (12, 0.4, 0.8), (2, 0.8, 0.9), (8, 0.9, 1.4)]
    speakers = ("a", "b", next(f"v{i}" for i in range(1000) if is_validation_speaker(f"v{i}")))
    items = [Utterance((3000 * rng.standard_normal(24_000)).astype(np.int16), segments, name) for name in speakers]
    save_corpus(items, folder / "speechocean.npz")
    return folder


def encoder_arguments(corpus: Path, run: Path, steps: int) -> list[str]:
    sizes = ["--batch", "2", "--seconds", "0.8", "--hidden", "64", "--layers", "1"]
    sizes += ["--validate-every", "1"]
    return ["--corpus", str(corpus), "--run", str(run), "--steps", str(steps), *sizes]


def test_closure_target_is_soft_at_its_edges() -> None:
    centres = np.array([0.085, 0.105, 0.15, 0.195, 0.21, 0.25])
    visemes, closure = frame_labels(np.array([1], np.int8), np.array([[0.1, 0.2]], np.float32), centres)
    np.testing.assert_allclose(closure, [0.25, 1, 1, 1, 0.5, 0], atol=1e-3)
    assert visemes.tolist() == [0, 1, 1, 1, 0, 0]


def test_noise_keeps_its_ratio() -> None:
    wave = torch.sin(torch.arange(16_000) * 0.1)[None]
    noisy = augment.add_noise(wave, torch.ones(1, 16_000), torch.tensor([10.0]))
    ratio = 10 * torch.log10(wave.square().mean() / (noisy - wave).square().mean())
    assert ratio.item() == pytest.approx(10.0, abs=0.01)


@pytest.mark.parametrize("change", [augment.add_reverb, augment.band_limit, augment.compress, augment.degrade])
def test_augmentation_keeps_shape_and_follows_its_generator(change: Callable[..., torch.Tensor]) -> None:
    waves = 0.1 * torch.randn(4, 8_000, generator=torch.Generator().manual_seed(0))
    first, second, other = (change(waves, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert first.shape == waves.shape
    assert first.isfinite().all()
    assert torch.equal(first, second)
    assert not torch.equal(first, other)


def test_telephone_keeps_its_band() -> None:
    time = torch.arange(16_000) / 16_000
    tones = torch.stack([torch.sin(2 * torch.pi * hertz * time) for hertz in (1000.0, 7800.0)] * 20)
    power = augment.band_limit(tones, torch.Generator().manual_seed(0)).square().mean(1)
    assert (power[::2] > 0.45).all()
    assert (power[1::2] < 0.001).all()


def test_crops_and_log_mel_agree_in_length(corpus: Path) -> None:
    batch = SpeechCorpus([corpus / "speechocean.npz"]).batch(2, 1.0, torch.Generator().manual_seed(0))
    model = SpeechModel(encoder_config(64, 1)).eval()
    assert batch.visemes.shape == batch.closure.shape == (2, 50)
    assert log_mel(batch.waveforms).shape == (2, 50, 160)
    visemes, closure, mel = model(batch.waveforms)
    assert visemes.shape == (2, 50, len(VISEME_NAMES))
    assert closure.shape == (2, 50)
    assert mel.shape == (2, 50, 160)


def test_crops_carry_the_labels_of_their_time(tmp_path: Path) -> None:
    """A recording whose loudness tells its class: labels must follow the sound through every crop and speed."""
    loud = np.repeat([0, 10_000, 0, 10_000], 8_000) * np.resize([1, -1], 32_000)
    segments = [(0, 0.0, 0.5), (12, 0.5, 1.0), (0, 1.0, 1.5), (12, 1.5, 2.0)]
    save_corpus([Utterance(loud.astype(np.int16), segments, "a")], tmp_path / "tone.npz")
    corpus = SpeechCorpus([tmp_path / "tone.npz"])
    for seed in range(4):
        batch = corpus.batch(8, 1.0, torch.Generator().manual_seed(seed))
        power = batch.clean[:, 280:][:, : 50 * 320].unflatten(1, (50, 320)).square().mean(-1)
        agree = (power > 0.005) == (batch.visemes == 12)
        assert agree.float().mean() > 0.9


def test_validation_speakers_are_never_trained_on(corpus: Path) -> None:
    path = [corpus / "speechocean.npz"]
    assert SpeechCorpus(path).hours() == pytest.approx(2 * SpeechCorpus(path, validation=True).hours())
    with pytest.raises(ValueError, match="no speech to train on"):
        SpeechCorpus([])


def test_encoder_trains(corpus: Path, tmp_path: Path) -> None:
    train_audio_encoder.main([*encoder_arguments(corpus, tmp_path, 2), "--output", str(tmp_path / "out")])
    encoder = Wav2Vec2Model.from_pretrained(tmp_path / "out" / "audio_encoder")
    assert encoder.config.feat_extract_norm == "layer"
    assert load_file(tmp_path / "speech_head.safetensors")["visemes.weight"].shape == (len(VISEME_NAMES), 64)
    assert list((tmp_path / "curves").glob("events.out.tfevents*"))
    latest = tmp_path / "encoder-latest"  # of the last step: what was saved in the end
    for name in ("audio_encoder/model.safetensors", "speech_head.safetensors"):
        saved = load_file(tmp_path / "out" / name if "/" in name else tmp_path / name)
        assert all(torch.equal(tensor, saved[key]) for key, tensor in load_file(latest / name).items())
    Wav2Vec2Model.from_pretrained(latest / "audio_encoder")
    assert not list(tmp_path.glob("*.part"))


def test_a_trained_encoder_goes_on(corpus: Path, tmp_path: Path) -> None:
    first, later = tmp_path / "first", tmp_path / "later"
    train_audio_encoder.main([*encoder_arguments(corpus, first, 2), "--output", str(first)])
    start = ["--start", str(first), "--speech-head", str(first / "speech_head.safetensors")]
    train_audio_encoder.main([*encoder_arguments(corpus, later, 2), *start, "--output", str(later)])
    before, after = (load_file(folder / "audio_encoder" / "model.safetensors") for folder in (first, later))
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed
    assert not any(name.startswith("feature_extractor") for name in changed)
    with pytest.raises(SystemExit):
        train_audio_encoder.main([*encoder_arguments(corpus, later, 2), "--start", str(first)])


def launch(script: str, arguments: list[str]) -> str:
    """Run a training script on two processes; returns what it logged."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command += ["-m", "--", f"dirfa_pipeline.training.{script}", *arguments]
    environment = os.environ | {"ACCELERATE_USE_CPU": "true"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, env=environment)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stderr.count("one of 2 processes") == 2  # a launcher may well start one process without a word
    return done.stderr


@pytest.mark.slow
def test_two_processes_train_one_encoder(corpus: Path, tmp_path: Path) -> None:
    launch("train_audio_encoder", [*encoder_arguments(corpus, tmp_path, 2), "--accumulate", "2"])
    assert torch.load(tmp_path / "encoder.pt", weights_only=True)["step"] == 2


def toy_run(
    folder: Path, stop: int | None = None, broken: str = "", accelerator: Accelerator | None = None
) -> list[float]:
    """Losses of a linear model learning to add; stops after `stop` steps as if it were killed."""
    torch.manual_seed(0)
    schedule = Schedule(8, 1e-2, accumulate=2, checkpoint_every=2)
    run = TrainingRun("sum", torch.nn.Linear(4, 1), schedule, accelerator or Accelerator(cpu=True), folder)
    losses = []
    for generator in run:
        if run.step == stop:
            break
        numbers = torch.rand(16, 4, generator=generator)
        loss = (run.model(numbers).squeeze(-1) - numbers.sum(1)).square().mean()
        losses.append(loss.item())
        if broken == "loss" and run.step == 5:
            loss = loss * torch.nan
        if broken == "gradient" and run.step == 5:  # the slope of a root at zero
            loss = loss + (0.0 * run.model.weight.sum()).sqrt()
        run.update({"square": loss})
    return losses


@pytest.mark.parametrize("device", ["cpu", "cpu:0"])  # the latter is that of one among several processes
def test_an_interrupted_run_goes_on_to_the_same_losses(
    device: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Accelerator, "device", torch.device(device))
    whole = toy_run(tmp_path / "whole")
    assert len(whole) == 16
    first = toy_run(tmp_path / "broken", stop=5)  # the checkpoint is that of step 4
    assert first == whole[:10]
    assert toy_run(tmp_path / "broken") == whole[8:]


def test_the_scale_of_the_loss_goes_on(tmp_path: Path) -> None:
    """Under fp16, whose scaler CPUs have, too: it doubles with every step."""
    scales = []
    for stop in (4, None):
        accelerator = Accelerator(cpu=True)
        accelerator.scaler = torch.amp.GradScaler("cpu", init_scale=8.0, growth_interval=1)
        accelerator.native_amp = True
        toy_run(tmp_path, stop, accelerator=accelerator)
        scales.append(accelerator.scaler.get_scale())
    assert scales == [8.0 * 2**4, 8.0 * 2**8]


def test_encoders_are_validated_once_a_step(corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[object] = []
    monkeypatch.setattr(train_audio_encoder, "validate", lambda *arguments: seen.append(arguments) or {})
    train_audio_encoder.main([*encoder_arguments(corpus, tmp_path, 2), "--accumulate", "3", "--validate-every", "1"])
    assert len(seen) == 2


@pytest.mark.parametrize("helps", [True, False])
def test_the_best_validation_is_kept(helps: bool, tmp_path: Path) -> None:
    model = torch.nn.Linear(1, 1, bias=False)
    torch.nn.init.zeros_(model.weight)
    schedule = Schedule(6, 0.1, validate_every=1)

    def validate(average: torch.nn.Module) -> dict[str, float]:
        weight = next(average.parameters()).item()
        return {"distance": abs(1.0 - weight)}

    run = TrainingRun("weight", model, schedule, Accelerator(cpu=True), tmp_path, validate=validate)
    for _ in run:
        run.update({"loss": (run.model.weight - (1.0 if helps else -1.0)).square().sum()})
    again = TrainingRun("weight", model, schedule, Accelerator(cpu=True), tmp_path, validate=validate)
    assert torch.equal(again.best["weight"], run.best["weight"])
    if helps:
        assert torch.equal(run.best["weight"], run.average.weight)
    else:
        assert run.best["weight"].item() == 0.0, "what it began with was better"


def test_a_run_of_another_length_is_not_gone_on_with(tmp_path: Path) -> None:
    toy_run(tmp_path)
    with pytest.raises(TrainingError, match=r"sum.pt is from a run of 8 steps, not 9; remove it"):
        TrainingRun("sum", torch.nn.Linear(4, 1), Schedule(9, 1e-2), Accelerator(cpu=True), tmp_path)


@pytest.mark.parametrize("broken", ["loss", "gradient"])
def test_what_is_not_finite_stops_training_and_names_the_step(broken: str, tmp_path: Path) -> None:
    """The last good checkpoint stays, and training goes on from it."""
    with pytest.raises(TrainingError, match=rf"{broken} of step 6 is not finite: .*nan.*; step 4 is saved in "):
        toy_run(tmp_path, broken=broken)
    saved = torch.load(tmp_path / "sum.pt", weights_only=True)
    assert saved["step"] == 4
    assert all(value.isfinite().all() for value in saved["model"].values())
    assert toy_run(tmp_path) == toy_run(tmp_path / "whole")[8:]


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


def clip_of(name: str, speaker: str = "") -> TrackedClip:
    """A clip of half a second in which nothing moves."""
    still = np.zeros((12, 58), np.float32)
    return TrackedClip(name, still, np.ones(12, bool), np.ones(12, np.float32), None, name.split("/")[0], speaker)


def test_held_out_clips_stay_out() -> None:
    names = [f"in_the_wild/{name}" for name in ("KristiNoem", "latentsync_2", "retalking_4")]
    names += ["grid_others/bbaf2n", "silent/liveportrait_d0", *(f"grid_s1/clip{index:03d}" for index in range(30))]
    training, validation = split_clips(map(clip_of, names))
    assert not any(is_held_out(Path(clip.name)) for clip in training + validation)
    assert len(training) == 6
    assert len(validation) == 26


@pytest.mark.parametrize(("clips", "kept"), [(0, 0), (1, 1), (2, 1), (9, 1), (25, 2)])
def test_clips_of_your_own_are_divided(clips: int, kept: int) -> None:
    training, validation = split_clips([clip_of(f"mine/{index:02d}") for index in range(clips)])
    assert (len(training), len(validation)) == (clips - kept, kept)


def test_sources_that_name_people_are_divided_by_person() -> None:
    clips = [clip_of(f"vox/id{i % 60:05d}/video/{i:05d}", f"id{i % 60:05d}") for i in range(240)]
    training, validation = split_clips(clips)
    people = [{clip.speaker for clip in part} for part in (training, validation)]
    assert people[1]
    assert not people[0] & people[1]
    assert len(training) + len(validation) == 240


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
        source = name.split("/")[0]
        clip = TrackedClip(
            name, animation.coefficients, np.ones(100, bool),
            eye_openness(portrait.face.vertices(animation.coefficients)).astype(np.float32),
            (0.25 * rng.standard_normal(64_000)).clip(-1, 1).astype(np.float32), source,
        )  # fmt: skip
        if source == "silent":
            clip = replace(clip, audio=None, teaches=("motion",))
        write_shards(folder, name.replace("/", "-"), [clip])
    return folder


def test_blinks_and_styles_are_read_from_tracks(tracks: Path) -> None:
    clip = next(read_shards(tracks))
    assert clip.name == "in_the_wild/a"
    assert [peak % 40 in (20, 21, 22) for peak in find_blinks(clip)] == [True, True]
    calm, lively = torch.zeros(50, NUM_MOTIONS), torch.randn(50, NUM_MOTIONS)
    assert (style_of(calm) < style_of(lively)).all()


def test_lids_hang_between_blinks_only(tracks: Path) -> None:
    """A blink is no hanging lid; what the lids do between two blinks is."""
    clip = next(read_shards(tracks))
    lids = MOTION_NAMES.index("lids")
    assert motion_channels(clip)[:, lids].abs().max() == 0.0
    columns = [COEFFICIENT_NAMES.index(name) for name in ("eyeBlinkLeft", "eyeBlinkRight")]
    coefficients = clip.coefficients.copy()
    coefficients[5:10, columns] = 0.2
    hanging = motion_channels(replace(clip, coefficients=coefficients))[:, lids]
    torch.testing.assert_close(hanging[5:10], torch.full((5,), 0.2))
    assert hanging[30:].abs().max() == 0.0


@pytest.fixture(scope="module")
def encoder(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a hardly trained encoder, its read-out and the real face parts."""
    folder = tmp_path_factory.mktemp("encoder")
    train_audio_encoder.main([*encoder_arguments(corpus, folder, 1), "--output", str(folder)])
    for part in ("face_model", "face_renderer"):
        shutil.copytree(WEIGHTS / part, folder / part)
    return folder


def sampler_arguments(tracks: Path, encoder: Path, folder: Path, lip_steps: int, motion_steps: int) -> list[str]:
    paths = {"tracks": tracks, "weights": encoder, "speech-head": encoder / "speech_head.safetensors", "run": folder}
    numbers = {"lip-steps": lip_steps, "motion-steps": motion_steps, "output": folder / "animation_sampler"}
    return [text for name, value in (paths | numbers).items() for text in (f"--{name}", str(value))]


@pytest.mark.slow
def test_sampler_trains_and_joins_a_pipeline(tracks: Path, encoder: Path, tmp_path: Path) -> None:
    arguments = sampler_arguments(tracks, encoder, tmp_path, 2, 2)
    train_animation_sampler.main(arguments)
    sampler = AnimationSampler.from_pretrained(tmp_path / "animation_sampler")
    assert sampler.blink_shape.max() == 1.0
    assert list((tmp_path / "curves").glob("events.out.tfevents*"))
    for part in ("audio_encoder", "feature_extractor", "face_model", "face_renderer"):
        shutil.copytree(encoder / part, tmp_path / part)
    assemble_pipeline.main(["--weights", str(tmp_path)])
    pipe = DirfaPipeline.from_pretrained(tmp_path)
    sound = np.random.default_rng(0).standard_normal(16_000).astype(np.float32)
    assert len(pipe(audio=(16_000, 0.1 * sound), output_type="animation").animation[0]) == 25


@pytest.mark.slow
def test_lips_are_trained_alone_for_the_motion_of_another(tracks: Path, encoder: Path, tmp_path: Path) -> None:
    shipped = WEIGHTS / "animation_sampler"
    train_animation_sampler.main([*sampler_arguments(tracks, encoder, tmp_path, 2, 0), "--motion-of", str(shipped)])
    old, new = (AnimationSampler.from_pretrained(path).state_dict() for path in (shipped, tmp_path / shipped.name))
    changed = {name.split(".")[0] for name in old if not torch.equal(old[name], new[name])}
    assert changed == {"speech_head", "lip_decoder", "closed_lips"}


def test_motion_of_another_size_is_refused() -> None:
    wide = AnimationSampler(dim=128)
    with pytest.raises(InputError, match="a sampler of the same --size"):
        train_animation_sampler.take_motion(wide, WEIGHTS / "animation_sampler")


def train_killed(arguments: list[str], checkpoint: Path) -> None:
    """Train in a process of its own, in as many threads as here, and kill it as soon as there is a checkpoint."""
    command = [sys.executable, "-m", "dirfa_pipeline.training.train_animation_sampler", *arguments]
    threads = {"OMP_NUM_THREADS": str(torch.get_num_threads())}  # two threads add in another order than one
    with subprocess.Popen(command, stderr=subprocess.DEVNULL, env=os.environ | threads) as process:
        while not checkpoint.exists():
            assert process.poll() is None, "ended before it could be killed"
            time.sleep(0.02)
        process.kill()


@pytest.mark.slow
def test_a_killed_sampler_ends_as_if_nothing_had_been(tracks: Path, encoder: Path, tmp_path: Path) -> None:
    whole, killed = (sampler_arguments(tracks, encoder, tmp_path / name, 4, 40) for name in ("whole", "killed"))
    train_animation_sampler.main(whole)
    train_killed(killed, tmp_path / "killed" / "motion.pt")
    step = torch.load(tmp_path / "killed" / "motion.pt", weights_only=True)["step"]
    assert 0 < step < 40
    latest = AnimationSampler.from_pretrained(tmp_path / "killed" / "motion-latest")
    ear = Wav2Vec2Model.from_pretrained(encoder / "audio_encoder")
    pipe = DirfaPipeline.from_pretrained(WEIGHTS, audio_encoder=ear, animation_sampler=latest)
    sound = np.random.default_rng(0).standard_normal(16_000).astype(np.float32)
    assert len(pipe.sample_animation(AudioClip(0.1 * sound[None], 16_000), diversity=0.0)) == 25
    train_animation_sampler.main(killed)
    assert not list((tmp_path / "killed").glob("*-latest")), "the whole is saved"
    first, second = (
        AnimationSampler.from_pretrained(tmp_path / name / "animation_sampler").state_dict()
        for name in ("whole", "killed")
    )
    assert all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.slow
def test_two_processes_train_one_sampler(tracks: Path, encoder: Path, tmp_path: Path) -> None:
    arguments = sampler_arguments(tracks, encoder, tmp_path, 2, 2)
    log = launch("train_animation_sampler", [*arguments, "--accumulate", "2", "--mixed-precision", "bf16"])
    assert log.count("saved") == 1
    assert AnimationSampler.from_pretrained(tmp_path / "animation_sampler").blink_shape.max() == 1.0


def test_clips_of_few_good_frames_are_left_out(tracks: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    shutil.copytree(tracks, tmp_path / "tracks")
    lost = replace(next(read_shards(tracks)), name="mine/lost", valid=np.zeros(100, bool))
    write_shards(tmp_path / "tracks", "mine", [lost, replace(lost, name="mine/lost-too")])
    with caplog.at_level("INFO"):
        parts = train_animation_sampler.read_clips(tmp_path / "tracks")
    assert [len(part) for part in parts] == [2, 2]
    assert "2 left out: fewer than 50 good frames, or less than 60% of all (mine/lost, ...)" in caplog.text


@pytest.mark.parametrize(("channel", "kind"), [("lips", "sound"), ("motion", "moving heads")])
def test_tracks_that_cannot_teach_are_refused(tracks: Path, tmp_path: Path, channel: str, kind: str) -> None:
    clips = list(read_shards(tracks))
    write_shards(
        tmp_path,
        "set",
        [replace(clip, teaches=tuple(name for name in clip.teaches if name != channel)) for clip in clips],
    )
    with pytest.raises(InputError, match=rf"must hold clips with .*{kind} .*to train on; of its 2 good ones"):
        train_animation_sampler.read_clips(tmp_path)


class Recorded(TrainingRun):
    """Writes down its losses, and stops at a step as if it were killed."""

    losses: list[dict[str, float]]
    stop: int | None = None

    def update(self, terms: dict[str, torch.Tensor], clips: int = 0, tokens: int = 0) -> None:
        if self.step == self.stop:
            raise KeyboardInterrupt
        self.losses.append({name: term.item() for name, term in terms.items()})
        super().update(terms, clips, tokens)


@pytest.mark.parametrize("stage", train_animation_sampler.STAGES)
def test_an_interrupted_stage_goes_on_to_the_same_losses(stage: str, tmp_path: Path) -> None:
    generator = torch.Generator().manual_seed(0)
    sampler = tiny_sampler()
    heard = torch.rand(160, sampler.heard_dim, generator=generator)
    lips = LipExample(
        "set/clip", "set", heard[:, : sampler.lip_dim], torch.rand(80, 29, generator=generator),
        torch.ones(80, dtype=torch.bool),
    )  # fmt: skip
    events = [SoundEvent(row, "accent", np.zeros(NUM_CUES, np.float32)) for row in range(0, 160, 20)]
    numbers = [torch.randn(8, *shape, generator=generator) for shape in ((NUM_CUES,), (5, sampler.heard_dim))]
    moving = MotionExample(
        "set/clip", *numbers, torch.randn(8, NUM_DRAWN, generator=generator), torch.zeros(8, NUM_MOTIONS),
        torch.zeros(8), torch.zeros(2), torch.zeros(80, NUM_MOTIONS), heard, events,
        Loudness(np.zeros(80), np.zeros(80)),
    )  # fmt: skip

    def losses(folder: Path, stop: int | None = None) -> list[dict[str, float]]:
        sampler, run = tiny_sampler(), type("Run", (Recorded,), {"losses": [], "stop": stop})
        start = partial(run, accelerator=Accelerator(cpu=True), folder=folder, seed=3)
        schedule = Schedule(6, 1e-3, checkpoint_every=2, validate_every=2)
        with contextlib.suppress(KeyboardInterrupt):
            if stage == "lips":
                geometry = LipGeometry(torch.eye(29), torch.ones(29), torch.ones(29))
                train_lips(sampler, [lips], [lips], geometry, schedule, start)
            else:
                train_motion(sampler, [moving], [moving], schedule, start)
        return run.losses

    whole = losses(tmp_path / "whole")
    assert losses(tmp_path / "killed", stop=3) == whole[:3]
    assert losses(tmp_path / "killed") == whole[2:], "the checkpoint is that of step 2"
