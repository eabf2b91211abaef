"""Voices: real programs, a real server, pocket-tts itself at toy size, and what goes wrong with each."""

import json
import shutil
import struct
import sys
import threading
import time
import wave
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dirfa_pipeline import AudioClip, VoiceError, open_voice
from dirfa_pipeline.live.voices.command import CommandVoice
from dirfa_pipeline.live.voices.espeak import EspeakVoice
from dirfa_pipeline.live.voices.patience import with_patience
from dirfa_pipeline.live.voices.pocket import import_pocket_tts
from dirfa_pipeline.live.voices.speech_api import SpeechApiVoice
from dirfa_pipeline.live.voices.voice import SpokenText, Voice
from dirfa_pipeline.live.voices.wav import read_wav


needs_espeak = pytest.mark.skipif(
    shutil.which("espeak-ng") is None, reason="typed speech needs espeak-ng: apt-get install espeak-ng"
)


def wav(seconds: float = 1.0, rate: int = 24_000, channels: int = 1, width: int = 2) -> bytes:
    """A whole WAV file of a tone."""
    tone = 0.5 * np.sin(np.arange(round(seconds * rate)) / 20)
    full = np.repeat(np.round(tone * (2 ** (8 * width - 1) - 1)).astype("<i4")[:, None], channels, 1)
    data = full.astype("<i4").view(np.uint8).reshape(-1, 4)[:, :width].tobytes()
    if width == 1:
        data = (full + 128).astype(np.uint8).tobytes()
    file = BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(channels)
        out.setsampwidth(width)
        out.setframerate(rate)
        out.writeframes(data)
    return file.getvalue()


def endless(data: bytes) -> bytes:
    """A WAV file whose header does not tell its length."""
    return data[:40] + b"\xff\xff\xff\xff" + data[44:]


def program(code: str) -> CommandVoice:
    """A voice that is a program in Python, which is given up after two seconds."""
    head = "import sys, time; out = sys.stdout.buffer; "
    return CommandVoice((sys.executable, "-c", head + code), patience=2.0)


def no_helpers_left() -> bool:
    for _ in range(100):
        if not [thread for thread in threading.enumerate() if thread.name == "dirfa-voice"]:
            return True
        time.sleep(0.02)
    return False


class TestWav:
    @pytest.mark.parametrize("width", [1, 2, 3, 4])
    @pytest.mark.parametrize("channels", [1, 2])
    def test_every_width_is_read(self, width: int, channels: int) -> None:
        clip = np.concatenate(
            [chunk.samples for chunk in read_wav(BytesIO(wav(0.35, 22_050, channels, width)), "it")], 1
        )
        assert clip.shape == (channels, round(0.35 * 22_050))
        np.testing.assert_allclose(clip[-1], 0.5 * np.sin(np.arange(clip.shape[1]) / 20), atol=0.011)

    def test_floats_in_an_extensible_header(self) -> None:
        samples = np.linspace(-0.5, 0.5, 4800, dtype="<f4")
        form = struct.pack("<HHIIHHHHIH14s", 0xFFFE, 1, 48_000, 192_000, 4, 32, 22, 32, 4, 3, b"\0" * 14)
        head = b"RIFF\0\0\0\0WAVE" + b"LIST" + struct.pack("<I", 3) + b"abc\0" + b"fmt " + struct.pack("<I", 40) + form
        (chunk,) = read_wav(BytesIO(head + b"data\xff\xff\xff\xff" + samples.tobytes()), "it")
        assert chunk.sampling_rate == 48_000
        np.testing.assert_array_equal(chunk.samples[0], samples)

    def test_what_follows_the_sound_is_no_sound(self) -> None:
        chunks = list(read_wav(BytesIO(wav(0.5) + b"LIST" + bytes(9999)), "it"))
        assert sum(chunk.num_samples for chunk in chunks) == 12_000

    @pytest.mark.parametrize("length", [0, 0x7FFFF000, 0xFFFFFFFF])
    def test_a_length_that_was_not_known_is_not_believed(self, length: int) -> None:
        data = bytearray(wav(0.5))
        data[40:44] = struct.pack("<I", length)
        assert sum(chunk.num_samples for chunk in read_wav(BytesIO(bytes(data)), "it")) == 12_000

    @pytest.mark.parametrize(
        ("data", "words"),
        [
            (b"", "must give WAV, it gave b''"),
            (b"ID3\x04 and more of an mp3 file", "must give WAV, it gave b'ID3"),
            (wav()[:30], "it ended within its header"),
            (wav()[:44], "broke off after 0.0 of 1.0 s|gave a WAV without any"),
            (wav(0.0), "it gave a WAV without any"),
            (wav()[:24_044], "it broke off after 0.5 of 1.0 s"),
            (wav()[:34] + b"\x05\x00" + wav()[36:], "it gave 1 of 5 bits"),
        ],
        ids=["nothing", "mp3", "half a header", "no data", "empty", "half", "five bits"],
    )
    def test_what_is_no_whole_wav_is_told(self, data: bytes, words: str) -> None:
        with pytest.raises(VoiceError, match=words):
            list(read_wav(BytesIO(data), "it"))


