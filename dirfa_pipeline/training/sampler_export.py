"""The whole sampler saved while one part of it is trained, and crops filled up to one length."""

import copy
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

from ..models.animation_sampler import AnimationSampler


def exporter(sampler: AnimationSampler, part: str) -> Callable[[nn.Module, Path], None]:
    """What saves the whole sampler with another state of a part of it, while that part is trained."""

    def export(trained: nn.Module, folder: Path) -> None:
        whole = copy.deepcopy(sampler)
        getattr(whole, part).load_state_dict(trained.state_dict())
        whole.save_pretrained(folder)

    return export


def pad_rows(values: Tensor, length: int) -> Tensor:
    """Append zeros along the first dimension."""
    return torch.cat([values, values.new_zeros(length - len(values), *values.shape[1:])])
