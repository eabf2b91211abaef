"""A resumable training loop with a schedule, averaged weights, checkpoints and curves."""

import copy
import logging
import math
import pickle
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from diffusers import ModelMixin
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from ..media.files import whole_file


logger = logging.getLogger(__name__)

Tensors = tuple[Tensor, ...] | list[Tensor]


class TrainingError(RuntimeError):
    """Training cannot continue; the message names the step and the state on disk."""


@dataclass(frozen=True)
class Schedule:
    """
    The length and learning rate of a run, and how often it validates, saves and logs.

    Args:
        steps (`int`): Updates of the weights.
        peak_rate (`float`): Highest learning rate; it rises over the first eighth and falls to zero at the end.
        weight_decay (`float`, defaults to 0.02): AdamW's weight decay.
        average (`float`, defaults to 0.998): Decay of the averaged weights.
        accumulate (`int`, defaults to 1): Batches per update.
        checkpoint_every (`int`, defaults to 200): Steps between checkpoints.
        validate_every (`int`, defaults to 200): Steps between validations.
        log_every (`int`, defaults to 50): Steps between points of the curves.
    """

    steps: int
    peak_rate: float
    weight_decay: float = 0.02
    average: float = 0.998
    accumulate: int = 1
    checkpoint_every: int = 200
    validate_every: int = 200
    log_every: int = 50


@dataclass
class Meter:
    """
    Measures the pace of a run since the last reading.

    Args:
        clips, tokens (`int`): Crops of clips trained on, and time steps in them.
        waited (`float`): Seconds spent waiting for data.
    """

    clips: int = 0
    tokens: int = 0
    waited: float = 0.0
    began: float = field(default_factory=time.monotonic)

    def rates(self, processes: int) -> dict[str, float]:
        """Clips and tokens per second over all processes, and the share of time that this one waited for data."""
        seconds = max(time.monotonic() - self.began, 1e-9)
        return {
            "clips a second": processes * self.clips / seconds, "tokens a second": processes * self.tokens / seconds,
            "share of waiting for data": self.waited / seconds,
        }  # fmt: skip


def moving_average(decay: float) -> Callable[[Tensors, Tensors, Tensor | int], None]:
    """
    Exponential moving average of weights for `AveragedModel`, which forgets the initial weights faster than `decay`
    alone would: the decay of update n is at most (1 + n) / (10 + n), as in TensorFlow's `ExponentialMovingAverage`.
    """

    @torch.no_grad()
    def update(averaged: Tensors, current: Tensors, count: Tensor | int) -> None:
        now = min(decay, (1 + int(count)) / (10 + int(count)))
        torch._foreach_lerp_(averaged, current, 1.0 - now)

    return update


def exporter(whole: ModelMixin, part: str) -> Callable[[nn.Module, Path], None]:
    """A function that saves the whole model with other weights in one part, for use while that part is trained."""

    def export(trained: nn.Module, folder: Path) -> None:
        copied = copy.deepcopy(whole)
        getattr(copied, part).load_state_dict(trained.state_dict())
        copied.save_pretrained(folder)

    return export


