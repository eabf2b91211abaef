"""Films and speeches of different lengths."""

import argparse
from pathlib import Path

import numpy as np
import pytest
from media_files import speech

from dirfa_pipeline import InputError, write_video
from dirfa_pipeline.capture.film_length import FITS, fit_lengths
from dirfa_pipeline.capture.films import FilmedFace
from dirfa_pipeline.commands.dub import add_parser


FRAMES, CUT_AT = 20, 12


@pytest.fixture
def film(tmp_path: Path) -> FilmedFace:
    """Two shots, of which the first shows a face; each frame is brighter than the one before."""
    greys = np.repeat(np.arange(30, 30 + 10 * FRAMES, 10, dtype=np.uint8), 64 * 64 * 3).reshape(FRAMES, 64, 64, 3)
    write_video(tmp_path / "film.mp4", greys, 25, crf=1, marks=None)
    film = FilmedFace(str(tmp_path / "film.mp4"), 25.0, FRAMES, [slice(0, CUT_AT), slice(CUT_AT, FRAMES)])
    film._people[0] = film._people[1] = object()
    film._frames["shown"][:CUT_AT] = True
    film._frames["shot"][CUT_AT:] = 1
    film._frames["gap"] = np.arange(FRAMES)
    film.landmarks[:] = np.arange(FRAMES)[:, None, None]
    return film


def shown(film: FilmedFace) -> list[int]:
    """The numbers of the video's frames, by their brightness."""
    return [round((int(picture[32, 32, 0]) - 30) / 10) for picture in film.pictures()]


EXPECTED = {
    ("film", 0.4): list(range(20)),
    ("cut", 0.4): list(range(10)),
    ("hold", 0.4): list(range(20)),
    ("loop", 0.4): list(range(20)),
    ("cut", 1.8): list(range(20)),
    ("hold", 1.0): [*range(20), *[19] * 5],
    ("loop", 1.8): [*range(20), *range(20), *range(5)],
}


@pytest.mark.parametrize(("fit", "seconds"), EXPECTED)
def test_frames_and_sound_are_equally_long(fit: str, seconds: float, film: FilmedFace) -> None:
    sound, wanted = speech(seconds, 16_000), EXPECTED[fit, seconds]
    fitted, heard = fit_lengths(film, sound, fit)
    assert shown(fitted) == wanted
    assert len(fitted) == len(wanted)
    assert heard.duration == pytest.approx(len(wanted) / 25, abs=1e-4)
    np.testing.assert_array_equal(fitted.landmarks[:, 0, 0], wanted)
    np.testing.assert_array_equal(fitted.gaps, wanted)
    np.testing.assert_array_equal(fitted.shown, np.array(wanted) < CUT_AT)
    same = min(heard.num_samples, sound.num_samples) - 320  # the end of a speech that is cut fades
    np.testing.assert_array_equal(heard.samples[:, :same], sound.samples[:, :same])
    # Every frame belongs to one shot, and shots end where the film is cut or begins anew.
    for number, shot in enumerate(fitted.shots):
        assert {fitted.shot_of(index) for index in range(shot.start, shot.stop)} == {number}
    covered = [index for shot in fitted.shots for index in range(shot.start, shot.stop)]
    assert covered == list(range(len(wanted)))
    assert {shot.start for shot in fitted.shots} == {
        index for index in range(len(wanted)) if index == 0 or wanted[index] in (0, CUT_AT)
    }


def test_a_fitted_film_can_be_fitted_again(film: FilmedFace) -> None:
    long, _ = fit_lengths(film, speech(1.2), "loop")
    short, _ = fit_lengths(long, speech(1.0), "cut")
    assert shown(short) == [*range(20), *range(5)]


def test_a_longer_speech_is_refused_unless_told_otherwise(film: FilmedFace) -> None:
    with pytest.raises(InputError, match=r"got 2\.00 s for 0\.80 s.*--fit"):
        fit_lengths(film, speech(2.0))
    with pytest.raises(InputError, match="fit must be one of film, cut, hold, loop"):
        fit_lengths(film, speech(0.5), "stretch")


def test_the_command_knows_them_all() -> None:
    parser = argparse.ArgumentParser()
    add_parser(parser.add_subparsers())
    for fit in FITS:
        assert parser.parse_args(["dub", "a.mp4", "b.wav", "-o", "c.mp4", "--fit", fit]).fit == fit
