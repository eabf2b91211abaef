"""
Content credentials (C2PA 2, `c2pa-python`): a signed statement in the file of what made it and how.

Who has no certificate gets one that was made for the occasion and says so: it shows that a file was not changed since,
not who made it.
"""

import datetime
import json
import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from ..errors import InputError
from ..version import __version__


if TYPE_CHECKING:
    from cryptography.x509 import Name

# What C2PA can sign of what this package writes; WebM is not among its formats.
SIGNED: Final = {".mp4": "video/mp4", ".mov": "video/quicktime", ".png": "image/png"}
# How files begin that C2PA reads, from which byte on.
BEGINNINGS: Final = (
    (4, b"ftypqt", "video/quicktime"), (4, b"ftyp", "video/mp4"), (0, b"\x89PNG", "image/png"),
    (8, b"AVI ", "video/avi"), (0, b"\xff\xd8", "image/jpeg"),
)  # fmt: skip
SOFTWARE: Final = "dirfa-pipeline"
SELF_MADE: Final = "dirfa-pipeline, self-made certificate"
UNVERIFIED: Final = "unverified"
# https://cv.iptc.org/newscodes/digitalsourcetype
SOURCE_TYPES: Final = "http://cv.iptc.org/newscodes/digitalsourcetype/"
GENERATED, COMPOSITE = "trainedAlgorithmicMedia", "compositeWithTrainedAlgorithmicMedia"
YEARS: Final = 10  # that a self-made certificate is valid
OFFLINE: Final = {"verify": {"remote_manifest_fetch": False, "ocsp_fetch": False}}


@dataclass(frozen=True)
class Certificate:
    """
    What credentials are signed with.

    Args:
        chain (`bytes`): Certificates in PEM, the signer's first.
        key (`bytes`): Its private key in PEM.
        algorithm (`str`, defaults to `"es256"`): C2PA's name of the signature's kind.
    """

    chain: bytes
    key: bytes
    algorithm: str = "es256"


@dataclass(frozen=True)
class Credentials:
    """
    What a file's credentials say.

    Args:
        software (`str`): That made it.
        source_type (`str`, *optional*): IPTC's digital source type, as `trainedAlgorithmicMedia`.
        signer (`str`): The certificate's name.
        intact (`bool`): Whether signature and file belong together: nothing was changed since.
        trusted (`bool`): Whether the certificate leads to one of C2PA's authorities; a self-made one does not.
        problems (`tuple[str, ...]`): C2PA's codes of what is wrong.
    """

    software: str
    source_type: str | None
    signer: str
    intact: bool
    trusted: bool
    problems: tuple[str, ...]


def can_be_signed(path: str | os.PathLike[str]) -> bool:
    """Whether C2PA knows files with such an ending."""
    return Path(path).suffix.lower() in SIGNED


def sign_file(
    path: str | os.PathLike[str], title: str, composite: bool = False, photo: str | os.PathLike[str] | None = None,
    certificate: Certificate | None = None, watermark: int | None = None, kind: str = ".mp4",
) -> None:  # fmt: skip
    """
    Write credentials into a file, which keeps its name.

    Args:
        title (`str`): The video's name.
        composite (`bool`): Whether it is a film in which only a part was made by software.
        photo: A picture that is named as an ingredient.
        certificate ([`Certificate`], *optional*): By default one that is made for this process.
        watermark (`int`, *optional*): The payload of the video's mark, which the credentials repeat.
        kind (`str`): What the file is: .mp4, .mov or .png.

    Raises:
        InputError: The certificate or the photo cannot be used.
    """
    import c2pa

    used = certificate or self_made_certificate()
    info = c2pa.C2paSignerInfo(used.algorithm.encode(), used.chain, used.key, None)
    statement = json.dumps(_statement(title, composite, watermark, SIGNED[kind]))
    signed = Path(f"{os.fspath(path)}.signed")
    try:
        with (
            c2pa.Signer.from_info(info) as signer,
            c2pa.Builder(statement) as builder,
            open(path, "rb") as unsigned,
            open(signed, "w+b") as file,
        ):
            if photo is not None:
                _add_photo(builder, Path(photo))
            builder.sign(signer, SIGNED[kind], unsigned, file)
        os.replace(signed, path)
    except c2pa.C2paError as error:
        raise InputError(f"the video cannot be signed: {error}; check certificate, key and their algorithm") from error
    finally:
        signed.unlink(missing_ok=True)


def read_credentials(path: str | os.PathLike[str]) -> Credentials | None:
    """
    What the credentials of a file say; `None` where it has none. Nothing is fetched from the network.

    Raises:
        OSError: The file cannot be read.
    """
    import c2pa

    with open(path, "rb") as file, c2pa.Context.from_dict(OFFLINE) as context:
        kind = _kind_of(file)
        if kind is None:
            return None
        try:
            reader = c2pa.Reader(kind, file, context=context)
        except c2pa.C2paError.ManifestNotFound:
            return None
        except c2pa.C2paError as error:
            return Credentials("", None, "", intact=False, trusted=False, problems=(str(error),))
        with reader:
            return _summary(json.loads(reader.json()))


def _kind_of(file: BinaryIO) -> str | None:
    """C2PA's word for what a file is by its beginning; `None` for what it does not read."""
    head = file.read(16)
    file.seek(0)
    return next((kind for start, begins, kind in BEGINNINGS if head[start:].startswith(begins)), None)