class TrainingRun:
    """
    One stage of training. Iterate over it to get a random generator for each batch, and pass the losses to `update`.

    ```python
    run = TrainingRun("teacher", model, Schedule(1000, 1e-3), accelerator, folder)
    for generator in run:
        run.update({"loss": loss_of(run.model, draw_batch(generator))})
    run.average  # the averaged model
    ```

    A run resumes from its checkpoint if there is one, and reaches the same losses as without the interruption. With
    `validate`, `best` keeps the averaged weights with the lowest validation loss, which may be the initial ones.

    Args:
        name (`str`): Name of the checkpoint and the curves.
        model (`nn.Module`): The model to train.
        schedule (`Schedule`): The schedule.
        accelerator (`Accelerator`): Sets device, precision and processes; its trackers get the losses.
        folder (`Path`): Folder for `<name>.pt`.
        seed (`int`): Each batch is seeded by this seed, the step, the part of the step and the process.
        validate (`Callable`, *optional*): Returns the named losses of a model on validation data.
        export (`Callable`, *optional*): Saves a model to a folder for `from_pretrained`. With each checkpoint, it
            saves the averaged model to `<name>-latest` in `folder`, so that it can be tried while the run continues.
        data (`str`, defaults to `""`): What the order of the data depends on; a run resumes only if it is unchanged.

    Raises:
        TrainingError: The checkpoint is from a run with another number of steps or other data.
    """

    def __init__(
        self,
        name: str,
        model: nn.Module,
        schedule: Schedule,
        accelerator: Accelerator,
        folder: Path,
        seed: int = 0,
        validate: Callable[[nn.Module], dict[str, float]] | None = None,
        export: Callable[[nn.Module, Path], None] | None = None,
        data: str = "",
    ) -> None:
        self.name, self.schedule, self.accelerator, self.seed = name, schedule, accelerator, seed
        self.validate, self.least, self.data = validate, math.inf, data
        self.best: dict[str, Tensor] = {}
        self.checkpoint, self.before = folder / f"{name}.pt", folder / f"{name}-before.pt"
        self.latest, self.export = folder / f"{name}-latest", export
        self.meter = Meter()
        self.step = 0
        self.completes = False  # whether the current batch is the last one of its step
        model = model.to(accelerator.device)
        self.averaged = AveragedModel(model, multi_avg_fn=moving_average(schedule.average))
        trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
        optimizer = torch.optim.AdamW(
            trained, lr=schedule.peak_rate, weight_decay=schedule.weight_decay, betas=(0.9, 0.98)
        )
        rate = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, schedule.peak_rate, total_steps=schedule.steps, pct_start=0.12
        )
        # Every process advances the learning rate once per step, so accelerate must not wrap the scheduler.
        self.rate = rate
        self.model, self.optimizer = accelerator.prepare(model, optimizer)
        self.means: dict[str, float] = {}
        state = self._newest()
        if state is not None:
            self._load(state)

    @property
    def average(self) -> nn.Module:
        """The model with averaged weights."""
        return self.averaged.module

    @property
    def unwrapped(self) -> nn.Module:
        """The model being trained, without accelerate's wrapping."""
        return self.accelerator.unwrap_model(self.model)

    def __iter__(self) -> Iterator[torch.Generator]:
        self.model.train()
        if self.step == 0:
            self._validate()
        while self.step < self.schedule.steps:
            for part in range(self.schedule.accumulate):
                self.completes = part + 1 == self.schedule.accumulate
                # Inside no_sync, gradients are not sent to the other processes.
                with nullcontext() if self.completes else self.accelerator.no_sync(self.model):
                    yield self._generator(part)
            self._finish_step()
            if self.step % self.schedule.log_every == 0 or self.step == self.schedule.steps:
                self._tell()
            if self.step % self.schedule.validate_every == 0 or self.step == self.schedule.steps:
                self._validate()
            if self.step % self.schedule.checkpoint_every == 0 or self.step == self.schedule.steps:
                self._save()

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Count the time that the block takes, which fetches the next batch, as waiting for data."""
        began = time.monotonic()
        yield
        self.meter.waited += time.monotonic() - began

    def update(self, terms: dict[str, Tensor], clips: int = 0, tokens: int = 0) -> None:
        """
        Minimise the sum of the named losses of one batch.

        Args:
            terms (`dict[str, Tensor]`): The losses.
            clips, tokens (`int`): Contents of the batch, for the logged pace.

        Raises:
            TrainingError: A loss is not finite. The last checkpoint is kept.
        """
        total = torch.stack(list(terms.values())).sum()
        if not torch.isfinite(total):
            raise self._not_finite("loss", {name: term.item() for name, term in terms.items()})
        self.accelerator.backward(total / self.schedule.accumulate)
        for name, term in terms.items():
            value = term.item()
            self.means[name] = 0.98 * self.means.get(name, value) + 0.02 * value
        self.meter.clips += clips
        self.meter.tokens += tokens

    def log(self, values: dict[str, float]) -> None:
        """Log values to the accelerator's trackers under this run's name."""
        self.accelerator.log({f"{self.name}/{name}": value for name, value in values.items()}, step=self.step)

    def _tell(self) -> None:
        """Log losses and pace, as a line of text and as points of the curves."""
        rates = self.meter.rates(self.accelerator.num_processes)
        self.meter = Meter()
        losses = "  ".join(f"{name} {value:.4f}" for name, value in self.means.items())
        pace = "  ".join(f"{value:.2f} {name}" for name, value in rates.items())
        logger.info("%s step %d  %s  %s", self.name, self.step, losses, pace)
        self.log(self.means | rates)

    def _validate(self) -> None:
        if self.validate is None:
            return
        losses = self.validate(self.average)
        logger.info("%s step %d  validation %s", self.name, self.step, losses)
        self.log({f"validation {name}": loss for name, loss in losses.items()})
        if sum(losses.values()) < self.least:
            self.least, self.best = sum(losses.values()), copy.deepcopy(self.average.state_dict())

    def _generator(self, part: int) -> torch.Generator:
        device = self.accelerator.device
        numbers = (self.seed, self.step, part, self.accelerator.process_index)
        seed = 0
        for number in numbers:
            seed = (seed * 1_000_003 + number + 1) % 2**62
        torch.manual_seed(seed)  # dropout
        return torch.Generator(device).manual_seed(seed)

    def _not_finite(self, what: str, value: object) -> TrainingError:
        saved = self._newest()
        kept = "none is saved" if saved is None else f"step {saved['step']} is saved in {self.checkpoint.parent}"
        return TrainingError(f"{self.name}: the {what} of step {self.step + 1} is not finite: {value}; {kept}")

    def _finish_step(self) -> None:
        norm = self.accelerator.clip_grad_norm_(self.model.parameters(), 1.0)
        # With fp16, a step whose gradient is not finite is skipped, and the scale of the loss is lowered.
        if self.accelerator.scaler is None and not torch.isfinite(norm):
            raise self._not_finite("gradient", norm.item())
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.rate.step()
        self.averaged.update_parameters(self.unwrapped)
        self.step += 1

    def _save(self) -> None:
        """Write everything that a resumed run needs, completely or not at all, and keep the previous checkpoint."""
        self.accelerator.wait_for_everyone()
        if not self.accelerator.is_main_process:
            return
        state = {
            "model": self.unwrapped.state_dict(), "average": self.average.state_dict(), "step": self.step,
            "optimizer": self.optimizer.state_dict(), "rate": self.rate.state_dict(), "means": self.means,
            "data": self.data,
        }  # fmt: skip
        if self.accelerator.scaler is not None:
            state["scaler"] = self.accelerator.scaler.state_dict()
        if self.validate is not None:
            state |= {"best": self.best, "least": self.least}
        self.checkpoint.parent.mkdir(parents=True, exist_ok=True)
        self._export()
        with whole_file(self.checkpoint) as temporary:
            torch.save(state, temporary)
            if self.checkpoint.exists():
                self.checkpoint.replace(self.before)

    def _export(self) -> None:
        if self.export is None:
            return
        unfinished = self.latest.with_name(self.latest.name + ".part")
        shutil.rmtree(unfinished, ignore_errors=True)
        self.export(self.average, unfinished)
        shutil.rmtree(self.latest, ignore_errors=True)
        unfinished.replace(self.latest)

    def _newest(self) -> dict[str, Any] | None:
        """The newest checkpoint, or the one before it, with a warning, if that cannot be read."""
        for path in (self.checkpoint, self.before):
            if path.exists():
                try:
                    # With several processes the accelerator's device may be "cpu:0", which load refuses.
                    return dict(torch.load(path, weights_only=True, map_location="cpu"))
                except (RuntimeError, OSError, EOFError, ValueError, pickle.UnpicklingError) as error:
                    logger.warning("%s cannot be read (%s); trying the one before it", path, type(error).__name__)
        return None

    def _load(self, state: dict[str, Any]) -> None:
        steps = state["rate"]["total_steps"]
        if steps != self.schedule.steps:
            raise TrainingError(
                f"{self.checkpoint} is from a run of {steps} steps, not {self.schedule.steps}; remove it or name "
                "another folder"
            )
        if state.get("data", "") != self.data:
            raise TrainingError(
                f"{self.checkpoint} is from a run on {state.get('data') or 'clips in memory'}, this one is on "
                f"{self.data or 'clips in memory'}: samples would be repeated or left out; use the same data, or name "
                "another folder"
            )
        self.unwrapped.load_state_dict(state["model"])
        self.average.load_state_dict(state["average"])
        self.averaged.n_averaged.fill_(state["step"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.rate.load_state_dict(state["rate"])
        if self.accelerator.scaler is not None and "scaler" in state:  # fp16: restore the scale of the loss, too
            self.accelerator.scaler.load_state_dict(state["scaler"])
        self.step, self.means = state["step"], state["means"]
        self.best, self.least = state.get("best", {}), state.get("least", math.inf)
        logger.info("%s resumes at step %d of %s", self.name, self.step, self.checkpoint)


def remove_checkpoints(folder: Path, names: Iterable[str]) -> None:
    """Remove the checkpoints of runs with these names, so that the next ones start from scratch."""
    for name in names:
        for path in (folder / f"{name}.pt", folder / f"{name}-before.pt"):
            path.unlink(missing_ok=True)
        shutil.rmtree(folder / f"{name}-latest", ignore_errors=True)


def pad_rows(values: Tensor, length: int) -> Tensor:
    """Append zeros along the first dimension, up to `length`."""
    return torch.cat([values, values.new_zeros(length - len(values), *values.shape[1:])])


def tell_processes(accelerator: Accelerator) -> None:
    """Log how many processes train together, because a launcher may start only one, or several that do not connect."""
    number, count = accelerator.process_index, accelerator.num_processes
    logger.info("process %d, one of %d processes, on %s", number, count, accelerator.device)


StartRun = Callable[..., TrainingRun]  # TrainingRun with accelerator, folder and seed already given
