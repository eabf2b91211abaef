"""Sources of clips: folders of videos, or VoxCeleb2 as it is distributed, at local or remote addresses."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

from ..errors import InputError
from ..workers.addresses import Address, Listed
from .track_shards import member_name


VIDEO_SUFFIXES: Final = (".mp4", ".mpg", ".mov", ".webm")
VOXCELEB: Final = re.compile(r"(?:.*/)?(id\d{5})/[^/]+/[^/]+\.mp4")
KINDS: Final = ("videos", "vox2")


@dataclass(frozen=True)
class Video:
    """
    A clip to track.

    Args:
        path (`str`): Path of the file within the source's folder.
        name (`str`): Its name in shards, after the source's name.
        sound (`str`): Path of the file with its sound, also within the folder.
        speaker (`str`): The speaker, if the source names one.
        size, sound_size (`int`): Sizes of the files in bytes, to notice empty and changed ones.
    """

    path: str
    name: str
    sound: str
    speaker: str = ""
    size: int = 0
    sound_size: int = 0


@dataclass(frozen=True)
class Source:
    """A folder of clips ordered by name, and what they may be used to train, of `"lips"` and `"motion"`."""

    name: str
    folder: Address
    videos: tuple[Video, ...]
    teaches: tuple[str, ...]


def list_videos(folder: Address, kind: str | None = None) -> list[Video]:
    """
    List the clips in a folder of videos or of VoxCeleb2.

    Args:
        folder ([`Address`]): The folder.
        kind (`str`, *optional*): One of `KINDS`; told from the names of the files by default.

    Raises:
        InputError: The folder holds no clip of this kind, or cannot be reached.
    """
    files = {file.path: file for file in folder.list()}
    people = {path: found[1] for path in files if (found := VOXCELEB.fullmatch(path))}
    if kind == "vox2" and not people:
        raise InputError(
            f"{folder} is not VoxCeleb2: no idNNNNN/VIDEO/CLIP.mp4 is in it; name the folder that holds these, or "
            "leave --source out for a folder of any videos"
        )
    if people and kind != "videos":
        return _voxceleb(files, people)
    videos = sorted(path for path in files if PurePosixPath(path).suffix.lower() in VIDEO_SUFFIXES)
    if not videos:
        raise InputError(
            f"{folder} holds no video ({', '.join(VIDEO_SUFFIXES)}); name a folder of videos, or VoxCeleb2's"
        )
    return [Video(path, PurePosixPath(path).stem, path, size=files[path].size) for path in videos]


def _voxceleb(files: Mapping[str, Listed], people: Mapping[str, str]) -> list[Video]:
    videos = []
    for path, person in sorted(people.items(), key=lambda item: PurePosixPath(item[0]).parts[-3:]):
        sound = next((place for place in _sound_places(path) if place in files), path)
        name = "/".join(PurePosixPath(path).with_suffix("").parts[-3:])
        videos.append(Video(path, name, sound, person, files[path].size, files[sound].size))
    return videos


def _sound_places(path: str) -> tuple[str, str]:
    """Where VoxCeleb2 keeps the sound of a clip: next to it, or at the same path in a tree named `aac`."""
    beside = PurePosixPath(path).with_suffix(".m4a")
    return str(beside), str(PurePosixPath(*("aac" if part == "mp4" else part for part in beside.parts)))


def list_sources(
    folders: Iterable[Address],
    kind: str | None = None,
    lips_only: Iterable[str] = (),
    without_sound: Iterable[str] = (),
) -> list[Source]:
    """
    The sources in some folders, each with its folder's name.

    Args:
        folders: The folders.
        kind (`str`, *optional*): See [`list_videos`].
        lips_only, without_sound: Names of sources that are not used to train motion, and not used to train lips.

    Raises:
        InputError: A folder has no videos, two folders or two clips have the same name, or a name is unknown.
    """
    sources: dict[str, Source] = {}
    for folder in folders:
        name = folder.name
        if name in sources:
            raise InputError(f"two folders are called {name}, {folder} is one; each source needs a name of its own")
        videos = list_videos(folder, kind)
        paths: dict[str, str] = {}
        for video in videos:
            called = member_name(video.name)
            if called in paths:
                raise InputError(
                    f"{paths[called]} and {folder / video.path} would both be called {called}; rename one"
                )
            paths[called] = video.path
        withheld = {"lips": without_sound, "motion": lips_only}
        teaches = tuple(channel for channel, names in withheld.items() if name not in names)
        sources[name] = Source(name, folder, tuple(videos), teaches)
    for name in (*lips_only, *without_sound):
        if name not in sources:
            raise InputError(f"{name} is not one of the sources {', '.join(sources)}; use the name of the folder")
    return list(sources.values())
