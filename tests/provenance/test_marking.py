"""Videos that say what they are, read back by C2PA's own reader, by ffmpeg's metadata and by `verify`."""

import datetime
import json
from pathlib import Path

import av
import c2pa
import numpy as np
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from PIL import Image

from dirfa_pipeline import InputError, Marks, verify, write_video
from dirfa_pipeline.cli import main
from dirfa_pipeline.hub.model_card import LIMITS
from dirfa_pipeline.media.video import VideoWriter, read_video
from dirfa_pipeline.provenance.credentials import load_certificate, self_made_certificate
from dirfa_pipeline.provenance.marking import COMMENT, DUB_COMMENT
from dirfa_pipeline.provenance.watermark import MADE_HERE

from .test_watermark import FPS, film


@pytest.fixture(scope="module")
def talk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("marked") / "talk.mp4"
    write_video(path, film(), FPS)
    return path


def test_a_video_says_what_it_is(talk: Path) -> None:
    found = verify(talk)
    assert found.marked
    assert found.comment == COMMENT
    assert found.watermark is not None
    assert found.watermark.payload == MADE_HERE
    assert found.credentials is not None
    assert found.credentials.intact
    assert not found.credentials.trusted
    assert "self-made" in found.credentials.signer
    assert found.credentials.source_type == "trainedAlgorithmicMedia"
    assert found.credentials.software.startswith("dirfa-pipeline")


def test_other_tools_read_it(talk: Path) -> None:
    with c2pa.Reader(str(talk)) as reader:
        assert reader.get_validation_state() == "Valid"
        manifests = json.loads(reader.json())["manifests"]
    actions = [
        action["action"]
        for manifest in manifests.values()
        for assertion in manifest["assertions"]
        if assertion["label"].startswith("c2pa.actions")
        for action in assertion["data"]["actions"]
    ]
    assert actions == ["c2pa.created", "c2pa.watermarked.unbound"]
    with av.open(str(talk)) as container:
        assert container.metadata["comment"] == COMMENT
        assert sum(1 for _ in container.decode(video=0)) == len(film())


def test_a_changed_video_is_noticed(talk: Path, tmp_path: Path) -> None:
    content = bytearray(talk.read_bytes())
    content[-2000] ^= 1
    (tmp_path / "changed.mp4").write_bytes(content)
    credentials = verify(tmp_path / "changed.mp4").credentials
    assert credentials is not None
    assert not credentials.intact
    assert "assertion.bmffHash.mismatch" in credentials.problems


def test_a_copy_without_credentials_is_found_by_its_watermark(talk: Path, tmp_path: Path) -> None:
    with av.open(str(talk)) as container, VideoWriter(tmp_path / "again.mp4", FPS, crf=24) as writer:
        for frame in container.decode(video=0):
            writer.write(frame.to_ndarray(format="rgb24"))
    found = verify(tmp_path / "again.mp4")
    assert found.credentials is None
    assert found.comment is None
    assert found.marked


def test_unmarked_is_unmarked(tmp_path: Path) -> None:
    write_video(tmp_path / "a.mp4", film(), FPS, marks=None)
    found = verify(tmp_path / "a.mp4")
    assert not found.marked
    assert (found.comment, found.credentials) == (None, None)


def test_a_dub_is_a_composite_whose_redrawn_frames_are_marked(tmp_path: Path) -> None:
    frames = film()
    redrawn = np.arange(len(frames)) >= 20
    write_video(tmp_path / "a.mp4", frames, FPS, crf=0, marks=Marks(composite=True, frames=redrawn))
    found = verify(tmp_path / "a.mp4")
    assert found.comment == DUB_COMMENT
    assert found.credentials is not None
    assert found.credentials.source_type == "compositeWithTrainedAlgorithmicMedia"
    assert found.watermark is not None
    assert found.watermark.payload == MADE_HERE
    write_video(tmp_path / "plain.mp4", frames, FPS, crf=0, marks=None)
    pairs = zip(read_video(tmp_path / "a.mp4").frames, read_video(tmp_path / "plain.mp4").frames, strict=True)
    changed = np.array([not np.array_equal(one, other) for one, other in pairs])
    np.testing.assert_array_equal(changed, redrawn)


