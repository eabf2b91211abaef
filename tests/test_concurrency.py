"""One pipeline in threads, processes and event loops: each call gives what it gives alone, and stops only itself."""

import asyncio
import multiprocessing
import os
import sys
import threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from media_files import speech
from tiny import tiny_pipeline

from dirfa_pipeline import DirfaPipeline, Portrait


SECONDS = 0.6


def draw(pipe: DirfaPipeline, seed: int) -> np.ndarray:
    """The animation of a seed, `(frames, 58)`."""
    return pipe.sample_animation(speech(SECONDS), torch.Generator().manual_seed(seed)).coefficients


def frames(pipe: DirfaPipeline, portrait: Portrait, seed: int, **options: Any) -> np.ndarray:
    """All frames of a seed."""
    animation = pipe.sample_animation(speech(SECONDS), torch.Generator().manual_seed(seed))
    return np.stack(list(pipe.render(portrait, animation, **options)))


@pytest.fixture(scope="module")
def pipe() -> DirfaPipeline:
    return tiny_pipeline()


@pytest.fixture(scope="module")
def alone(pipe: DirfaPipeline, small_portrait: Portrait) -> list[np.ndarray]:
    return [frames(pipe, small_portrait, seed) for seed in range(4)]


@pytest.fixture(scope="module")
def small_portrait(pipe: DirfaPipeline, astronaut: Any) -> Portrait:
    return pipe.prepare_portrait(astronaut, 360)


def test_threads_that_share_a_pipeline_get_what_they_get_alone(
    pipe: DirfaPipeline, small_portrait: Portrait, alone: list[np.ndarray]
) -> None:
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda seed: frames(pipe, small_portrait, seed), range(4)))
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_call_that_stops_itself_stops_no_other(
    pipe: DirfaPipeline, small_portrait: Portrait, alone: list[np.ndarray]
) -> None:
    """The one stops at its third frame; the other, which began before and ends after, has all of its own."""
    started, stopped = threading.Event(), threading.Event()

    def stop(pipe: DirfaPipeline, step: int, frame: int, tensors: dict[str, Any]) -> None:
        if frame == 2:
            pipe._interrupt = True

    def whole() -> np.ndarray:
        animation = pipe.sample_animation(speech(SECONDS), torch.Generator().manual_seed(1))
        taken = pipe.render(small_portrait, animation)
        first = next(taken)
        started.set()
        assert stopped.wait(60)
        return np.stack([first, *taken])

    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(whole)
        assert started.wait(60)
        cut = frames(pipe, small_portrait, 0, callback_on_step_end=stop)
        stopped.set()
        np.testing.assert_array_equal(other.result(60), alone[1])
    assert 3 <= len(cut) < len(alone[0])


def test_calls_with_callbacks_do_not_stop_each_other(
    pipe: DirfaPipeline, small_portrait: Portrait, alone: list[np.ndarray]
) -> None:
    """Both watch their steps; only one of them asks to stop."""
    seen: list[int] = []
    entered, stopped = threading.Event(), threading.Event()

    def watch(pipe: DirfaPipeline, step: int, frame: int, tensors: dict[str, Any]) -> None:
        seen.append(frame)
        entered.set()
        if frame == 3:
            assert stopped.wait(60)

    def stop(pipe: DirfaPipeline, step: int, frame: int, tensors: dict[str, Any]) -> None:
        pipe._interrupt = True

    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(frames, pipe, small_portrait, 1, callback_on_step_end=watch)
        assert entered.wait(60)
        frames(pipe, small_portrait, 0, callback_on_step_end=stop)
        stopped.set()
        np.testing.assert_array_equal(other.result(60), alone[1])


def test_another_thread_stops_all_calls(pipe: DirfaPipeline, small_portrait: Portrait) -> None:
    """At the frame at hand; calls that begin later are whole."""
    animation = pipe.sample_animation(speech(SECONDS), torch.Generator().manual_seed(1))
    streams = [pipe.render(small_portrait, animation) for _ in range(2)]
    for taken in streams:
        next(taken)
    stopping = threading.Thread(target=pipe.interrupt_all)
    stopping.start()
    stopping.join()
    assert [len(list(taken)) for taken in streams] == [1, 1]
    assert len(list(pipe.render(small_portrait, animation))) == len(animation)


def test_an_event_loop_goes_on_beside_calls_in_threads(pipe: DirfaPipeline) -> None:
    async def both() -> tuple[list[np.ndarray], int]:
        ticks = 0
        work = asyncio.gather(*(asyncio.to_thread(draw, pipe, seed) for seed in range(3)))
        while not work.done():
            await asyncio.sleep(0.001)
            ticks += 1
        return await work, ticks

    drawn, ticks = asyncio.run(both())
    assert ticks > 1
    for seed, one in enumerate(drawn):
        np.testing.assert_array_equal(one, draw(pipe, seed))


@cache
def own_pipeline() -> DirfaPipeline:
    return tiny_pipeline()


def in_process(seed: int) -> np.ndarray:
    return draw(own_pipeline(), seed)


def test_spawned_processes_draw_the_same(pipe: DirfaPipeline) -> None:
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
        for seed, drawn in enumerate(pool.map(in_process, range(2), timeout=300)):
            np.testing.assert_allclose(drawn, draw(pipe, seed), atol=1e-5)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_fork_after_use_works_or_fails_and_never_hangs(pipe: DirfaPipeline) -> None:
    """A child of a process that has threads may work no more; what it must not do is wait for ever."""
    before = draw(pipe, 0)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            torch.set_num_threads(1)  # the pool of the parent's threads does not come along
            os.write(writer, draw(pipe, 0).tobytes()[:4096])
            os._exit(0)
        except BaseException:
            os._exit(1)
    os.close(writer)
    ended = threading.Event()
    status: list[int] = []

    def wait() -> None:
        status.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        ended.set()

    threading.Thread(target=wait, daemon=True).start()
    if not ended.wait(120):
        os.kill(child, 9)
        pytest.fail("the child hangs")
    with os.fdopen(reader, "rb") as file:
        sent = file.read()
    if status[0] == 0:  # one thread adds in another order than two
        whole = before.ravel()[: 4096 // before.itemsize]
        np.testing.assert_allclose(np.frombuffer(sent, before.dtype), whole, atol=1e-5)


@pytest.mark.skipif(sys.platform == "win32", reason="asyncio differs there")
def test_a_running_loop_as_in_jupyter_is_no_hindrance(pipe: DirfaPipeline) -> None:
    """Notebooks run cells inside an event loop: calls that are not asynchronous work there as anywhere."""

    async def cell() -> np.ndarray:
        return draw(pipe, 2)

    np.testing.assert_array_equal(asyncio.run(cell()), draw(pipe, 2))
