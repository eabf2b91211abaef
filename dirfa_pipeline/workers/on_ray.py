"""Workers as actors of a Ray Data stream, which feeds them, applies backpressure and replaces actors that die."""

import logging
import os
import pickle
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from ..errors import InputError, how_to_install
from .work import ONE_THREAD, Item, Make, Result


OBJECT_STORE: Final = 300_000_000  # bytes, if Ray is started here; items and results are small
CONNECT_SECONDS: Final = 10.0
IN_FLIGHT: Final = 2  # items assigned to an actor: one in progress, one on its way


def check_ray() -> None:
    """Raise [`InputError`] unless Ray is installed."""
    try:
        import ray.data  # noqa: F401
    except ImportError as error:
        raise InputError(
            f"an address of a Ray cluster needs Ray, which is not installed ({error}): {how_to_install('scale')}"
        ) from error


def on_ray(make: Make[Item, Result], items: Sequence[Item], count: int, address: str) -> Iterator[Result]:
    """See [`Workers.map`]. Each item is a block of its own, so that its result is passed on as soon as it is ready."""
    import ray.data
    from ray import cloudpickle  # can also pickle what was defined in a script

    with _connected(address, count):
        context = ray.data.DataContext.get_current()
        context.enable_progress_bars = False
        logging.getLogger("ray.data").setLevel(logging.ERROR)
        most = min(count, len(items))
        rows = ray.data.from_items(
            [{"item": cloudpickle.dumps(item)} for item in items], override_num_blocks=len(items)
        )
        results = rows.map_batches(
            _Actor, fn_constructor_args=(make,), batch_size=1, num_cpus=1,
            compute=ray.data.ActorPoolStrategy(
                min_size=1, max_size=most, initial_size=most, max_tasks_in_flight_per_actor=IN_FLIGHT
            ),
        )  # fmt: skip
        for row in results.iter_rows():
            yield pickle.loads(row["result"])


class _Actor:
    """Wraps a worker's function for Ray Data, which passes and expects columns."""

    def __init__(self, make: Make[Any, Any]) -> None:
        self._function = make()

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[bytes]]:
        return {"result": [pickle.dumps(self._function(pickle.loads(item))) for item in batch["item"]]}


@contextmanager
def _connected(address: str, count: int) -> Iterator[None]:
    """Connect to the cluster, or start one of `count` cores; an existing connection is used and left open."""
    import ray

    if ray.is_initialized():
        yield
        return
    quiet = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_DATA_DISABLE_PROGRESS_BARS": "1"}
    for name, value in quiet.items():
        os.environ.setdefault(name, value)
    shared: dict[str, Any] = {
        "runtime_env": {"env_vars": ONE_THREAD},
        "log_to_driver": False,
        "logging_level": "error",
    }
    try:
        _check_answers(address)
        if address == "local":
            ray.init("local", num_cpus=count, object_store_memory=OBJECT_STORE, include_dashboard=False, **shared)
        else:
            ray.init(address, **shared)
    except (OSError, ValueError, RuntimeError) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise InputError(
            f"no Ray cluster answers at {address} ({reason}); start one or leave --address out"
        ) from error
    try:
        yield
    finally:
        ray.shutdown()


def _check_answers(address: str) -> None:
    """Raise `OSError` if nothing listens at the address, because Ray itself would retry for minutes."""
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if colon and port.isdigit():
        socket.create_connection((host, int(port)), CONNECT_SECONDS).close()
