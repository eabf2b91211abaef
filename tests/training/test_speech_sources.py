"""Sources of the speech corpus: recordings are aligned, voices know their times; all that is left out is counted."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from dirfa_pipeline import InputError
from dirfa_pipeline.evaluation.alignment import align, radio_phone, spell_out, unpronounceable
from dirfa_pipeline.media.audio import load_audio
from dirfa_pipeline.models.speech_head import VISEME_NAMES
from dirfa_pipeline.training import english_voices, espeak_voices, prepare_speech
from dirfa_pipeline.training.corpus_file import read_source, save_corpus
from dirfa_pipeline.training.english_voices import FESTIVAL_VOICES, require_festival, speak_with_festival
from dirfa_pipeline.training.make_example_speech import TEXT
from dirfa_pipeline.training.recordings import RECORDED, read_table
from dirfa_pipeline.training.speech_corpus import SYNTHETIC, SpeechCorpus
from dirfa_pipeline.training.utterance import LeftOut, Utterance, split_diphthongs
from dirfa_pipeline.training.visemes import ARPABET, IPA, arpabet_visemes, ipa_visemes


EXAMPLES = Path(__file__).parents[2] / "dirfa_pipeline" / "examples"
SENTENCES = ("bob may keep a puppy map", "the boy put his lamp on the table", "we saw a green ship at night")


def names_of(classes: tuple[int, ...]) -> list[str]:
    return [VISEME_NAMES[index] for index in classes]


def has_festival() -> bool:
    """Whether festival and all its voices that are a source are installed."""
    try:
        require_festival()
    except InputError:
        return False
    return True


def has_espeak() -> bool:
    try:
        espeak_voices.Espeak()
    except InputError:
        return False
    return True


needs_flite = pytest.mark.skipif(shutil.which("flite") is None, reason="flite is not installed")
needs_festival = pytest.mark.skipif(not has_festival(), reason="festival or one of its voices is not installed")
needs_espeak = pytest.mark.skipif(not has_espeak(), reason="espeak-ng is not installed")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder whose tables hold sentences; the sound is not needed to speak them."""
    for name in ("librispeech", "ljspeech", "speechocean762"):
        folder = tmp_path / "data" / "speech" / name
        folder.mkdir(parents=True)
        rows = [f"{index}.wav\tme\t{text}\ttrain" for index, text in enumerate(SENTENCES)]
        (folder / "metadata.tsv").write_text("\n".join(["file\tspeaker\ttext\tsplit", *rows]))
    return tmp_path / "data"


def test_every_phone_has_a_viseme() -> None:
    assert all(arpabet_visemes(phone) for phone in ARPABET)
    assert arpabet_visemes("AY1") == (VISEME_NAMES.index("open"), VISEME_NAMES.index("near_close"))
    assert {radio_phone(name) for name in ("pau", "ax", "axr", "ey", "dx")} == {"SIL", "AH", "ER", "EY", "D"}
    with pytest.raises(KeyError):
        arpabet_visemes("QQ")


@pytest.mark.parametrize(
    ("phone", "visemes"),
    [
        ("tʃ", "postalveolar"), ("ts.h", "postalveolar"), ("tɕʰ", "postalveolar"), ("ts", "sibilant"),
        ("ph", "closure"), ("h", "velar"), ("pʲ", "closure"), ("ʲ", "close_front"), ("β", "labiodental"),
        ("oː", "round_mid"), ("ũ", "round_close"), ("ã", "open"), ("ä", "open"), ("ɯᵝ", "near_close"),
        ("ç", "velar"), ("ᵻ", "near_close"), ("n̩", "alveolar"), ('u"', "round_close"), ("a5", "open"),
        ("aɪ", "open near_close"), ("aɪɚ", "open near_close rhotic"), ("iou", "close_front round_mid round_close"),
        ("", "silence"), ("_:", "silence"), ("(en)", "silence"),
    ],
)  # fmt: skip
def test_what_espeak_writes_is_read(phone: str, visemes: str) -> None:
    assert names_of(ipa_visemes(phone)) == visemes.split()


@pytest.mark.parametrize("phone", ["ʘ", "a!", "7"])
def test_a_phone_that_is_not_known_is_no_silence(phone: str) -> None:
    with pytest.raises(KeyError):
        ipa_visemes(phone)


def test_diphthongs_share_their_time() -> None:
    assert split_diphthongs([((12, 17), 1.0, 1.2)], offset=0.5) == [
        (12, pytest.approx(1.5), pytest.approx(1.6)),
        (17, pytest.approx(1.6), pytest.approx(1.7)),
    ]


def test_alignment_finds_the_words() -> None:
    samples = (load_audio(EXAMPLES / "speech.flac").mono(16_000) * 32767).astype(np.int16)
    phones = align(samples[: 16_000 * 3], "hello i am a picture that learned to speak")
    assert phones is not None
    names = [name for name, _, _ in phones if name != "SIL"]
    assert names[:3] == ["HH", "AH", "L"] or names[:3] == ["HH", "EH", "L"]
    assert align(samples, "...") is None


