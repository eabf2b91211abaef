"""A Space of the demo page: its app, this package's sources and the trained weights, so that no index is needed."""

import shutil
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from huggingface_hub import constants, create_repo, upload_folder

from ..bundled import BUNDLED_NAME, bundled_weights
from ..errors import InputError
from .pretrained import hub_errors


PACKAGE: Final = Path(__file__).parents[1]
EXTRA: Final = "app"  # of this package's requirements, that the page needs
SPACES: Final = "spaces>=0.40"  # lends the GPU; the host's own
LEFT_OUT: Final = ("__pycache__", "*.pyc", "weights", "spaces")


def gather_space(folder: Path) -> None:
    """
    Put everything that a Space needs into a folder: its app, this package's sources, and the list of what to install.

    Raises:
        InputError: The package lacks the Space's files, or was never installed.
    """
    shutil.copytree(space_files(), folder, dirs_exist_ok=True)
    shutil.copytree(PACKAGE, folder / PACKAGE.name, ignore=shutil.ignore_patterns(*LEFT_OUT))
    shutil.copytree(bundled_weights(), folder / PACKAGE.name / "weights" / BUNDLED_NAME)
    (folder / "requirements.txt").write_text("\n".join([*requirements(), SPACES]) + "\n", encoding="utf-8")


def space_files() -> Path:
    """The folder with the Space's app, inside the installed package or next to it in a checkout."""
    for place in (PACKAGE / "spaces", PACKAGE.parent / "spaces"):
        if (place / "app.py").is_file():
            return place
    raise InputError(f"there are no files of a Space in {PACKAGE}; install the package again")


def requirements() -> list[str]:
    """What this package and its page need of others, a line each."""
    try:
        lines = requires("dirfa-pipeline") or []
    except PackageNotFoundError as error:
        raise InputError("a Space's requirements are those of the installed package; pip install it first") from error
    wanted = (line.partition(";") for line in lines)
    return [name.strip() for name, _, marker in wanted if not marker or f"extra == '{EXTRA}'" in marker]


def push_space(repo_id: str, private: bool | None = None, token: str | None = None, message: str | None = None) -> str:
    """
    Publish the demo page as a Space of the hub, made if there is none.

    Args:
        repo_id (`str`): `user/name`.
        private (`bool`, *optional*): Whether only you see it, if it is new.
        token, message (`str`, *optional*): As in [`DirfaPipeline.push_to_hub`].

    Returns:
        The address of the commit.

    Raises:
        HubError: The hub does not take it; the message says why and what to do.
        InputError: See [`gather_space`].
    """
    with TemporaryDirectory() as name:
        gather_space(Path(name))
        with hub_errors(f"{repo_id!r} cannot be published at {constants.ENDPOINT}"):
            repo = create_repo(
                repo_id, private=private, token=token, exist_ok=True, repo_type="space", space_sdk="gradio"
            ).repo_id
            said = message or "Upload the demo page"
            return str(
                upload_folder(repo_id=repo, folder_path=name, commit_message=said, token=token, repo_type="space")
            )
