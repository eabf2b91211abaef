"""Components that load all of their tensors or none: no random or meta parameter is left behind."""

import os
from typing import Any, Self

import torch
from diffusers import ModelMixin
from torch import nn

from ..errors import CheckpointError


class StrictModel(ModelMixin):
    """
    A `ModelMixin` that loads all of its tensors or none, alone (`AutoModel` included) as in a pipeline.

    Inherit from it before `ModelMixin`: diffusers looks for that name in the module of a component.
    """

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: str | os.PathLike[str], **kwargs: Any) -> Any:
        """
        Load the component; arguments are those of `ModelMixin.from_pretrained`.

        Raises:
            CheckpointError: A tensor is missing, unknown or of another shape; the message names it.
        """
        wants_info = kwargs.pop("output_loading_info", False)
        try:
            model, info = super().from_pretrained(pretrained_model_name_or_path, output_loading_info=True, **kwargs)
        except (RuntimeError, ValueError) as error:
            if not is_mismatch(error):
                raise
            raise CheckpointError(f"{cls.__name__}: a tensor does not fit the configuration: {error}") from error
        faults = [f"lacks {key}" for key in info["missing_keys"]]
        faults += [f"holds the unknown {key}" for key in info["unexpected_keys"]]
        raise_faults(f"{cls.__name__}: the checkpoint in {pretrained_model_name_or_path}", faults)
        copy_to_aligned_memory(model)
        return (model, info) if wants_info else model

    def enable_group_offload(self, onload_device: torch.device, *args: Any, **kwargs: Any) -> None:
        """Move to the device and stay there: small, and the work is not done in `forward`, where hooks would sit."""
        self.to(onload_device)


class Float32Model(StrictModel):
    """A component of measured shapes, whose tensors stay float32: half precision would move a face by pixels."""

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: str | os.PathLike[str], **kwargs: Any) -> Any:
        """Load the component in float32, whatever `dtype` the rest of the pipeline has."""
        kept = {key: value for key, value in kwargs.items() if key not in ("dtype", "torch_dtype")}
        return super().from_pretrained(pretrained_model_name_or_path, **kept)

    def to(self, *args: Any, **kwargs: Any) -> Self:
        """Move to another device; a dtype is passed over."""
        kwargs.pop("dtype", None)
        return super().to(*(argument for argument in args if not isinstance(argument, torch.dtype)), **kwargs)


def is_mismatch(error: Exception) -> bool:
    """Whether diffusers or transformers complains of a tensor's shape."""
    return "shape" in str(error) or "size mismatch" in str(error)


def copy_to_aligned_memory(module: nn.Module) -> None:
    """
    Give every tensor memory of its own.

    Tensors mapped from a file begin at odd addresses, where vector kernels add in another order; a copy makes the
    results of a saved and loaded component equal to the last bit.
    """
    for tensor in (*module.parameters(), *module.buffers()):
        tensor.data = tensor.data.clone()


def raise_faults(what: str, faults: list[str]) -> None:
    if faults:
        more = f" (and {len(faults) - 3} more)" if len(faults) > 3 else ""
        raise CheckpointError(f"{what} {'; '.join(faults[:3])}{more}; load a matching one")
