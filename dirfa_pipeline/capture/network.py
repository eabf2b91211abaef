"""A small trained network in a file, run by LiteRT."""

from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from ..errors import CheckpointError


Array = NDArray[np.float32]


class Network:
    """
    A network that takes one array and gives one or several. It may be used by one thread at a time.

    Args:
        path (`Path`): A `.tflite` file.

    Raises:
        CheckpointError: The file is missing or holds no network; the message names it.
    """

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise CheckpointError(f"{path} is missing; download or save the checkpoint again")
        try:
            # One thread: the networks take a few milliseconds, and several would only wait for each other.
            self._interpreter = Interpreter(model_content=path.read_bytes(), num_threads=1)
            self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise CheckpointError(
                f"{path} holds no network ({error}); download or save the checkpoint again"
            ) from error
        self._input = self._interpreter.get_input_details()[0]["index"]
        self._outputs = [detail["index"] for detail in self._interpreter.get_output_details()]

    def __call__(self, values: Array) -> list[Array]:
        """All outputs for an input without its batch axis; the outputs keep theirs, of length 1."""
        self._interpreter.set_tensor(self._input, values[None])
        self._interpreter.invoke()
        return [self._interpreter.get_tensor(index) for index in self._outputs]
