"""Loading that never leaves a random or meta parameter behind."""

from pathlib import Path

from safetensors import safe_open
from torch import nn

from .errors import CheckpointError


def check_component(name: str, module: nn.Module, folder: Path) -> None:
    """
    Compare a loaded component with the safetensors files it came from.

    Args:
        name (`str`): The component's name, for the message.
        module (`nn.Module`): The component after loading.
        folder (`Path`): The folder with its safetensors files.

    Raises:
        CheckpointError: The files lack a tensor, hold one too many, or one whose shape differs; the message names it.
    """
    stored = stored_shapes(folder)
    if not stored:
        raise CheckpointError(f"{name}: {folder} holds no .safetensors file; download or rebuild the checkpoint")
    expected = {key: tuple(value.shape) for key, value in module.state_dict().items()}
    missing, extra = sorted(expected.keys() - stored.keys()), sorted(stored.keys() - expected.keys())
    wrong = [key for key in sorted(expected.keys() & stored.keys()) if expected[key] != stored[key]]
    faults = [f"lacks {key}" for key in missing] + [f"holds the unknown {key}" for key in extra]
    faults += [f"holds {key} of shape {stored[key]} where {expected[key]} is due" for key in wrong]
    if faults:
        more = f" (and {len(faults) - 3} more)" if len(faults) > 3 else ""
        raise CheckpointError(f"{name}: the checkpoint in {folder} {'; '.join(faults[:3])}{more}; load a matching one")


def copy_to_aligned_memory(module: nn.Module) -> None:
    """
    Give every tensor memory of its own.

    Tensors mapped from a file begin at odd addresses, where vector kernels add in another order; a copy makes the
    results of a saved and loaded component equal to the last bit.
    """
    for tensor in (*module.parameters(), *module.buffers()):
        tensor.data = tensor.data.clone()


def stored_shapes(folder: Path) -> dict[str, tuple[int, ...]]:
    """Names and shapes of all tensors in a folder's safetensors files, read from their headers alone."""
    shapes: dict[str, tuple[int, ...]] = {}
    for path in sorted(folder.glob("*.safetensors")):
        with safe_open(path, framework="pt") as file:
            shapes |= {key: tuple(file.get_slice(key).get_shape()) for key in file.keys()}  # noqa: SIM118
    return shapes
