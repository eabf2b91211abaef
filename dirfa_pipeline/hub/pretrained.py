"""Where a trained pipeline comes from and goes to: a folder, the package itself, the hub."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from huggingface_hub import constants, create_repo, snapshot_download, upload_folder
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    LocalTokenNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from ..bundled import BUNDLED_NAME, bundled_weights
from ..errors import HubError, InputError


DOWNLOAD_OPTIONS: Final = ("cache_dir", "force_download", "local_files_only", "revision", "token")

HINTS: Final[tuple[tuple[type[Exception] | tuple[type[Exception], ...], str], ...]] = (
    (GatedRepoError, "accept its conditions on its page, then log in (`hf auth login`) or pass token="),
    (RevisionNotFoundError, "pass a branch, tag or commit that the repository has; revision='main' is the default"),
    (
        (RepositoryNotFoundError, LocalTokenNotFoundError),
        "check the name; a private repository needs `hf auth login` or a valid token=",
    ),
    (HFValidationError, f"pass a folder, the bundled {BUNDLED_NAME!r}, or a hub id such as 'user/name'"),
    (HfHubHTTPError, "check that the token is valid and may do this, and the hub's status"),
    # What the hub's HTTP client raises where no answer comes; its name differs between versions of the hub's package.
    (
        (HfHubHTTPError.__bases__[0], ConnectionError, TimeoutError),
        "check the connection and try again; what has arrived is kept",
    ),
)
WITHOUT_NETWORK: Final = f"or load the bundled {BUNDLED_NAME!r}, which needs no network"


def find_weights(name: str, variant: str | None = None, **options: Any) -> Path:
    """
    Folder that holds the named pipeline: a folder of this name, the bundled weights, or a download.

    Args:
        name (`str`): A folder, `"dirfa-base"`, or a hub id.
        variant (`str`, *optional*): Which tensors to fetch besides the plain ones, such as `"fp16"`.
        options: `cache_dir`, `force_download`, `local_files_only`, `revision`, `token` of
            `huggingface_hub.snapshot_download`.

    Raises:
        HubError: The hub does not give it; the message says why and what to do.
    """
    if os.path.isdir(name):
        return Path(name)
    if name == BUNDLED_NAME:
        return bundled_weights()
    # A plain file has one dot in its name, one of a variant two.
    others = ["*/*.*.safetensors"] if variant is None else []
    with hub_errors(f"{name!r} is no folder here and cannot be loaded from {constants.ENDPOINT}"):
        given = {key: value for key, value in options.items() if value is not None}
        wanted = ["*.json", "*.safetensors", "*.tflite", "README.md"]
        return Path(snapshot_download(name, allow_patterns=wanted, ignore_patterns=others, **given))


def publish(folder: Path, repo_id: str, private: bool | None, token: str | None, **commit: Any) -> str:
    """
    Upload a folder to the hub as one commit, creating the repository where there is none.

    Args:
        commit: `commit_message`, `create_pr` of `huggingface_hub.upload_folder`.

    Returns:
        The address of the commit.

    Raises:
        HubError: The hub does not take it; the message says why and what to do.
    """
    with hub_errors(f"{repo_id!r} cannot be published at {constants.ENDPOINT}"):
        repo = create_repo(repo_id, private=private, token=token, exist_ok=True).repo_id
        return str(upload_folder(repo_id=repo, folder_path=folder, token=token, **commit))


@contextmanager
def hub_errors(what: str) -> Iterator[None]:
    """Turn whatever the hub's client raises into a [`HubError`] that says what failed, why, and what to do."""
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        hint = hint_for(error)
        reason = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
        raise HubError(f"{what} ({type(error).__name__}: {reason.rstrip('.')}); {hint}") from error


def hint_for(error: Exception) -> str:
    """What to do about an error of the hub's client; the connection is blamed only where it failed."""
    if isinstance(error, LocalEntryNotFoundError):
        return _hint_for_missing(error.__cause__)
    for kind, hint in HINTS:
        if isinstance(error, kind):
            return hint
    if isinstance(error, OSError) and error.errno is not None:
        return f"check that {constants.HF_HUB_CACHE} can be written and has room, or pass cache_dir="
    return "the connection is not to blame; the error that this one was raised from says more"


def _hint_for_missing(cause: BaseException | None) -> str:
    """What to do where the cache lacks a file, by what kept it from being fetched."""
    if cause is None:
        return f"leave local_files_only out to fetch it, {WITHOUT_NETWORK}"
    if isinstance(cause, OfflineModeIsEnabled):
        return f"unset HF_HUB_OFFLINE to fetch it, {WITHOUT_NETWORK}"
    if isinstance(cause, HfHubHTTPError):
        return f"the hub has trouble of its own, try again later, {WITHOUT_NETWORK}"
    return f"connect to the network, {WITHOUT_NETWORK}"
