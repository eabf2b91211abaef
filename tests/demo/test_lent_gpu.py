"""A GPU that is lent for single tasks, as ZeroGPU does: nothing touches what lies on it outside of these."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
import torch
from media_files import speech
from tiny import tiny_pipeline

from dirfa_pipeline import DirfaPipeline
from dirfa_pipeline.demo.page import build_demo
from dirfa_pipeline.demo.preview import prepare_preview
from dirfa_pipeline.demo.takes import Order, Take
from dirfa_pipeline.media.wav import write_wav


HELD = threading.local()
ASKED_WITHOUT = ("__get__", "size", "dim", "numel", "__repr__")  # what can be told of a tensor without the GPU


class OnGpu(torch.Tensor):
    """A tensor that can be used only while the GPU is lent."""

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func.__name__ not in ASKED_WITHOUT:
            assert getattr(HELD, "lent", False), f"{func.__name__} on a GPU that is not lent"
        with torch._C.DisableTorchFunctionSubclass():
            return func(*args, **(kwargs or {}))


def lend(task: Callable[..., Iterator[Any]]) -> Callable[..., Iterator[Any]]:
    """As `spaces.GPU`, for generators: the GPU is there while the task runs, and only for it."""

    def lent(*arguments: Any) -> Iterator[Any]:
        steps = task(*arguments)
        while True:
            HELD.lent = True
            try:
                step = next(steps, None)
            finally:
                HELD.lent = False
            if step is None:
                return
            yield step

    return lent


@pytest.fixture(scope="module")
def lent_pipe() -> DirfaPipeline:
    pipe = tiny_pipeline()
    for component in pipe.components.values():
        for module in component.modules() if isinstance(component, torch.nn.Module) else ():
            for name, parameter in list(module._parameters.items()):
                if parameter is not None:
                    module._parameters[name] = parameter.detach().as_subclass(OnGpu)
    return pipe


def test_the_test_sees_what_it_should(lent_pipe: DirfaPipeline, astronaut: Path) -> None:
    for use in (
        lambda: lent_pipe.sample_animation(speech(0.5)),
        lambda: prepare_preview(lent_pipe, str(astronaut)),
    ):
        with pytest.raises(AssertionError, match="not lent"):
            use()


def test_only_takes_use_the_gpu(lent_pipe: DirfaPipeline, astronaut: Path, tmp_path: Path) -> None:
    """The page's work runs while the GPU is lent; previews, checks and heads are drawn by the pipeline beside it."""
    kept: dict[str, Any] = {}

    def watch(task: Callable[..., Iterator[Any]]) -> Callable[..., Iterator[Any]]:
        kept[task.__name__] = lend(task)
        return kept[task.__name__]

    page = build_demo(lent_pipe, on_gpu=watch, talker=tiny_pipeline())
    assert isinstance(page, gr.Blocks)
    assert kept.keys() == {"work", "dub"}
    sound = tmp_path / "speech.wav"
    write_wav(str(sound), speech(0.6))
    order = Order(str(astronaut), str(sound), size=256 + 128, fps=10)
    takes = [step for step in kept["work"](order, tmp_path) if isinstance(step, Take)]
    assert [Path(take.video).name for take in takes] == ["take-1.mp4"]
    bound = [cell.cell_contents for event in page.fns.values() for cell in closures(event.fn)]
    assert not any(value is lent_pipe for value in bound), "something beside the work holds the pipeline on the GPU"


def closures(function: Any) -> list[Any]:
    """All that a function and those which it holds were made with, but for the work itself."""
    found, waiting, seen = [], [function], set()
    while waiting:
        function = waiting.pop()
        function = getattr(function, "__wrapped__", function)
        for cell in getattr(function, "__closure__", None) or ():
            if id(cell) in seen:
                continue
            seen.add(id(cell))
            found.append(cell)
            if callable(cell.cell_contents) and getattr(cell.cell_contents, "__name__", "") != "lent":
                waiting.append(cell.cell_contents)
    return found