def test_own_recordings_become_a_corpus(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """What cannot be used is counted by reason; nothing usable at all, or a missing column, is an error."""
    folder = tmp_path / "mine"
    folder.mkdir()
    shutil.copy(EXAMPLES / "speech.flac", folder / "talk.flac")
    (folder / "broken.wav").write_text("no sound")
    rows = [
        ("talk.flac", "me", TEXT),
        ("broken.wav", "me", "hello"),
        ("talk.flac", "me", "..."),
        ("gone.wav", "me", "a"),
    ]
    table = folder / "metadata.tsv"
    arguments = ["recordings", "--data", str(folder), "--output", str(tmp_path / "corpus")]
    table.write_text("\n".join("\t".join(row) for row in [("file", "speaker", "text"), *rows]))
    with caplog.at_level("INFO"):
        prepare_speech.main(arguments)
    for line in (
        "4 recordings read", "1 kept", "2 left out: no readable sound (broken.wav, ...)",
        "1 left out: its text does not fit its sound (talk.flac)",
    ):  # fmt: skip
        assert line in caplog.text
    assert SpeechCorpus([tmp_path / "corpus" / "mine.npz"]).hours() == pytest.approx(9.2 / 3600, rel=0.02)
    table.write_text("file\tspeaker\ttext\nbroken.wav\tme\thello")
    with pytest.raises(InputError, match="no utterance is left"):
        prepare_speech.main(arguments)
    with pytest.raises(InputError, match="may not be called flite"):
        prepare_speech.main(["recordings", "--data", str(tmp_path / "flite"), "--output", str(tmp_path)])


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (None, r"metadata.tsv not found; it must list the recordings under the columns file, speaker, text"),
        ("file\ttext\na.wav\thello", "metadata.tsv lacks the column speaker"),
        ("", "metadata.tsv lacks the column file"),
        ("file\tspeaker\ttext\na.wav\tme\thello\nb.wav\tme", "metadata.tsv, row 2 must have 3 cells"),
        ("file\tspeaker\ttext\na.wav\tme\thello\tthere", "metadata.tsv, row 1 must have 3 cells"),
    ],
)
def test_bad_tables_are_named(tmp_path: Path, table: str | None, message: str) -> None:
    if table is not None:
        (tmp_path / "metadata.tsv").write_text(table)
    with pytest.raises(InputError, match=message):
        read_table(tmp_path / "metadata.tsv")


def test_what_a_source_lacks_is_named(data: Path) -> None:
    table = data / "speech" / "speechocean762" / "metadata.tsv"
    table.write_text(table.read_text().replace("split", "part"))
    with pytest.raises(InputError, match="lacks the column split"):
        RECORDED["speechocean"](data)
    clips = data / "video" / "grid_s1"
    clips.mkdir(parents=True)
    for index in range(26):
        (clips / f"clip{index:02d}.mp4").touch()
    with pytest.raises(InputError, match=r"clip00.align not found; it must hold the words of clip00.mp4"):
        RECORDED["grid"](data)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:-200]), r"set.npz cannot be read .*; write it again"),
        (lambda path: path.write_bytes(b""), "set.npz cannot be read"),
        (lambda path: path.unlink(), "set.npz cannot be read"),
        (lambda path: np.savez(path, samples=np.zeros(9)), r"set.npz lacks offsets, segment_times"),
        (lambda path: np.savez(path, samples=np.array([None])), "set.npz cannot be read"),
    ],
)
def test_bad_corpus_files_are_named(tmp_path: Path, spoil: Callable[[Path], object], message: str) -> None:
    path = tmp_path / "set.npz"
    save_corpus([Utterance(np.zeros(16_000, np.int16), [(0, 0.0, 1.0)], "me")], path)
    assert len(read_source(path)) == 1
    spoil(path)
    with pytest.raises(InputError, match=message):
        SpeechCorpus([path])


