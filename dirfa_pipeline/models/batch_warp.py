"""
The warp of many frames at once, in torch, for devices that like few and large operations.

The same picture as `rasterizer` makes one frame at a time on a CPU, up to rounding. Coordinates and colours are
float32 whatever the pipeline's dtype; there is no float64, which some devices lack.
"""

from typing import Final

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from ..rendering.interpolation import BEND


Array = NDArray[np.float32]

BATCH_PIXELS: Final = 4_000_000  # of all windows that are warped at once: about 1 GiB at work


class BatchWarp:
    """
    One photo on a device.

    Args:
        cutout, relaxed (`np.ndarray` of shape `(height, width, 4)`): The picture with the person's alpha; the same
            without its smile.
        plate (`np.ndarray` of shape `(height, width, 3)`): The picture without the person.
        remainder (`np.ndarray` of shape `(height, width, 3)`): What the photo has over the person on the plate.
        triangles (`np.ndarray` of shape `(triangles, 3)`): Of the mesh.
        window (`tuple[slice, slice]`): Rows and columns that can move.
        face (`tuple[slice, slice]`): Rows and columns whose light changes.
        margin (`float`): Motion, in pixels, from which on nothing is left of the remainder.
    """

    def __init__(
        self, cutout: NDArray[np.uint8], relaxed: NDArray[np.uint8], plate: NDArray[np.uint8],
        remainder: NDArray[np.int16], triangles: NDArray[np.int32], window: tuple[slice, slice],
        face: tuple[slice, slice], margin: float, device: torch.device,
    ) -> None:  # fmt: skip
        self.window, self.face, self.margin, self.device = window, face, margin, device
        pictures = cutout if relaxed is cutout else np.concatenate([cutout, relaxed[..., :3]], axis=-1)
        self.pictures = self._planes(pictures)
        self.grey = torch.tensor([0.299, 0.587, 0.114], device=device)[None, :, None, None]
        self.plate, self.remainder = self._planes(plate[window]), self._planes(remainder[window])
        self.triangles = torch.as_tensor(triangles, dtype=torch.long, device=device)
        self.height, self.width = plate.shape[:2]

    def _planes(self, picture: NDArray[np.integer]) -> Tensor:
        """Channels first, float32: `(1, channels, height, width)`."""
        return torch.as_tensor(np.ascontiguousarray(picture), device=self.device).permute(2, 0, 1)[None].float()

    @property
    def frames_at_once(self) -> int:
        """How many frames are worth warping together."""
        rows, columns = self.window
        return max(1, BATCH_PIXELS // max(1, (rows.stop - rows.start) * (columns.stop - columns.start)))

    @torch.inference_mode()
    def __call__(self, targets: Array, sources: Array, parted: Array, shading: Array) -> NDArray[np.uint8]:
        """
        Warp frames.

        Args:
            targets (`np.ndarray` of shape `(frames, vertices, 3)`): Where the vertices are, z away from the viewer.
            sources (`np.ndarray` of shape `(frames, vertices, 2)`): Where they are in the photo.
            parted (`np.ndarray` of shape `(frames,)`): How much of the mouth's own look has left, in [0, 1].
            shading (`np.ndarray` of shape `(frames, *face)`): Change of light on the photo's face.

        Returns:
            `np.ndarray` of shape `(frames, *window, 3)`, uint8.
        """
        arrays = (targets, sources, parted, shading)
        at, origin, mix, change = (torch.as_tensor(array, device=self.device).float() for array in arrays)
        with torch.autocast(self.device.type, enabled=False):
            places = self._places(at, origin)
            return self._blend(places, mix[:, None, None, None], change).permute(0, 2, 3, 1).cpu().numpy()

    def _places(self, at: Tensor, origin: Tensor) -> Tensor:
        """Where in the photo each pixel comes from, `(frames, height, width, 2)`; the nearest surface wins."""
        rows, columns = self.window
        height, width = rows.stop - rows.start, columns.stop - columns.start
        y, x = (torch.arange(size, device=self.device, dtype=torch.float32) for size in (height, width))
        still = torch.stack(torch.meshgrid(x + columns.start, y + rows.start, indexing="xy"), dim=-1)
        places = still.repeat(len(at), 1, 1, 1)

        corners = at[:, self.triangles].flatten(0, 1)  # (frames * triangles, 3 corners, 3)
        corners = corners - torch.tensor([columns.start, rows.start, 0.0], device=self.device)
        (ax, ay), (bx, by), (cx, cy) = (corners[:, corner, :2].unbind(-1) for corner in range(3))
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        limit = torch.tensor([width - 1.0, height - 1.0], device=self.device)
        low = corners[..., :2].amin(1).ceil().clamp(min=0.0).long()
        high = torch.minimum(corners[..., :2].amax(1).floor(), limit).long()
        size = torch.where((area < -1e-6)[:, None], (high - low + 1).clamp(min=0), 0)

        # One entry for each pixel of each triangle's box.
        boxes = size.prod(-1)
        owner = torch.repeat_interleave(boxes)
        within = torch.arange(len(owner), device=self.device) - (boxes.cumsum(0) - boxes)[owner]
        box_width = size[owner, 0]
        row = low[owner, 1] + within // box_width
        column = low[owner, 0] + within % box_width
        dx, dy = column - ax[owner], row - ay[owner]
        weight_b = (dx * (cy - ay)[owner] - dy * (cx - ax)[owner]) / area[owner]
        weight_c = ((bx - ax)[owner] * dy - (by - ay)[owner] * dx) / area[owner]
        weights = torch.stack([1.0 - weight_b - weight_c, weight_b, weight_c], dim=-1)
        inside = (weights >= -1e-5).all(-1)
        owner, row, column, weights = owner[inside], row[inside], column[inside], weights[inside]

        pixel = (owner // len(self.triangles) * height + row) * width + column
        depth = (weights * corners[owner, :, 2]).sum(-1)
        nearest = torch.full((places[..., 0].numel(),), torch.inf, device=self.device)
        nearest = nearest.scatter_reduce(0, pixel, depth, "amin")
        front = depth <= nearest[pixel]
        origins = origin[:, self.triangles].flatten(0, 1)[owner[front]]
        places.view(-1, 2)[pixel[front]] = (weights[front, :, None] * origins).sum(1)
        return places

    def _lost_light(self, colour: Tensor, places: Tensor) -> Tensor:
        """What linear interpolation lacks of the cubic, see `interpolation`: `(frames, 1, height, width)`."""
        light = (self.grey * colour).sum(1, keepdim=True)
        padded = F.pad(light, (1, 1, 1, 1), mode="replicate")
        along_row = padded[..., 1:-1, :-2] + padded[..., 1:-1, 2:] - 2.0 * light
        along_column = padded[..., :-2, 1:-1] + padded[..., 2:, 1:-1] - 2.0 * light
        between = places - places.floor()
        x, y = (between * (1.0 - between))[:, None].unbind(-1)
        return -float(BEND) * (x * along_row + y * along_column)

    def _blend(self, places: Tensor, parted: Tensor, change: Tensor) -> Tensor:
        """Fetch the moved person and lay it over what is behind: `(frames, 3, height, width)`, uint8."""
        rows, columns = self.window
        size = torch.tensor([self.width, self.height], device=self.device)
        grid = (2.0 * places + 1.0) / size - 1.0
        pictures = self.pictures.expand(len(places), -1, -1, -1)
        moved = F.grid_sample(pictures, grid, mode="bilinear", padding_mode="reflection", align_corners=False)
        colour, alpha = moved[:, :3], moved[:, 3:4] / 255.0
        if moved.shape[1] > 4:
            colour = colour + parted * (moved[:, 4:] - colour)
        light = change.new_ones(len(change), 1, self.height, self.width)
        light[:, 0, self.face[0], self.face[1]] += change
        colour = colour * F.grid_sample(light, grid, mode="bilinear", padding_mode="border", align_corners=False)
        colour = (colour + self._lost_light(colour, places)).clamp(0.0, 255.0)
        # Beyond the picture its mirror image counts as the person only where the border cuts them off.
        edge = (torch.minimum(places.clamp(min=0.0), size - 1.0) + 0.5).long()
        beyond = ((places < 0.0) | (places > size - 1.0)).any(-1)
        at_edge = self.pictures[0, 3][edge[..., 1], edge[..., 0]] / 255.0
        alpha = torch.where(beyond[:, None], torch.minimum(alpha, at_edge[:, None]), alpha)
        y, x = (torch.arange(s.start, s.stop, device=self.device, dtype=torch.float32) for s in (rows, columns))
        moved_by = (places[..., 0] - x).square() + (places[..., 1] - y[:, None]).square()
        rest = 1.0 - (moved_by / self.margin**2).clamp(max=1.0)[:, None]
        mixed = self.plate + alpha * (colour - self.plate) + rest * self.remainder
        return (mixed + 0.5).clamp(0.0, 255.0).to(torch.uint8)
