"""A training loop that can be interrupted: schedule, averaged weights, checkpoints, curves."""

import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn


logger = logging.getLogger(__name__)


class TrainingError(RuntimeError):
    """Training cannot go on; the message names the step and what is left on disk."""


@dataclass(frozen=True)
class Schedule:
    """
    Args:
        steps (`int`): Updates of the weights.
        peak_rate (`float`): Highest learning rate; it rises over the first eighth and falls to zero at the end.
        weight_decay (`float`, defaults to 0.02): Of AdamW.
        average (`float`, defaults to 0.998): Decay of the averaged weights.
        accumulate (`int`, defaults to 1): Batches for one update.
        checkpoint_every (`int`, defaults to 200): Steps between checkpoints.
    """

    steps: int
    peak_rate: float
    weight_decay: float = 0.02
    average: float = 0.998
    accumulate: int = 1
    checkpoint_every: int = 200


class TrainingRun:
    """
    One stage of training: iterate over it to get a generator for each batch, and pass its losses to `update`.

    ```python
    run = TrainingRun("teacher", model, Schedule(1000, 1e-3), accelerator, folder)
    for generator in run:
        run.update({"loss": loss_of(run.model, draw_batch(generator))})
    run.average  # the averaged model
    ```

    A run whose checkpoint exists goes on from there, to the same losses as if it had never stopped.

    Args:
        name (`str`): Names the checkpoint and the curves.
        model (`nn.Module`): What is trained.
        schedule (`Schedule`): How.
        accelerator (`Accelerator`): Device, precision, processes; losses go to its trackers.
        folder (`Path`): For `<name>.pt`.
        seed (`int`): Seeds each batch by seed, step, part of the step and process.
    """

    def __init__(
        self, name: str, model: nn.Module, schedule: Schedule, accelerator: Accelerator, folder: Path, seed: int = 0
    ) -> None:
        self.name, self.schedule, self.accelerator, self.seed = name, schedule, accelerator, seed
        self.checkpoint = folder / f"{name}.pt"
        self.step = 0
        model = model.to(accelerator.device)
        self.averaged = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(schedule.average))
        trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
        optimizer = torch.optim.AdamW(
            trained, lr=schedule.peak_rate, weight_decay=schedule.weight_decay, betas=(0.9, 0.98)
        )
        rate = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, schedule.peak_rate, total_steps=schedule.steps, pct_start=0.12
        )
        # The learning rate advances with our steps on every process: accelerate must not wrap it.
        self.rate = rate
        self.model, self.optimizer = accelerator.prepare(model, optimizer)
        self.means: dict[str, float] = {}
        if self.checkpoint.exists():
            self._load()

    @property
    def average(self) -> nn.Module:
        """The model with averaged weights."""
        return self.averaged.module

    @property
    def unwrapped(self) -> nn.Module:
        """The model being trained, without accelerate's wrapping."""
        return self.accelerator.unwrap_model(self.model)

    def __iter__(self) -> Iterator[torch.Generator]:
        began, first = time.monotonic(), self.step
        self.model.train()
        while self.step < self.schedule.steps:
            for part in range(self.schedule.accumulate):
                self._last_part = part + 1 == self.schedule.accumulate
                yield self._generator(part)
            self._finish_step()
            if self.step % 50 == 0 or self.step == self.schedule.steps:
                pace = (self.step - first) / (time.monotonic() - began)
                losses = "  ".join(f"{name} {value:.4f}" for name, value in self.means.items())
                logger.info("%s step %d  %s  %.1f steps a second", self.name, self.step, losses, pace)
                self.log(self.means)
            if self.step % self.schedule.checkpoint_every == 0 or self.step == self.schedule.steps:
                self._save()

    def update(self, terms: dict[str, Tensor]) -> None:
        """
        Take the named losses of one batch; their sum is minimised.

        Raises:
            TrainingError: A loss is not finite. The last checkpoint stays as it is.
        """
        total = torch.stack(list(terms.values())).sum()
        if not torch.isfinite(total):
            values = {name: term.item() for name, term in terms.items()}
            kept = (
                f"step {self._saved_step()} is in {self.checkpoint}" if self.checkpoint.exists() else "none is saved"
            )
            raise TrainingError(f"{self.name}: the loss of step {self.step + 1} is not finite: {values}; {kept}")
        if self._last_part:
            self.accelerator.backward(total / self.schedule.accumulate)
        else:
            with self.accelerator.no_sync(self.model):
                self.accelerator.backward(total / self.schedule.accumulate)
        for name, term in terms.items():
            value = term.item()
            self.means[name] = 0.98 * self.means.get(name, value) + 0.02 * value

    def log(self, values: dict[str, float]) -> None:
        """Write values to the accelerator's trackers, under this run's name."""
        self.accelerator.log({f"{self.name}/{name}": value for name, value in values.items()}, step=self.step)

    def _generator(self, part: int) -> torch.Generator:
        device = self.accelerator.device
        numbers = (self.seed, self.step, part, self.accelerator.process_index)
        seed = 0
        for number in numbers:
            seed = (seed * 1_000_003 + number + 1) % 2**62
        torch.manual_seed(seed)  # dropout
        return torch.Generator(device).manual_seed(seed)

    def _finish_step(self) -> None:
        self.accelerator.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.rate.step()
        self.averaged.update_parameters(self.unwrapped)
        self.step += 1

    def _save(self) -> None:
        """Write everything that a resumed run needs, whole or not at all."""
        self.accelerator.wait_for_everyone()
        if not self.accelerator.is_main_process:
            return
        state = {
            "model": self.unwrapped.state_dict(), "average": self.average.state_dict(), "step": self.step,
            "optimizer": self.optimizer.state_dict(), "rate": self.rate.state_dict(), "means": self.means,
        }  # fmt: skip
        self.checkpoint.parent.mkdir(parents=True, exist_ok=True)
        temporary = self.checkpoint.with_name(self.checkpoint.name + ".part")
        torch.save(state, temporary)
        temporary.replace(self.checkpoint)

    def _load(self) -> None:
        state = torch.load(self.checkpoint, weights_only=True, map_location=self.accelerator.device)
        self.unwrapped.load_state_dict(state["model"])
        self.average.load_state_dict(state["average"])
        self.averaged.n_averaged.fill_(state["step"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.rate.load_state_dict(state["rate"])
        self.step, self.means = state["step"], state["means"]
        logger.info("%s goes on from step %d of %s", self.name, self.step, self.checkpoint)

    def _saved_step(self) -> int:
        return int(torch.load(self.checkpoint, weights_only=True, map_location="cpu")["step"])
