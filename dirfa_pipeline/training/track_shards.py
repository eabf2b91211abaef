"""
Tracked clips in tar files in WebDataset's layout, in which consecutive members with the same name form one clip.

Tar files stream in one pass from a disk, a pipe or the Hub, need no library, keep sound as FLAC files that any player
opens, and can be read by `webdataset`. Parquet would need pyarrow and hide sound and numbers in cells.

    in_the_wild/obama.json   source, speaker, fps, what it is used to train, how well it was tracked
    in_the_wild/obama.npz    coefficients, valid, eye_openness
    in_the_wild/obama.flac   its own sound, 16 kHz mono; absent if it has none
    in_the_wild/obama.npy    features of an audio encoder; absent unless requested
"""

import io
import json
import os
import tarfile
import zipfile
from collections.abc import Iterable, Iterator
from itertools import chain, groupby
from pathlib import Path
from typing import Final

import numpy as np
import soundfile
from numpy.typing import NDArray

from ..animation.coefficients import check_coefficients
from ..animation.frame_rate import ANIMATION_FPS
from ..errors import InputError
from ..media.audio import ENCODER_RATE
from ..workers.addresses import Address
from .motion_data import TrackedClip


END: Final = bytes(2 * tarfile.BLOCKSIZE)  # the last bytes of a complete tar file
ARRAYS: Final = ("coefficients", "valid", "eye_openness")


class ShardError(InputError):
    """A shard cannot be used for training; the message names the file and the clip."""


def write_shard(place: Address, clips: Iterable[TrackedClip]) -> int:
    """
    Write clips as one shard, completely or not at all; the same clips give the same bytes. Returns their number.

    If there are no clips, no shard is written, and an existing one is removed.

    Raises:
        ShardError: Two clips have the same name.
    """
    names: set[str] = set()
    remaining = iter(clips)
    first = next(remaining, None)
    if first is None:
        place.remove()
        return 0
    with place.whole() as path, tarfile.open(path, "w") as shard:
        for clip in chain((first,), remaining):
            name = member_name(clip.name)
            if name in names:
                raise ShardError(f"two clips would be {name} in {place}; rename one")
            names.add(name)
            for kind, content in _members(clip):
                _add(shard, f"{name}.{kind}", content)
    return len(names)


def member_name(clip_name: str) -> str:
    """A clip's name in a shard, without dots, because WebDataset takes what follows the first dot as the extension."""
    return clip_name.replace(".", "_")


def _members(clip: TrackedClip) -> Iterator[tuple[str, bytes]]:
    facts = {
        "source": clip.source, "speaker": clip.speaker, "fps": ANIMATION_FPS, "teaches": list(clip.teaches),
        "frames": len(clip.valid), "valid_frames": int(clip.valid.sum()), "encoder": clip.encoder, **clip.quality,
    }  # fmt: skip
    yield "json", json.dumps(facts).encode()
    arrays = io.BytesIO()
    np.savez_compressed(
        arrays, coefficients=clip.coefficients, valid=clip.valid, eye_openness=clip.eye_openness.astype(np.float32)
    )
    yield "npz", arrays.getvalue()
    if clip.audio is not None:
        sound = io.BytesIO()
        soundfile.write(sound, clip.audio, ENCODER_RATE, format="FLAC", subtype="PCM_16")
        yield "flac", sound.getvalue()
    if clip.features is not None:
        features = io.BytesIO()
        np.save(features, clip.features)
        yield "npy", features.getvalue()


