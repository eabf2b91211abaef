"""
Files damaged at random, with a seed: bytes changed, cut out, doubled or replaced by what parsers dislike.

`python tests/mutations.py 20000 [seed]` damages so many animation files and says what came of them.
"""

import sys
import warnings
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from dirfa_pipeline import Animation, InputError
from dirfa_pipeline.animation.files import load_animation, save_animation


DISLIKED = (
    b"9" * 400, b"[" * 3000, b"]", b"{", b'"', b"\r", b"\0", b"\xff\xfe", b"nan", b"-1e999", b"1e39", b"true", b"null",
    b"99:59:59:59", b"00:00:00:00", b",,", b"\n\n", b"[[]]", "\u0664".encode(), b"0" * 5000, b"-", b"1e-320",
)  # fmt: skip


def damaged(content: bytes, rng: np.random.Generator) -> bytes:
    """The content with one to four faults."""
    data = bytearray(content)
    for _ in range(rng.integers(1, 5)):
        start = int(rng.integers(0, len(data) + 1))
        stop = min(len(data), start + int(rng.integers(0, 12)))
        fault = rng.integers(0, 5)
        if fault == 0:
            data[start:stop] = rng.integers(0, 256, stop - start, np.uint8).tobytes()
        elif fault == 1:
            del data[start:stop]
        elif fault == 2:
            data[start:start] = data[start:stop] * int(rng.integers(1, 30))
        elif fault == 3:
            data[start:stop] = DISLIKED[rng.integers(0, len(DISLIKED))]
        elif rng.random() < 0.3:
            del data[start:]
    return bytes(data)


def damaged_archive(content: bytes, rng: np.random.Generator) -> bytes:
    """An archive one of whose members is damaged, so that the archive's own checks do not hide it."""
    with zipfile.ZipFile(BytesIO(content)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    name = list(members)[rng.integers(0, len(members))]
    head = members[name][:128]  # the array's header, where its type, order and shape stand
    members[name] = damaged(head, rng) + members[name][128:] if rng.random() < 0.7 else damaged(members[name], rng)
    whole = BytesIO()
    with zipfile.ZipFile(whole, "w") as archive:
        for name, member in members.items():
            archive.writestr(name, member)
    return whole.getvalue()


def animation_mutants(kind: str, count: int, seed: int) -> Iterator[bytes]:
    """Damaged animation files of a kind: csv, json, npz."""
    rng = np.random.default_rng(seed)
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"good.{kind}"
        save_animation(Animation.from_curves(4, jawOpen=[0.1, 0.5, 0.2, 0.0], yaw=-0.1), path)
        good = path.read_bytes()
    for number in range(count):
        inside = kind == "npz" and number % 2
        yield damaged_archive(good, rng) if inside else damaged(good, rng)


def outcomes(kind: str, count: int, seed: int, read: Callable[[Path], object] = load_animation) -> Counter[str]:
    """What came of reading them: "read", "refused", or the name of an exception that is none of ours."""
    seen: Counter[str] = Counter()
    with TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = Path(folder) / f"file.{kind}"
        for number, content in enumerate(animation_mutants(kind, count, seed)):
            path.write_bytes(content)
            try:
                read(path)
                seen["read"] += 1
            except InputError as error:
                assert 20 < len(str(error)) < 600 + len(str(path)), str(error)
                seen["refused"] += 1
            except Exception as error:
                seen[f"{type(error).__name__} in {kind} {number}"] += 1
    return seen


if __name__ == "__main__":
    for ending in ("csv", "json", "npz"):
        result = outcomes(ending, int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0)
        print(ending, dict(result))