def test_a_photo_can_be_named(tmp_path: Path) -> None:
    Image.fromarray(film()[0]).save(tmp_path / "face.png")
    write_video(tmp_path / "a.mp4", film()[:10], FPS, marks=Marks(photo=tmp_path / "face.png"))
    with c2pa.Reader(str(tmp_path / "a.mp4")) as reader:
        store = json.loads(reader.json())
    ingredients = store["manifests"][store["active_manifest"]]["ingredients"]
    assert [each["title"] for each in ingredients] == ["face.png"]


def test_frames_given_stay_as_they_are(tmp_path: Path) -> None:
    frames = film()[:10]
    kept = [frame.copy() for frame in frames]
    write_video(tmp_path / "a.mp4", frames, FPS)
    np.testing.assert_array_equal(frames, kept)


def test_ones_own_certificate_signs(tmp_path: Path) -> None:
    made = self_made_certificate()
    (tmp_path / "chain.pem").write_bytes(made.chain)
    (tmp_path / "key.pem").write_bytes(made.key)
    certificate = load_certificate(tmp_path / "chain.pem", tmp_path / "key.pem")
    assert certificate == made
    write_video(tmp_path / "a.mp4", film()[:10], FPS, marks=Marks(certificate=certificate))
    credentials = verify(tmp_path / "a.mp4").credentials
    assert credentials is not None
    assert credentials.intact


def test_a_certificate_that_cannot_sign_is_refused_and_no_file_is_left(tmp_path: Path) -> None:
    """One without C2PA's usages, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "x")])
    now = datetime.datetime.now(datetime.UTC)
    own = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + datetime.timedelta(days=1))
    pem = serialization.Encoding.PEM
    (tmp_path / "c.pem").write_bytes(own.sign(key, hashes.SHA256()).public_bytes(pem))
    plain = serialization.NoEncryption()
    (tmp_path / "k.pem").write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))
    certificate = load_certificate(tmp_path / "c.pem", tmp_path / "k.pem")
    with pytest.raises(InputError, match="cannot be signed"):
        write_video(tmp_path / "a.mp4", film()[:10], FPS, marks=Marks(certificate=certificate))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["c.pem", "k.pem"]


@pytest.mark.parametrize("content", [b"", b"-----BEGIN PRIVATE KEY-----\nxx\n-----END PRIVATE KEY-----\n"])
def test_a_broken_key_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "key.pem").write_bytes(content)
    (tmp_path / "chain.pem").write_bytes(self_made_certificate().chain)
    with pytest.raises(InputError, match="must be a private key in PEM"):
        load_certificate(tmp_path / "chain.pem", tmp_path / "key.pem")
    with pytest.raises(InputError, match="does not exist"):
        load_certificate(tmp_path / "chain.pem", tmp_path / "none.pem")


def test_verify_command(talk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(talk)]) == 0
    text = capsys.readouterr().out
    assert "credentials: intact" in text
    assert f"number {MADE_HERE:#010x}" in text
    assert main(["verify", str(talk), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["marked"] is True
    assert told["watermark"]["payload"] == MADE_HERE


def test_verify_names_bad_input(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "text.mp4").write_text("no video")
    for path in (tmp_path / "none.mp4", tmp_path / "text.mp4"):
        assert main(["verify", str(path)]) == 2
        assert path.name in capsys.readouterr().err


@pytest.mark.parametrize("page", ["README.md", "weights/README.md", "spaces/README.md"])
def test_pages_say_what_is_marked(page: str) -> None:
    text = " ".join((Path(__file__).parents[2] / page).read_text().split())
    for word in ("credentials", "metadata", "invisible watermark", "agreed to it"):
        assert word in text


def test_published_cards_say_what_is_marked() -> None:
    for word in ("credentials", "metadata", "invisible watermark", "agreed to it"):
        assert word in " ".join(LIMITS.split())
