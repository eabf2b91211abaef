"""Dubbing: a video keeps its pixels but those of the lower face, whose lips follow the new speech."""

from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
import torch
from media_files import speech, write_media
from tiny import tiny_pipeline

from dirfa_pipeline import Animation, FaceModel, FaceNotFoundError, FaceRenderer, InputError, Portrait, write_video
from dirfa_pipeline.capture.detector import FaceDetector
from dirfa_pipeline.capture.films import FilmedFace, film_face, find_jumps
from dirfa_pipeline.cli import BAD_INPUT, DONE, main
from dirfa_pipeline.face.measures import whole_lip_aperture
from dirfa_pipeline.media.video import read_video
from dirfa_pipeline.rendering.redraw import lower_face


FRAMES = 20
BLANK = slice(8, 14)  # frames without a face: more than a lost one is bridged


@pytest.fixture(scope="module")
def clip(
    astronaut: Path, face_model: FaceModel, renderer: FaceRenderer, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The bundled photo, whose head turns and whose mouth opens and shuts, and a blank screen between."""
    time = np.arange(FRAMES) / 25
    motion = Animation.from_curves(
        FRAMES, jawOpen=0.3 - 0.3 * np.cos(9 * time), yaw=0.15 * np.sin(5 * time), x=0.05 * np.sin(4 * time)
    )
    portrait = Portrait.from_image(astronaut, face_model, max_size=512)
    frames = renderer.render(renderer.prepare(portrait), motion.coefficients)
    frames[BLANK] = 90
    path = tmp_path_factory.mktemp("dubbing") / "clip.mp4"
    write_video(path, frames, 25, crf=10, marks=None)
    return path


@pytest.fixture(scope="module")
def film(clip: Path, face_model: FaceModel) -> FilmedFace:
    return film_face(clip, face_model)


def test_only_the_lower_face_changes(clip: Path, film: FilmedFace, renderer: FaceRenderer) -> None:
    assert film.shown.tolist() == [not BLANK.start <= index < BLANK.stop for index in range(FRAMES)]
    dubbed = list(renderer.redraw(film, Animation.from_curves(FRAMES, jawOpen=0.35)))
    assert len(dubbed) == FRAMES
    for index, (before, after) in enumerate(zip(read_video(clip).frames, dubbed, strict=True)):
        if not film.shown[index]:
            np.testing.assert_array_equal(after, before)
            continue
        window, mask = lower_face(film.landmarks[index], film.face(index).scale, before.shape[:2])
        outside = np.ones(before.shape[:2], bool)
        outside[window] = mask == 0.0
        assert 0.7 < outside.mean() < 1.0
        np.testing.assert_array_equal(after[outside], before[outside])
        # Eyes and brows lie outside.
        rows = film.landmarks[index][[33, 263, 145, 374], 1].round().astype(int)
        assert outside[: rows.max() + 1].all()


@pytest.mark.parametrize(("jaw", "least", "most"), [(0.0, 0.0, 0.04), (0.45, 0.15, 0.30)])
def test_lips_are_those_of_the_new_speech(
    film: FilmedFace, renderer: FaceRenderer, jaw: float, least: float, most: float
) -> None:
    frames = list(renderer.redraw(film, Animation.from_curves(FRAMES, jawOpen=jaw)))
    with closing(FaceDetector()) as detector:
        gaps = np.array([
            whole_lip_aperture(detector.find_faces(frames[index])[0]) / film.face(index).scale
            for index in np.flatnonzero(film.shown)
        ])  # fmt: skip
    assert least <= np.percentile(gaps, 10) and gaps.mean() <= most, gaps
    # The clip's own mouth opens and shuts; next to nothing of that is left. In so small a mouth a landmark is off by
    # a pixel, .02, in any single frame.
    own = film.gaps[film.shown]
    assert np.ptp(own) > 0.12
    assert abs(np.polyfit(own, gaps, 1)[0]) < 0.3, (gaps, own)
    assert gaps.std() < 0.5 * own.std(), (gaps, own)


def test_the_pipeline_dubs_and_repeats(film: FilmedFace) -> None:
    pipeline = tiny_pipeline()
    takes = [
        np.stack(list(pipeline.dub(film, speech(0.6), generator=torch.Generator().manual_seed(3)))) for _ in range(2)
    ]
    assert takes[0].shape[0] == FRAMES
    np.testing.assert_array_equal(*takes)


def test_speech_longer_than_the_video(film: FilmedFace) -> None:
    assert film.fill_with_silence(speech(0.5)).duration == pytest.approx(FRAMES / 25)
    with pytest.raises(InputError, match=r"may not be longer than the video, got 2\.00 s for 0\.80 s; cut"):
        film.fill_with_silence(speech(2.0))


def test_the_command_writes_a_video(clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pipeline = tiny_pipeline()
    pipeline.save_pretrained(tmp_path / "weights")
    sound = write_media(tmp_path / "speech.wav", speech(0.7), "pcm_s16le")
    output = tmp_path / "dubbed.mp4"
    arguments = ["dub", str(clip), str(sound), "-o", str(output), "--weights", str(tmp_path / "weights")]
    assert main([*arguments, "--seed", "1"]) == DONE
    assert "6 of 20 frames show no usable face" in capsys.readouterr().err
    assert sum(1 for _ in read_video(output).frames) == FRAMES
    assert main(["dub", str(clip), str(sound), "-o", str(clip)]) == BAD_INPUT
    assert "would overwrite" in capsys.readouterr().err
    assert main([*arguments, "--crf", "60"]) == BAD_INPUT


def test_videos_that_cannot_be_dubbed(face_model: FaceModel, tmp_path: Path) -> None:
    blank = write_media(tmp_path / "blank.mp4", None, pictures=12)
    with pytest.raises(FaceNotFoundError, match="a face was found in 0 of 12 frames, at least 10"):
        film_face(blank, face_model)
    sound = write_media(tmp_path / "sound.wav", speech(1.0), "pcm_s16le")
    with pytest.raises(InputError, match="holds no pictures"):
        film_face(sound, face_model)
    with pytest.raises(InputError, match="cannot be read as a video"):
        film_face(tmp_path / "missing.mp4", face_model)


def test_nothing_smears_across_a_cut(
    astronaut: Path, face_model: FaceModel, renderer: FaceRenderer, tmp_path: Path
) -> None:
    """Two shots: the second one is mirrored and moved, as after a cut to another camera."""
    portrait = Portrait.from_image(astronaut, face_model, max_size=512)
    motion = Animation.from_curves(12, jawOpen=0.1 + 0.1 * np.sin(np.arange(12)))
    first = renderer.render(renderer.prepare(portrait), motion.coefficients)
    second = np.roll(first[:, :, ::-1], 60, axis=2)
    write_video(tmp_path / "cut.mp4", np.concatenate([first, second]), 25, crf=4, marks=None)
    film = film_face(tmp_path / "cut.mp4", face_model)
    assert film.shots == [slice(0, 12), slice(12, 24)]
    assert film.shown.all()
    with closing(FaceDetector()) as detector:
        for index, frame in ((11, first[11]), (12, second[0])):
            alone = detector.find_faces(np.ascontiguousarray(frame))[0]
            error = np.linalg.norm((film.landmarks[index] - alone)[:, :2], axis=1).mean()
            assert error < 0.06 * film.face(index).scale
    dubbed = list(renderer.redraw(film, Animation.from_curves(24, jawOpen=0.3)))
    for index, frame in ((11, first[11]), (12, second[0])):
        changed = np.abs(dubbed[index].astype(int) - frame).sum(2) > 30
        window, _ = lower_face(film.landmarks[index], film.face(index).scale, changed.shape)
        assert changed[window].sum() > 0.9 * changed.sum() > 100  # the mouth lies where the shot's own face is


def test_pieces_of_a_long_video_do_not_show(
    film: FilmedFace, clip: Path, face_model: FaceModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dirfa_pipeline.capture.films.PIECE", 3)
    pieces = film_face(clip, face_model)
    for index in np.flatnonzero(film.shown):
        np.testing.assert_allclose(pieces.landmarks[index], film.landmarks[index], atol=1e-3)
        np.testing.assert_allclose(pieces.face(index).shape, film.face(index).shape, atol=1e-4)


def test_a_face_that_jumps_is_a_cut_too() -> None:
    landmarks = np.random.default_rng(0).normal(scale=0.5, size=(40, 478, 3)).astype(np.float32)
    landmarks[:, 33, 0] -= 50
    landmarks[:, 263, 0] += 50
    landmarks[25:, :, 0] += 40
    landmarks[5] = np.nan
    assert find_jumps(landmarks) == [25]