def _add(shard: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    shard.addfile(member, io.BytesIO(content))


def read_shards(folder: Path) -> Iterator[TrackedClip]:
    """
    Stream all clips of a folder of shards, in the order of their file names.

    Raises:
        ShardError: There is no shard, or one is empty, truncated or incomplete.
    """
    paths = sorted(folder.glob("*.tar"))
    if not paths:
        raise ShardError(f"{folder} holds no .tar shards; write them with dirfa_pipeline.training.prepare")
    for path in paths:
        yield from read_shard(path)


def read_shard(path: Path) -> Iterator[TrackedClip]:
    """Stream the clips of one shard; raises [`ShardError`] like [`read_shards`]."""
    clips = 0
    try:
        _check_end(path)
        with tarfile.open(path, "r|") as shard:
            for name, members in groupby(shard, lambda member: os.path.splitext(member.name)[0]):
                yield _read_clip(name, _contents(shard, members, f"{path}, clip {name}"), path)
                clips += 1
    except (tarfile.TarError, EOFError) as error:
        raise ShardError(f"{path} is cut off or not a tar file ({error}); write it again") from error
    if not clips:
        raise ShardError(f"{path} holds no clip; delete it or write it again with prepare")


class OpenShard:
    """
    A shard in memory, for access in any order. Clips are decoded when they are requested.

    Args:
        place ([`Address`]): The file.

    Raises:
        ShardError: The file does not exist, is truncated, or holds no clip.
    """

    def __init__(self, place: Address) -> None:
        self._place, content = place, place.read()
        if content is None:
            raise ShardError(f"{place} does not exist any more; write it again with prepare")
        try:
            if not content.endswith(END):
                raise EOFError("its end is missing")
            with tarfile.open(fileobj=io.BytesIO(content)) as shard:
                groups = groupby(shard, lambda member: os.path.splitext(member.name)[0])
                self._clips = [(name, _contents(shard, group, f"{place}, clip {name}")) for name, group in groups]
        except (tarfile.TarError, EOFError) as error:
            raise ShardError(f"{place} is cut off or not a tar file ({error}); write it again") from error
        if not self._clips:
            raise ShardError(f"{place} holds no clip; delete it or write it again with prepare")

    def __len__(self) -> int:
        return len(self._clips)

    def __getitem__(self, index: int) -> TrackedClip:
        name, content = self._clips[index]
        return _read_clip(name, content, Path(str(self._place)))


def _check_end(path: Path) -> None:
    """Raise `EOFError` if the zeros that end a tar are missing; cut off between clips, it would seem complete."""
    with open(path, "rb") as file:
        file.seek(max(0, path.stat().st_size - len(END)))
        if file.read() != END:
            raise EOFError("its end is missing")


def _contents(shard: tarfile.TarFile, members: Iterable[tarfile.TarInfo], where: str) -> dict[str, bytes]:
    """The files of one clip by extension."""
    content: dict[str, bytes] = {}
    for member in filter(tarfile.TarInfo.isfile, members):
        kind = os.path.splitext(member.name)[1][1:]
        if kind in content:
            raise ShardError(f"{where} holds .{kind} twice: two clips have the same name; write the shard again")
        content[kind] = _content(shard, member)
    return content


def _content(shard: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = shard.extractfile(member)
    assert file is not None  # a regular file
    content = file.read()
    if len(content) < member.size:
        raise EOFError(f"{member.name} ends early")
    return content


def _read_clip(name: str, content: dict[str, bytes], path: Path) -> TrackedClip:
    """Check and decode the members of one clip."""
    where = f"{path}, clip {name}"
    missing = [kind for kind in ("json", "npz") if kind not in content]
    if missing:
        raise ShardError(f"{where} lacks .{missing[0]}; write the shard again with prepare")
    try:
        facts = json.loads(content["json"])
        with np.load(io.BytesIO(content["npz"]), allow_pickle=False) as file:
            arrays = {key: file[key] for key in file.files}
        audio = _read_sound(content["flac"], where) if "flac" in content else None
        features = np.load(io.BytesIO(content["npy"]), allow_pickle=False) if "npy" in content else None
        lacking = [key for key in ARRAYS if key not in arrays] + [k for k in ("fps", "teaches") if k not in facts]
        if lacking:
            raise ShardError(f"{where} lacks the column {lacking[0]}; write the shard again with prepare")
        if "lips" in facts["teaches"] and audio is None:
            raise ShardError(f"{where} is for training lips but lacks .flac; write the shard again with prepare")
        if facts["fps"] != ANIMATION_FPS:
            raise ShardError(f"{where} is at {facts['fps']} fps; tracks must be at {ANIMATION_FPS:g}")
        return TrackedClip(
            name=name, coefficients=check_coefficients(arrays["coefficients"]), valid=arrays["valid"].astype(bool),
            eye_openness=arrays["eye_openness"].astype(np.float32), audio=audio, source=facts.get("source", ""),
            speaker=facts.get("speaker", ""), teaches=tuple(facts["teaches"]), features=features,
            encoder=facts.get("encoder", ""),
        )  # fmt: skip
    except ShardError:
        raise
    except (ValueError, KeyError, OSError, EOFError, zipfile.BadZipFile, soundfile.SoundFileError) as error:
        raise ShardError(f"{where} cannot be read ({error}); write the shard again with prepare") from error


def _read_sound(content: bytes, where: str) -> NDArray[np.float32]:
    samples, rate = soundfile.read(io.BytesIO(content), dtype="float32")
    if rate != ENCODER_RATE:
        raise ShardError(f"{where} has sound at {rate} Hz; shards hold {ENCODER_RATE} Hz")
    return np.asarray(samples, np.float32)