def _statement(title: str, composite: bool, watermark: int | None, kind: str) -> dict[str, Any]:
    """The claim in the form that C2PA's builder takes."""
    software = {"name": SOFTWARE, "version": __version__}
    created = {
        "action": "c2pa.created",
        "digitalSourceType": SOURCE_TYPES + (COMPOSITE if composite else GENERATED),
        "softwareAgent": software,
    }
    actions: list[dict[str, Any]] = [created]
    if watermark is not None:
        actions.append({"action": "c2pa.watermarked.unbound", "softwareAgent": software,
                        "description": f"payload {watermark:08x}"})  # fmt: skip
    return {
        "claim_generator_info": [software],
        "title": title,
        "format": kind,
        "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": actions}}],
    }


def _add_photo(builder: Any, photo: Path) -> None:
    kinds = {".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png", ".webp": "image/webp"}
    kind = kinds.get(photo.suffix.lower())
    if kind is None:
        raise InputError(f"a photo named in credentials must be JPEG, PNG or WebP, got {photo.name}; leave it out")
    with open(photo, "rb") as file:
        builder.add_ingredient({"title": photo.name, "relationship": "componentOf"}, kind, file)


def _summary(store: dict[str, Any]) -> Credentials:
    manifest = store["manifests"][store["active_manifest"]]
    software = manifest.get("claim_generator_info", [{}])[0]
    results = store.get("validation_results", {}).get("activeManifest", {})
    problems = tuple(sorted({failure["code"] for failure in results.get("failure", ())}))
    sources = [
        action["digitalSourceType"].removeprefix(SOURCE_TYPES)
        for assertion in manifest.get("assertions", ())
        if assertion["label"].startswith("c2pa.actions")
        for action in assertion["data"]["actions"]
        if "digitalSourceType" in action
    ]
    untrusted = "signingCredential.untrusted"
    return Credentials(
        software=f"{software.get('name', '')} {software.get('version', '')}".strip(),
        source_type=sources[0] if sources else None,
        signer=str(manifest.get("signature_info", {}).get("common_name", "")),
        intact=not set(problems) - {untrusted},
        trusted=untrusted not in problems,
        problems=problems,
    )


def load_certificate(chain: str | os.PathLike[str], key: str | os.PathLike[str]) -> Certificate:
    """
    A certificate from two PEM files: the chain, the signer's own first, and the private key.

    Raises:
        InputError: A file is missing, or the key is of a kind that C2PA does not take.
    """
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    for path in (chain, key):
        if not os.path.isfile(path):
            raise InputError(f"the certificate's file is not there: {os.fspath(path)}")
    secret = Path(key).read_bytes()
    try:
        private = load_pem_private_key(secret, password=None)
    except (ValueError, TypeError) as error:
        raise InputError(f"{os.fspath(key)} must be a private key in PEM without a password: {error}") from error
    curves = {"secp256r1": "es256", "secp384r1": "es384", "secp521r1": "es512"}
    if isinstance(private, ec.EllipticCurvePrivateKey) and private.curve.name in curves:
        return Certificate(Path(chain).read_bytes(), secret, curves[private.curve.name])
    if isinstance(private, ed25519.Ed25519PrivateKey):
        return Certificate(Path(chain).read_bytes(), secret, "ed25519")
    if isinstance(private, rsa.RSAPrivateKey):
        return Certificate(Path(chain).read_bytes(), secret, "ps256")
    raise InputError("credentials are signed with a key on P-256, P-384 or P-521, Ed25519 or RSA; make one of these")


@cache
def self_made_certificate() -> Certificate:
    """A certificate and its authority, made once a process and kept nowhere."""
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID

    def usage(**used: bool) -> x509.KeyUsage:
        kinds = (
            "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
            "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
        )  # fmt: skip
        return x509.KeyUsage(**{kind: used.get(kind, False) for kind in kinds})

    authority, own = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    issuer, subject = (_name(text) for text in (f"{SELF_MADE}: authority", SELF_MADE))
    extensions = x509.SubjectKeyIdentifier.from_public_key
    root = _unsigned(issuer, issuer, authority.public_key())
    root = root.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    root = root.add_extension(usage(key_cert_sign=True, crl_sign=True), critical=True)
    root = root.add_extension(extensions(authority.public_key()), critical=False)
    leaf = _unsigned(subject, issuer, own.public_key())
    leaf = leaf.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    leaf = leaf.add_extension(usage(digital_signature=True), critical=True)
    leaf = leaf.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=True)
    leaf = leaf.add_extension(extensions(own.public_key()), critical=False)
    leaf = leaf.add_extension(
        x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key()), critical=False
    )
    from cryptography.hazmat.primitives.hashes import SHA256

    pem = serialization.Encoding.PEM
    chain = b"".join(each.sign(authority, SHA256()).public_bytes(pem) for each in (leaf, root))
    plain = serialization.NoEncryption()
    return Certificate(chain, own.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))


def _name(common: str) -> "Name":
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    parts = ((NameOID.COMMON_NAME, common), (NameOID.ORGANIZATION_NAME, UNVERIFIED))
    return x509.Name([x509.NameAttribute(kind, text) for kind, text in parts])


def _unsigned(subject: "Name", issuer: "Name", public: Any) -> Any:
    from cryptography import x509

    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=365 * YEARS))
    )
