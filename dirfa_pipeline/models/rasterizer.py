"""The renderer's two inner loops, compiled for one CPU thread."""

import numpy as np
from numba import njit
from numpy.typing import NDArray


Array = NDArray[np.float32]


@njit(cache=True, fastmath=True)
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
        if area >= -1e-6:
            continue
        first_row = max(0, int(np.ceil(min(ay, by, cy))))
        last_row = min(height - 1, int(np.floor(max(ay, by, cy))))
        first_column = max(0, int(np.ceil(min(ax, bx, cx))))
        last_column = min(width - 1, int(np.floor(max(ax, bx, cx))))
        inverse = 1.0 / area
        step_b = (cy - ay) * inverse
        step_c = -(by - ay) * inverse
        for row in range(first_row, last_row + 1):
            # Barycentric weights of b and c at the first column, then a constant step a column.
            weight_b = ((first_column - ax) * (cy - ay) - (row - ay) * (cx - ax)) * inverse
            weight_c = ((bx - ax) * (row - ay) - (by - ay) * (first_column - ax)) * inverse
            entered = False
            for column in range(first_column, last_column + 1):
                weight_a = 1.0 - weight_b - weight_c
                if weight_a >= -1e-5 and weight_b >= -1e-5 and weight_c >= -1e-5:
                    entered = True
                    z = weight_a * target[a, 2] + weight_b * target[b, 2] + weight_c * target[c, 2]
                    if z < depth[row, column]:
                        depth[row, column] = z
                        map_x[row, column] = (
                            weight_a * source[a, 0] + weight_b * source[b, 0] + weight_c * source[c, 0]
                        )
                        map_y[row, column] = (
                            weight_a * source[a, 1] + weight_b * source[b, 1] + weight_c * source[c, 1]
                        )
                elif entered:  # a triangle is convex: the rest of the row is outside too
                    break
                weight_b += step_b
                weight_c += step_c


@njit(cache=True)
def blend_over_plate(
    warped: NDArray[np.uint8], cutout: NDArray[np.uint8], plate: NDArray[np.uint8], map_x: Array, map_y: Array,
    left: int, top: int, margin: float, out: NDArray[np.uint8],
) -> None:  # fmt: skip
    """
    Lay the warped person over what is behind, in place.

    Behind is the plate where the picture has moved by `margin` or more, and the photo where it has not moved: the
    cut-out stands that far off the person, so less motion uncovers nothing and the photo's own pixels are the best.

    Args:
        warped (`np.ndarray` of shape `(height, width, 4)`): The warped picture with its alpha, mirrored at its border.
        cutout (`np.ndarray` of shape `(rows, columns, 4)`): The whole picture with its alpha before. Only where the
            border cuts the person off does the mirror image count as theirs.
        plate (`np.ndarray` of shape `(height, width, 3)`): The picture without the person.
        map_x, map_y (`np.ndarray` of shape `(height, width)`): Where in the photo each pixel comes from.
        left, top (`int`): Corner of the window.
        margin (`float`): In pixels.
        out (`np.ndarray` of shape `(height, width, 3)`): The photo; becomes the frame.
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
                alpha = min(alpha, int(cutout[int(inside_y), int(inside_x), 3]))
            if alpha == 255:
                for channel in range(3):
                    out[row, column, channel] = warped[row, column, channel]
                continue
            dx, dy = x - left - column, y - top - row
            share = min(255, int(gain * (dx * dx + dy * dy)))
            if alpha == 0 and share == 0:
                continue
            for channel in range(3):
                behind = share * plate[row, column, channel] + (255 - share) * out[row, column, channel]
                mixed = 255 * alpha * warped[row, column, channel] + (255 - alpha) * behind
                out[row, column, channel] = (mixed + 32512) // 65025
