"""The cheapest way across a picture: dynamic programming, as Amini, Weymouth and Jain (1990) find contours."""

import numpy as np
from numpy.typing import NDArray

from .kernels import kernel


@kernel()
def cheapest_path(costs: NDArray[np.floating], step_costs: float, steepest: int = 1) -> NDArray[np.int64]:
    """
    The row in each column for which the costs of pixels and steps sum up least.

    Args:
        costs (`np.ndarray` of shape `(rows, columns)`): Of each pixel; at least one.
        step_costs (`float`): Of going up or down by a row from one column to the next; by two rows, four times that.
        steepest (`int`): Most rows of a step.

    Returns:
        `np.ndarray` of shape `(columns,)`.
    """
    rows, columns = costs.shape
    total, came = costs.astype(np.float64), np.zeros(costs.shape, np.int64)
    for column in range(1, columns):
        for row in range(rows):
            least = np.inf
            for before in range(max(0, row - steepest), min(rows, row + steepest + 1)):
                cost = total[before, column - 1] + step_costs * (row - before) ** 2
                if cost < least:
                    least, came[row, column] = cost, before
            total[row, column] += least
    path = np.empty(columns, np.int64)
    path[-1] = total[:, -1].argmin()
    for column in range(columns - 1, 0, -1):
        path[column - 1] = came[path[column], column]
    return path
