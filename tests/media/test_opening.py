"""Media files that lead to other files or into the network are refused, and nothing of those is read."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from media_files import speech, write_media

from dirfa_pipeline import InputError, load_audio, verify
from dirfa_pipeline.media.video import read_video


@pytest.fixture
def listening() -> Iterator[tuple[str, list[str]]]:
    """A server's address and what was asked of it."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()


LISTS = {
    "hls": "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10.0,\n{target}\n#EXT-X-ENDLIST\n",
    "concat": "ffconcat version 1.0\nfile '{target}'\n",
    "dash": '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" '
    'mediaPresentationDuration="PT1S"><Period><AdaptationSet mimeType="audio/mp4"><Representation id="1" '
    'bandwidth="1"><BaseURL>{target}</BaseURL></Representation></AdaptationSet></Period></MPD>',
    "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 5004 RTP/AVP 0\n",
}


@pytest.mark.parametrize("name", ["speech.wav", "film.mp4", "list.m3u8"])
@pytest.mark.parametrize("kind", LISTS)
@pytest.mark.parametrize("read", [load_audio, read_video, verify])
def test_lists_lead_nowhere(tmp_path: Path, listening: tuple[str, list[str]], kind: str, name: str, read) -> None:
    """Whatever their name is: neither a server is asked, nor is a film elsewhere on the disk shown."""
    address, asked = listening
    (tmp_path / "private").mkdir()
    write_media(tmp_path / "private" / "own.mp4", speech(0.3), "aac", pictures=4)
    for target in (f"{address}/a.ts", str(tmp_path / "private" / "own.mp4"), "private/own.mp4"):
        (tmp_path / name).write_text(LISTS[kind].format(target=target))
        with pytest.raises(InputError):
            read(str(tmp_path / name))
    assert asked == []


@pytest.mark.parametrize("read", [load_audio, read_video, verify])
def test_addresses_are_no_files(listening: tuple[str, list[str]], read) -> None:
    address, asked = listening
    for path in (f"{address}/a.mp4", "file:///etc/hostname", "concat:/etc/hostname|/etc/hostname", "data:,x"):
        with pytest.raises(InputError):
            read(path)
    assert asked == []


def test_a_file_whose_name_looks_like_an_address_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_media(tmp_path / "concat:speech.wav", speech(0.3), "pcm_s16le")
    assert load_audio("concat:speech.wav").duration == pytest.approx(0.3, abs=0.01)
