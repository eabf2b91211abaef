"""ComfyUI's own API, from a checkout that `COMFYUI` names; without one the tests are skipped."""

import importlib
import importlib.util
import os
import sys
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="session")
def nodes() -> ModuleType:
    """The folder as ComfyUI loads it: a package under its path."""
    checkout = os.environ.get("COMFYUI")
    if not checkout:
        pytest.skip("set COMFYUI to a checkout of ComfyUI")
    sys.path.insert(0, checkout)
    words, sys.argv = sys.argv, ["comfyui", "--cpu"]
    try:
        importlib.import_module("comfy.options").enable_args_parsing()  # read when the rest is imported
        folder = Path(__file__).parents[1] / "talking_face"
        spec = importlib.util.spec_from_file_location(
            "dirfa_comfyui", folder / "__init__.py", submodule_search_locations=[str(folder)]
        )
        module = importlib.util.module_from_spec(spec)
        sys.modules["dirfa_comfyui"] = module
        spec.loader.exec_module(module)
    finally:
        sys.argv = words
    return module
