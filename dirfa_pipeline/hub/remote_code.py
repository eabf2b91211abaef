"""
The code that travels with published weights, so that the generic `DiffusionPipeline` loads them.

    DiffusionPipeline.from_pretrained("user/name", custom_pipeline="user/name", trust_remote_code=True)

diffusers looks for the pipeline in `pipeline.py` and, on the hub, for each component in a file named after its module;
all of them only import this package.
"""

import json
from pathlib import Path
from typing import Final


PACKAGE: Final = __name__.partition(".")[0]
PIPELINE_FILE: Final = "pipeline.py"
TEMPLATE: Final = '''"""Lets `DiffusionPipeline` load these weights; needs `pip install dirfa-pipeline`."""

from {module} import {name}


__all__ = ["{name}"]
'''


def write_pipeline_code(folder: Path) -> None:
    """Write what a local folder needs in addition to its `model_index.json`."""
    (folder / PIPELINE_FILE).write_text(_files(folder)[PIPELINE_FILE], encoding="utf-8")


def write_hub_code(folder: Path) -> None:
    """Write all that a repository on the hub needs into a folder that is about to be published."""
    for name, text in _files(folder).items():
        (folder / name).write_text(text, encoding="utf-8")


def is_only_ours(folder: Path) -> bool:
    """Whether all code in a folder is what this module writes: running it runs nothing but this package."""
    files = _files(folder)
    return all(
        files.get(path.relative_to(folder).as_posix()) == path.read_text(encoding="utf-8")
        for path in folder.rglob("*.py")
    )


def _files(folder: Path) -> dict[str, str]:
    """Paths and texts of the code for the pipeline in a folder."""
    index = json.loads((folder / "model_index.json").read_text(encoding="utf-8"))
    files = {PIPELINE_FILE: TEMPLATE.format(module=PACKAGE, name=index["_class_name"])}
    for part, entry in index.items():
        if isinstance(entry, list) and str(entry[0]).startswith(f"{PACKAGE}."):
            files[f"{part}/{entry[0]}.py"] = TEMPLATE.format(module=entry[0], name=entry[1])
    return files
