"""Where each pixel of a moved mesh comes from: a compiled loop that lets other threads run meanwhile."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from .kernels import inner, kernel


Array = NDArray[np.float32]

# Rounding errors of float32, not the look.
LEAST_AREA: Final = 1e-6  # square pixels, doubled: smaller triangles are seen from their edge
LEAST_STEP: Final = 1e-12  # change of a barycentric weight from pixel to pixel, below which it does not change
SLACK: Final = 1e-5  # of a barycentric weight: neighbours overlap by this much, so that no pixel falls between them


@kernel(fastmath=True, nogil=True)
def rasterize_map(
    target: Array, source: Array, triangles: NDArray[np.int32], left: int, top: int, map_x: Array, map_y: Array,
    depth: Array,
) -> None:  # fmt: skip
    """
    Write, for each pixel of a window, the place in the photo that the mesh brings there; the nearest surface wins.

    Args:
        target (`np.ndarray` of shape `(vertices, 3)`): Where the vertices are now, in pixels, z away from the viewer.
        source (`np.ndarray` of shape `(vertices, 2)`): Where they are in the photo.
        triangles (`np.ndarray` of shape `(triangles, 3)`): Counter-clockwise on screen when they face the viewer.
        left, top (`int`): Corner of the window.
        map_x, map_y, depth (`np.ndarray` of shape `(height, width)`): Written in place; pixels that no triangle
            covers keep their own place.
    """
    height, width = map_x.shape
    for row in range(height):
        for column in range(width):
            map_x[row, column] = left + column
            map_y[row, column] = top + row
            depth[row, column] = np.inf
    for index in range(len(triangles)):
        a, b, c = triangles[index, 0], triangles[index, 1], triangles[index, 2]
        ax, ay = target[a, 0] - left, target[a, 1] - top
        bx, by = target[b, 0] - left, target[b, 1] - top
        cx, cy = target[c, 0] - left, target[c, 1] - top
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if area >= -LEAST_AREA:
            continue
        first_row = max(0, int(np.ceil(min(ay, by, cy))))
        last_row = min(height - 1, int(np.floor(max(ay, by, cy))))
        first_column = max(0, int(np.ceil(min(ax, bx, cx))))
        last_column = min(width - 1, int(np.floor(max(ax, bx, cx))))
        inverse = 1.0 / area
        step_b = (cy - ay) * inverse
        step_c = -(by - ay) * inverse
        step_a = -step_b - step_c
        for row in range(first_row, last_row + 1):
            # Barycentric weights at the first column change by a constant step; all three are positive in one span.
            weight_b = ((first_column - ax) * (cy - ay) - (row - ay) * (cx - ax)) * inverse
            weight_c = ((bx - ax) * (row - ay) - (by - ay) * (first_column - ax)) * inverse
            start, stop = 0.0, float(last_column - first_column)
            for weight, step in ((1.0 - weight_b - weight_c, step_a), (weight_b, step_b), (weight_c, step_c)):
                if step > LEAST_STEP:
                    start = max(start, (-SLACK - weight) / step)
                elif step < -LEAST_STEP:
                    stop = min(stop, (-SLACK - weight) / step)
                elif weight < -SLACK:
                    stop = -1.0
            first, last = int(np.ceil(start)), int(np.floor(stop))
            if last < first:
                continue
            left_b, left_c = weight_b + first * step_b, weight_c + first * step_c
            z, z_step = _along(target[a, 2], target[b, 2], target[c, 2], left_b, left_c, step_b, step_c)
            x, x_step = _along(source[a, 0], source[b, 0], source[c, 0], left_b, left_c, step_b, step_c)
            y, y_step = _along(source[a, 1], source[b, 1], source[c, 1], left_b, left_c, step_b, step_c)
            span = slice(first_column + first, first_column + last + 1)
            depths, xs, ys = depth[row, span], map_x[row, span], map_y[row, span]
            for place in range(last - first + 1):  # without a branch: four or eight pixels at a time
                share = np.float32(place)
                at = z + share * z_step
                nearer = at < depths[place]
                depths[place] = at if nearer else depths[place]
                xs[place] = x + share * x_step if nearer else xs[place]
                ys[place] = y + share * y_step if nearer else ys[place]


@inner(fastmath=True, inline="always")
def _along(
    at_a: float, at_b: float, at_c: float, weight_b: float, weight_c: float, step_b: float, step_c: float
) -> tuple[np.float32, np.float32]:
    """What corners' values make of a place with these weights, and how it changes along a row."""
    to_b, to_c = at_b - at_a, at_c - at_a
    return np.float32(at_a + weight_b * to_b + weight_c * to_c), np.float32(step_b * to_b + step_c * to_c)