class TestText:
    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("", "must contain a letter or a digit, got ''"),
            ("  ... !", "must contain a letter or a digit"),
            ("a" * 4097, "at most 4096 characters, got 4097"),
            (7, "must be a string, got int"),
        ],
    )
    def test_what_cannot_be_said_is_told_at_once(self, text: Any, words: str) -> None:
        with pytest.raises(VoiceError, match=words):
            program("").speak(text)

    def test_endless_speech_ends(self) -> None:
        class Endless:
            def speak(self, text: str) -> Iterator[AudioClip]:
                while True:
                    yield AudioClip(np.zeros((1, 80_000), np.float32), 1000)

        with pytest.raises(VoiceError, match="may take at most 900 s to say"):
            SpokenText("on and on", Endless()).speak()


class TestCommand:
    def test_text_goes_in_and_wav_comes_out(self, tmp_path: Path) -> None:
        heard = tmp_path / "heard.txt"
        (tmp_path / "said.wav").write_bytes(wav(0.7))
        voice = program(
            f"open({str(heard)!r}, 'w').write(sys.stdin.read()); "
            f"out.write(open({str(tmp_path / 'said.wav')!r}, 'rb').read())"
        )
        clip = SpokenText("Grüße; rm -rf $HOME\n", voice).speak()
        assert clip.sampling_rate == 24_000 and clip.duration == pytest.approx(0.7)
        assert heard.read_text() == "Grüße; rm -rf $HOME\n"

    def test_sound_comes_while_the_program_still_speaks(self) -> None:
        voice = program(f"out.write({endless(wav(0.3))!r}); out.flush(); time.sleep(1.5)")
        chunks = voice.speak("Hello")
        next(chunks)
        began = time.monotonic()
        assert next(chunks).num_samples == 2400
        assert time.monotonic() - began < 1.0

    @pytest.mark.parametrize(
        ("code", "words"),
        [
            ("time.sleep(60)", "must give sound every 2 s, .* gave none"),
            (f"out.write({wav(0.3)!r}[:8000]); out.flush(); time.sleep(60)", "must give sound every 2 s"),
            (f"out.write({wav(0.3)!r}[:8000]); sys.exit('no memory left')", "failed with status 1: no memory left"),
            ("sys.exit('no such model')", "failed with status 1: no such model"),
            (f"out.write({wav(0.3)!r}); out.flush(); sys.exit(7)", "failed with status 7: it did not say why"),
            (f"out.write({wav(0.3)!r}[:8000])", "broke off after 0.2 of 0.3 s"),
            ("out.write(b'hello')", "must give WAV"),
        ],
        ids=["hangs", "hangs mid-sentence", "dies mid-sentence", "dies", "fails at the end", "breaks off", "no wav"],
    )
    def test_a_program_that_fails_is_told(self, code: str, words: str) -> None:
        began = time.monotonic()
        with pytest.raises(VoiceError, match=words):
            list(program(code).speak("Hello"))
        assert time.monotonic() - began < 10.0
        assert no_helpers_left()

    def test_closing_ends_the_program_and_its_children(self, tmp_path: Path) -> None:
        alive = tmp_path / "alive"
        child = f"import time\\nwhile True: open({str(alive)!r}, 'a').write('.'); time.sleep(0.02)"
        chunks = program(
            f'import subprocess; subprocess.Popen([sys.executable, \'-c\', """{child}"""]); '
            f"out.write({wav(0.3)!r}); out.flush(); time.sleep(60)"
        ).speak("Hello")
        next(chunks)
        while not alive.exists():
            time.sleep(0.02)
        chunks.close()  # type: ignore[attr-defined]
        size = alive.stat().st_size
        time.sleep(0.3)
        assert alive.stat().st_size <= size + 1
        assert no_helpers_left()

    @needs_espeak
    def test_espeak_speaks_languages(self) -> None:
        english, german = (
            SpokenText("Hello, you three.", open_voice(name)).speak() for name in ("espeak", "espeak:de")
        )
        assert 0.5 < english.duration < 3.0
        assert english.num_samples != german.num_samples
        with pytest.raises(VoiceError, match="does not know the language 'en-uss'; did you mean 'en-us'"):
            EspeakVoice("en-uss")


