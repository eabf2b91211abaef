"""The renderer's inner loops, compiled. Each call runs in its own thread and lets others run beside it."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from .interpolation import lost_light
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


@kernel(nogil=True)
def blend_over_plate(
    warped: NDArray[np.uint8], light: NDArray[np.uint8], cutout: NDArray[np.uint8], plate: NDArray[np.uint8],
    remainder: NDArray[np.int16], map_x: Array, map_y: Array, left: int, top: int, margin: float,
    out: NDArray[np.uint8],
) -> None:  # fmt: skip
    """
    Lay the warped person over what is behind, in place.

    What the photo has over the two fades away as the picture moves by up to `margin`: the photo at rest is itself.

    Args:
        warped (`np.ndarray` of shape `(height, width, 4)`): The warped picture with its alpha, mirrored at its border.
        light (`np.ndarray` of shape `(height, width)`): Its light, see [`lost_light`].
        cutout (`np.ndarray` of shape `(rows, columns, 4)`): The whole picture with its alpha before. Only where the
            border cuts the person off does the mirror image count as theirs.
        plate (`np.ndarray` of shape `(height, width, 3)`): The picture without the person.
        remainder (`np.ndarray` of shape `(height, width, 3)`): What the photo has over the person on the plate.
        map_x, map_y (`np.ndarray` of shape `(height, width)`): Where in the photo each pixel comes from.
        left, top (`int`): Corner of the window.
        margin (`float`): In pixels.
        out (`np.ndarray` of shape `(height, width, 3)`): Becomes the frame.
    """
    height, width = warped.shape[:2]
    last_row, last_column = np.float32(cutout.shape[0] - 1), np.float32(cutout.shape[1] - 1)
    gain = np.float32(255.0 / (margin * margin))
    for row in range(height):
        for column in range(width):
            alpha = int(warped[row, column, 3])
            x, y = map_x[row, column], map_y[row, column]
            if alpha > 0 and not (0.0 <= x <= last_column and 0.0 <= y <= last_row):
                inside_x, inside_y = min(max(x, 0.0), last_column), min(max(y, 0.0), last_row)
                alpha = min(alpha, int(cutout[int(inside_y + 0.5), int(inside_x + 0.5), 3]))
            lost = lost_light(light, row, column, x, y)
            if alpha == 255:
                for channel in range(3):
                    out[row, column, channel] = int(min(max(warped[row, column, channel] + lost, 0.0), 255.0) + 0.5)
                continue
            dx, dy = x - left - column, y - top - row
            rest = 255 - min(255, int(gain * (dx * dx + dy * dy)))
            for channel in range(3):
                mixed = alpha * int(warped[row, column, channel]) + (255 - alpha) * int(plate[row, column, channel])
                mixed += int(alpha * lost) + rest * int(remainder[row, column, channel]) + 127
                # A 255th, exactly: a product and a shift are faster than a division.
                out[row, column, channel] = (min(max(mixed, 0), 65152) * 32897) >> 23


@kernel(nogil=True)
def lay_over(frame: NDArray[np.uint8], cover: NDArray[np.uint8], own: NDArray[np.int16]) -> None:
    """Draw a mount over a frame, in place, see [`Mount`]."""
    for row in range(cover.shape[0]):
        for column in range(cover.shape[1]):
            if cover[row, column] > 0:
                bare = 255 - int(cover[row, column])
                for channel in range(3):
                    mixed = (bare * int(frame[row, column, channel]) + 127) // 255 + own[row, column, channel]
                    frame[row, column, channel] = min(max(mixed, 0), 255)
