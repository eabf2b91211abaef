"""`dirfa evaluate`: its list, its report, and a run on the shipped weights."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from dirfa_pipeline import DirfaPipeline, InputError, load_audio, write_video
from dirfa_pipeline.bundled import bundled_weights
from dirfa_pipeline.cli import main
from dirfa_pipeline.evaluation.clip_list import ClipEntry, grid_sentence, read_clip_list, write_clip_list


EXAMPLES = Path(__file__).parents[2] / "dirfa_pipeline" / "examples"
PHOTO, SPEECH = EXAMPLES / "astronaut.jpg", EXAMPLES / "speech.flac"


def test_list_round_trip(tmp_path: Path) -> None:
    entries = [
        ClipEntry(SPEECH, PHOTO, text="say this", language="en-us"),
        ClipEntry(SPEECH, video=PHOTO, language="de", person="somebody"),
    ]
    write_clip_list(entries, tmp_path / "list.tsv")
    assert read_clip_list(tmp_path / "list.tsv") == entries
    rows = [{"audio": SPEECH.name, "photo": PHOTO.name, "text": None}]
    (tmp_path / "list.json").write_text(json.dumps(rows))
    assert read_clip_list(tmp_path / "list.json", EXAMPLES) == [ClipEntry(SPEECH, PHOTO)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "one clip a line or more"),
        ("audio\tphoto\n", "one clip a line or more"),
        ("sound\tphoto\na\tb\n", "clip 1: unknown column 'sound'"),
        ("audio\tphoto\n\tb\n", "clip 1: the column audio is needed"),
        ("audio\tphoto\nspeech.flac\t\n", "clip 1: photo or video is needed"),
        ("audio\tphoto\nspeech.flac\tastronaut.jpg\nspeech.flac\tnobody.jpg\n", "clip 2: photo not found"),
        ("audio\tphoto\nspeech.flac\tastronaut.jpg\tmore\n", "clip 1: unknown column"),
    ],
)
def test_bad_lists(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "list.tsv"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        read_clip_list(path, EXAMPLES)


@pytest.mark.parametrize("text", ["{", "7", "[]", "[3]", '{"audio": "a"}'])
def test_bad_json_lists(tmp_path: Path, text: str) -> None:
    path = tmp_path / "list.json"
    path.write_text(text)
    with pytest.raises(InputError, match="the list"):
        read_clip_list(path, EXAMPLES)


def test_grid_sentence() -> None:
    assert grid_sentence("lwbsza") == "lay white by s zero again"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere.tsv"], "list not found"),
        (["LIST", "--seconds", "0"], "--seconds must be in"),
        (["LIST", "--max-size", "8"], "--max-size must be in"),
        (["LIST", "--seeds", "0"], "--seeds must be in"),
        (["LIST", "--limit", "0"], "--limit must be"),
        (["LIST", "--data", "nowhere"], "--data must be a folder"),
        (["LIST", "--json", "nowhere/scores.json"], "folder of --json"),
        (["LIST", "--lexicon", "nowhere.txt"], "lexicon not found"),
        (["LIST", "--embedder", "no_such_module:embed"], "--embedder must be"),
        (["LIST", "--embedder", "numpy:no_such_function"], "--embedder must be"),
    ],
)
def test_bad_options(tmp_path: Path, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "list.tsv"
    write_clip_list([ClipEntry(SPEECH, PHOTO, language="xx")], path)
    assert main(["evaluate", *(str(path) if a == "LIST" else a for a in arguments)]) == 2
    assert message in capsys.readouterr().err


def test_names_that_no_dictionary_has_are_said_before_anything_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without flite to spell them: an error with the remedy, which then helps. Other languages are not aligned."""
    pytest.importorskip("pocketsphinx")
    from dirfa_pipeline.commands.evaluate import can_align
    from dirfa_pipeline.evaluation.alignment import spell_out

    spell_out.cache_clear()
    monkeypatch.setenv("PATH", str(tmp_path))
    entries = [
        ClipEntry(SPEECH, PHOTO, text="Ye Wenjie, a Trisolaran"),
        ClipEntry(SPEECH, PHOTO, text="ja", language="de"),
    ]
    write_clip_list(entries, tmp_path / "list.tsv")
    assert main(["evaluate", str(tmp_path / "list.tsv"), "--weights", "no weights are needed"]) == 2
    error = capsys.readouterr().err
    assert "2 words of the texts are in no dictionary: wenjie, trisolaran; apt-get install flite" in error
    (tmp_path / "words.txt").write_text("Wenjie W AH2 N JH Y EH1\ntrisolaran T R AY S OW L AA R AH N\n")
    assert can_align([entries[0].text], tmp_path / "words.txt")
    spell_out.cache_clear()


def mean_colours(picture: np.ndarray) -> np.ndarray:
    """A poor man's embedding, of any picture the same way."""
    return picture.mean((0, 1)).astype(float)


@pytest.mark.slow
def test_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Our own video stands in for a real one: measured anew, it must agree with itself, and another take with it."""
    pytest.importorskip("pocketsphinx")
    from dirfa_pipeline.training.make_example_speech import TEXT

    clip = load_audio(SPEECH)
    pipe = DirfaPipeline.from_pretrained(bundled_weights())
    portrait = pipe.prepare_portrait(PHOTO, max_size=400)
    animation = pipe.sample_animation(clip, torch.Generator().manual_seed(1))  # the take that is measured
    video = tmp_path / "talk.mp4"
    write_video(video, pipe.render(portrait, animation), animation.fps, clip)
    faceless = tmp_path / "faceless.png"
    Image.new("RGB", (200, 200)).save(faceless)
    entries = [
        ClipEntry(SPEECH, PHOTO, video, text=TEXT),
        ClipEntry(video, video=video, language="xx", person="astronaut"),
        ClipEntry(SPEECH, faceless),
    ]
    write_clip_list(entries, tmp_path / "list.tsv")
    scores = tmp_path / "scores.json"
    arguments = ["--json", str(scores), "--seeds", "2", "--seconds", "4", "--embedder", f"{__name__}:mean_colours"]
    assert main(["evaluate", str(tmp_path / "list.tsv"), *arguments]) == 0
    table = capsys.readouterr().out
    report = json.loads(scores.read_text())
    ours, still = report["rows"]["ours, short clips"], report["rows"]["still photo, short clips"]
    assert "closure_recall" in table
    assert ours["aperture_correlation"] > 0.8
    assert ours["lag_frames"] == 0
    assert ours["lip_distance"] < still["lip_distance"]
    assert ours["identity_mean"] > 0.99
    assert still["aperture_std"] < 0.1 * ours["aperture_std"]
    assert ours["diversity_lips"] < ours["diversity_pose"]
    assert [clip["name"] for clip in report["left_out"]] == ["speech"]
    assert "no face found" in report["left_out"][0]["reason"]
    for row in report["rows"].values():
        assert set(row) <= set(report["targets"])
        assert np.isfinite(list(row.values())).all()
