"""
Content credentials (C2PA 2, `c2pa-python`): a signed statement, inside the file, of what made it and how.

Without a certificate of the user's own, a self-made one is used and named as such. It shows that a file has not been
changed since it was signed, but not who made it.
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

# The formats that this package writes and C2PA can sign; C2PA does not support WebM.
SIGNED: Final = {".mp4": "video/mp4", ".mov": "video/quicktime", ".png": "image/png"}
# The first bytes of files that C2PA reads: offset, content, media type.
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
YEARS: Final = 10  # for which a self-made certificate is valid
OFFLINE: Final = {"verify": {"remote_manifest_fetch": False, "ocsp_fetch": False}}


@dataclass(frozen=True)
class Certificate:
    """
    A certificate and the private key with which credentials are signed.

    Args:
        chain (`bytes`): The certificates in PEM, the signer's first.
        key (`bytes`): The signer's private key in PEM.
        algorithm (`str`, defaults to `"es256"`): C2PA's name of the signature algorithm.
    """

    chain: bytes
    key: bytes
    algorithm: str = "es256"


@dataclass(frozen=True)
class Credentials:
    """
    What a file's credentials say.

    Args:
        software (`str`): The software that made it.
        source_type (`str`, *optional*): IPTC's digital source type, such as `trainedAlgorithmicMedia`.
        signer (`str`): The name in the certificate.
        intact (`bool`): Whether the signature matches the file, so that nothing was changed since it was signed.
        trusted (`bool`): Whether one of C2PA's authorities issued the certificate; not so for a self-made one.
        problems (`tuple[str, ...]`): C2PA's codes for the problems found.
    """

    software: str
    source_type: str | None
    signer: str
    intact: bool
    trusted: bool
    problems: tuple[str, ...]


def can_be_signed(path: str | os.PathLike[str]) -> bool:
    """Whether C2PA can sign files with this extension."""
    return Path(path).suffix.lower() in SIGNED


def sign_file(
    path: str | os.PathLike[str], title: str, composite: bool = False, photo: str | os.PathLike[str] | None = None,
    certificate: Certificate | None = None, watermark: int | None = None, kind: str = ".mp4",
) -> None:  # fmt: skip
    """
    Write credentials into a file, in place.

    Args:
        title (`str`): The video's name.
        composite (`bool`): Whether only a part of the film was generated.
        photo: A photo to name as an ingredient.
        certificate ([`Certificate`], *optional*): By default, a self-made one for this process.
        watermark (`int`, *optional*): The payload of the video's watermark, which the credentials repeat.
        kind (`str`): The type of the file: .mp4, .mov or .png.

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
        raise InputError(f"the video cannot be signed: {error}; check the certificate, key and algorithm") from error
    finally:
        signed.unlink(missing_ok=True)


def read_credentials(path: str | os.PathLike[str]) -> Credentials | None:
    """
    Read the credentials of a file; `None` if it has none. Nothing is fetched from the network.

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
    """The media type of a file by its first bytes; `None` for types that C2PA does not read."""
    head = file.read(16)
    file.seek(0)
    return next((kind for start, begins, kind in BEGINNINGS if head[start:].startswith(begins)), None)


def _statement(title: str, composite: bool, watermark: int | None, kind: str) -> dict[str, Any]:
    """The manifest in the form that C2PA's builder takes."""
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
    Load a certificate from two PEM files: the chain, with the signer's own first, and the private key.

    Raises:
        InputError: A file is missing, or C2PA does not support the type of the key.
    """
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    for path in (chain, key):
        if not os.path.isfile(path):
            raise InputError(f"the certificate's file does not exist: {os.fspath(path)}")
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
    raise InputError("the key must be on P-256, P-384 or P-521, Ed25519 or RSA; make one of these")


@cache
def self_made_certificate() -> Certificate:
    """A certificate and its authority, made once per process and never stored."""
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