def test_words_that_no_dictionary_has(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    silence = np.zeros(16_000, np.int16)
    words = tmp_path / "words.txt"
    words.write_text("trisolaran\tT R AY2 S OW0 L AA1 R AH0 N\n")
    spell_out.cache_clear()
    monkeypatch.setenv("PATH", str(tmp_path))  # no flite
    assert spell_out("trisolaran") == ""
    assert align(silence, "trisolaran") is None
    assert unpronounceable(["Hello, Trisolaran!", "trisolaran hello"]) == ["trisolaran"]
    assert unpronounceable(["Hello, Trisolaran!"], words) == []
    wrong = tmp_path / "wrong.txt"
    wrong.write_text("trisolaran\tT R QQ\nwenjie\n")
    assert unpronounceable(["Wenjie, Trisolaran!"], wrong) == ["wenjie", "trisolaran"]
    spell_out.cache_clear()


@needs_flite
def test_flite_spells_names() -> None:
    assert spell_out("trisolaran").startswith("T R")
    assert unpronounceable(["trisolaran"]) == []


@needs_festival
@pytest.mark.parametrize("voice", FESTIVAL_VOICES)
def test_festival_knows_when_it_says_what(voice: str) -> None:
    """Phones follow each other to the end of the sound, slow as asked, and alignment agrees on the closures."""
    text = 'Bob may "keep" a puppy \\ map'
    spoken, slow = (speak_with_festival(text, voice, slowness) for slowness in (1.0, 1.25))
    assert isinstance(spoken, Utterance)
    assert isinstance(slow, Utterance)
    assert len(slow.samples) / len(spoken.samples) == pytest.approx(1.25, abs=0.1)
    assert all(before[2] == after[1] for before, after in zip(spoken.segments, spoken.segments[1:], strict=False))
    assert spoken.segments[-1][2] == pytest.approx(len(spoken.samples) / 16_000, abs=0.05)
    closures = [(start, end) for name, start, end in spoken.segments if VISEME_NAMES[name] == "closure"]
    phones = align(spoken.samples, "bob may keep a puppy map")
    assert phones is not None
    aligned = [(start, end) for name, start, end in phones if name in ("P", "B", "M")]
    assert np.abs(np.median(np.subtract(closures, aligned))) < 0.03


@needs_flite
@needs_festival
@needs_espeak
@pytest.mark.parametrize("source", prepare_speech.SYNTHETIC)
def test_voices_become_a_corpus(source: str, data: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO"):
        prepare_speech.main([source, "--data", str(data), "--output", str(tmp_path), "--limit", "4"])
    assert "4 utterances spoken\n      4 kept" in caplog.text
    assert source in SYNTHETIC, "each second of it must count half"
    assert SpeechCorpus([tmp_path / f"{source}.npz"]).hours() > 4 / 3600


@needs_flite
@needs_festival
@pytest.mark.parametrize("source", ["flite", "festival"])
def test_what_no_voice_can_say_is_counted(
    source: str, data: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A dot leaves a synthesiser silent, or ends it by a fault of its own; neither is lost, nor ends the command."""
    for table in data.rglob("metadata.tsv"):
        table.write_text("file\tspeaker\ttext\tsplit\na.wav\tme\t.\ttrain")
    with caplog.at_level("INFO"), pytest.raises(InputError, match="no utterance is left"):
        prepare_speech.main([source, "--data", str(data), "--output", str(tmp_path), "--limit", "3"])
    assert "3 utterances spoken\n      0 kept" in caplog.text
    assert f"left out: {source} said nothing" in caplog.text


@needs_espeak
def test_espeak_speaks_each_language() -> None:
    """Eight languages or more by voices of their own, each phone with a viseme; a voice that is not there is named."""
    engine = espeak_voices.Espeak()
    heard = {}
    for voice in (*espeak_voices.SENTENCES, *espeak_voices.ENGLISH):
        for text in espeak_voices.SENTENCES.get(voice, SENTENCES):
            spoken = espeak_voices.speak_with_espeak(engine, text, voice, 160, 50)
            assert isinstance(spoken, Utterance), spoken
            heard.setdefault(voice, set()).update(phone for phone, _, _ in engine.speak(text, voice, 160, 50)[1])
    assert len(espeak_voices.SENTENCES) >= 8
    assert len({frozenset(phones) for phones in heard.values()}) == len(heard)
    assert not any(phone.startswith("(") for phones in heard.values() for phone in phones), "read as another language"
    with pytest.raises(InputError, match="espeak-ng has no voice xx-nobody"):
        engine.speak("hello", "xx-nobody", 160, 50)
    assert espeak_voices.speak_with_espeak(engine, "", "en", 160, 50) == LeftOut("en: ", "espeak-ng said nothing")


@needs_espeak
def test_a_phone_without_viseme_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(IPA, "p")  # type: ignore[misc]
    left_out = espeak_voices.speak_with_espeak(espeak_voices.Espeak(), "puppy", "en", 160, 50)
    assert left_out == LeftOut("en: puppy", "its phone 'p' has no viseme")


@pytest.mark.parametrize("source", ["flite", "festival"])
def test_a_program_that_is_not_installed_is_named(
    source: str, monkeypatch: pytest.MonkeyPatch, data: Path, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match=f"{source} is not installed: apt-get install {source}"):
        prepare_speech.main([source, "--data", str(data), "--output", str(tmp_path)])


@pytest.mark.skipif(shutil.which("festival") is None, reason="festival is not installed")
def test_a_voice_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(english_voices.FESTIVAL_VOICES, "nobody", "festvox-nobody")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="festival lacks the voice nobody: apt-get install festvox-nobody"):
        require_festival()