class Server(ThreadingHTTPServer):
    """Answers as OpenAI's `/v1/audio/speech` does, or as a test wants."""

    daemon_threads = True

    def __init__(self, answer: Callable[[BaseHTTPRequestHandler], None]) -> None:
        self.asked: list[dict[str, Any]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                outer.asked.append({"path": self.path, "key": self.headers["Authorization"], **body})
                answer(self)

            def log_message(self, *args: Any) -> None:
                pass

        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"


@pytest.fixture
def serve() -> Iterator[Callable[[Callable[[BaseHTTPRequestHandler], None]], Server]]:
    servers: list[Server] = []

    def start(answer: Callable[[BaseHTTPRequestHandler], None]) -> Server:
        servers.append(Server(answer))
        threading.Thread(target=servers[-1].serve_forever, daemon=True).start()
        return servers[-1]

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def send(data: bytes, status: int = 200, **headers: str) -> Callable[[BaseHTTPRequestHandler], None]:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(data)
        handler.wfile.flush()

    return answer


def pause_after(data: bytes, seconds: float) -> Callable[[BaseHTTPRequestHandler], None]:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        send(data)(handler)
        time.sleep(seconds)

    return answer


class TestSpeechApi:
    def test_it_is_asked_as_openai_is(self, serve: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("DIRFA_VOICE_KEY", "secret")
        server = serve(send(wav(0.7)))
        clip = SpokenText("Hello", open_voice(f"{server.address}#model=kokoro&voice=af_bella")).speak()
        assert clip.duration == pytest.approx(0.7)
        assert server.asked == [
            {"path": "/v1/audio/speech", "key": "Bearer secret", "model": "kokoro", "voice": "af_bella",
             "input": "Hello", "response_format": "wav"}
        ]  # fmt: skip

    def test_sound_comes_before_the_answer_ends(self, serve: Any) -> None:
        server = serve(pause_after(endless(wav(0.5)), 1.5))
        began = time.monotonic()
        next(SpeechApiVoice(server.address + "/audio/speech").speak("Hello"))
        assert time.monotonic() - began < 1.0

    @pytest.mark.parametrize(
        ("answer", "words"),
        [
            (send(b'{"error": "no such voice"}', 400), 'answered 400 .*: {"error": "no such voice"}'),
            (send(b"", 500), "answered 500"),
            (send(b'{"detail": "hi"}'), "must give WAV"),
            (send(wav()[:20_000], **{"Content-Length": str(len(wav()))}), "broke off after 0.4 of 1.0 s"),
            (pause_after(wav()[:20_000], 3.0), "must give sound every 1 s"),
            (pause_after(b"", 3.0), "must give sound every 1 s"),
            (send(b"zz\r\n", **{"Transfer-Encoding": "chunked"}), "does not answer|must give WAV"),
        ],
        ids=["refused", "fails", "json", "breaks off", "hangs mid-sentence", "hangs", "broken chunks"],
    )
    def test_a_server_that_fails_is_told(self, serve: Any, answer: Any, words: str) -> None:
        with pytest.raises(VoiceError, match=words):
            list(SpeechApiVoice(serve(answer).address, patience=1.0).speak("Hello"))

    def test_the_key_is_not_carried_elsewhere(self, serve: Any) -> None:
        other = serve(send(wav()))
        server = serve(send(b"", 307, Location=f"{other.address}/audio/speech"))
        with pytest.raises(VoiceError, match="answered 307"):
            list(SpeechApiVoice(server.address, key="secret").speak("Hello"))
        assert not other.asked

    def test_no_server_is_told(self) -> None:
        with pytest.raises(VoiceError, match="http://127.0.0.1:9/v1/audio/speech does not answer"):
            list(SpeechApiVoice("http://127.0.0.1:9/v1").speak("Hello"))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Any:
    import sentencepiece
    import torch
    import yaml

    threads = torch.get_num_threads()
    pocket = import_pocket_tts()
    assert torch.get_num_threads() == threads, "a voice must not take the renderer's threads away"
    folder = tmp_path_factory.mktemp("pocket")
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(["Hello world, this is a toy.", "What can it say? Nothing!"] * 3),
        model_prefix=str(folder / "toy"), vocab_size=60, hard_vocab_limit=False, minloglevel=2,
        user_defined_symbols=list(".!?,;:"),
    )  # fmt: skip
    words = sentencepiece.SentencePieceProcessor(model_file=str(folder / "toy.model")).vocab_size()
    smallest = Path(pocket.__file__).parent / "config" / "english_2m_2026-10.yaml"
    config = yaml.safe_load(smallest.read_text())
    config = {name: value for name, value in config.items() if not name.startswith("weights")}
    config["flow_lm"]["lookup_table"].update(n_bins=words, tokenizer_path=str(folder / "toy.model"))
    (folder / "toy.yaml").write_text(yaml.safe_dump(config))
    torch.manual_seed(0)
    return pocket.TTSModel.load_model(config=folder / "toy.yaml")


class TestPocket:
    """pocket-tts' own code with a toy's weights: what it says is noise, how it is asked is the truth."""

    def test_it_streams_and_stops(self, model: Any, tmp_path: Path) -> None:
        from dirfa_pipeline.live.voices.pocket import PocketVoice

        (tmp_path / "me.wav").write_bytes(wav(0.5))
        voice = PocketVoice(str(tmp_path / "me.wav"), model=model)
        assert isinstance(voice, Voice)
        chunks = voice.speak("Hello world, this is a toy.")
        first = next(chunks)
        assert first.sampling_rate == 24_000 and first.num_samples > 0 and np.isfinite(first.samples).all()
        chunks.close()  # type: ignore[attr-defined]
        assert next(voice.speak("What can it say?")).num_samples > 0
        assert no_helpers_left()

    def test_an_unknown_voice_is_told(self, model: Any) -> None:
        from dirfa_pipeline.live.voices.pocket import PocketVoice

        with pytest.raises(VoiceError, match="cannot use the voice 'nobody'"):
            PocketVoice("nobody", model=model)

    def test_a_model_that_fails_is_told(self, model: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        from dirfa_pipeline.live.voices.pocket import PocketVoice

        (tmp_path / "me.wav").write_bytes(wav(0.5))
        voice = PocketVoice(str(tmp_path / "me.wav"), model=model, patience=0.3)

        def fail(*args: Any, **kwargs: Any) -> Iterator[Any]:
            yield from ()
            raise RuntimeError("out of memory")

        monkeypatch.setattr(model, "generate_audio_stream", fail)
        with pytest.raises(VoiceError, match="pocket-tts failed before the end of the text: out of memory"):
            list(voice.speak("Hello"))
        with pytest.raises(VoiceError, match=r"must give sound every 0.3 s"):
            monkeypatch.setattr(model, "generate_audio_stream", lambda *args, **kwargs: (time.sleep(1) for _ in "a"))
            list(voice.speak("Hello"))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("espeek:de", "got 'espeek:de'; did you mean espeak"),
        ("", "a voice must be espeak"),
        (7, "must be a name or have speak"),
        ("command:", "must begin with an installed program"),
        ("command:no-such-program --fast", "must begin with an installed program, got 'no-such-program --fast'"),
        ('command:"sh', "must be quoted as in a shell"),
        ("http://", "must be http://host/v1"),
        ("https://host/v1#model=a&pitch=2", "only model and voice may follow #"),
    ],
)
def test_unknown_voices_are_told(name: Any, words: str) -> None:
    with pytest.raises(VoiceError, match=words):
        open_voice(name)


def test_what_is_taken_in_time_keeps_its_order_and_its_errors() -> None:
    def pieces() -> Iterator[int]:
        yield from range(200)
        raise ValueError("the 201st")

    taken: list[int] = []
    with pytest.raises(ValueError, match="the 201st"):
        for piece in with_patience(pieces(), 1.0, "it"):
            taken.append(piece)
    assert taken == list(range(200))
    assert no_helpers_left()
