"""A portrait with its fit drawn over it, for notebooks."""

import base64
from html import escape
from io import BytesIO
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..face.fit import FaceFit
from ..face.landmarks import INNER_LIPS, LEFT_EYE, OVAL, RIGHT_EYE
from ..face.rotations import rotation_angles


LONGEST: Final = 512  # pixels of the picture in the page
QUALITY: Final = 85  # of its JPEG
LINES: Final = (OVAL, INNER_LIPS, LEFT_EYE.outline, RIGHT_EYE.outline)
AXIS: Final = 0.8  # inter-ocular distances: length of the arrow that shows where the face looks


def draw_fit(image: NDArray[np.uint8], landmarks: NDArray[np.float32], face: FaceFit) -> str:
    """
    HTML with the picture `(height, width, 3)`, its landmarks `(478, 3)` in pixels, the outlines of face, eyes and
    inner lips, and an arrow to where the face looks, above a line with the head's angles.
    """
    height, width = image.shape[:2]
    scale = min(1.0, LONGEST / max(height, width))
    points = landmarks[:, :2] * scale
    dots = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="0.9"/>' for x, y in points)
    lines = "".join(
        f'<polygon points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in points[list(line)])}"/>' for line in LINES
    )
    tip = points.mean(0) + scale * face.scale * AXIS * (face.rotation @ np.array([0.0, 0.0, -1.0]))[:2]
    (x, y), (to_x, to_y) = points.mean(0), tip
    yaw, pitch, roll = np.degrees(rotation_angles(face.rotation))
    words = f"{width} x {height} pixels; turned by {yaw:+.0f}, raised by {pitch:+.0f}, tilted by {roll:+.0f} degrees"
    return (
        f'<figure style="margin: 0"><svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="{escape(words)}" '
        f'width="{width * scale:.0f}" height="{height * scale:.0f}">'
        f'<image href="{_as_address(image, scale)}" width="{width * scale:.0f}" height="{height * scale:.0f}"/>'
        f'<g fill="#7fd4ff">{dots}</g><g fill="none" stroke="#ffffff" stroke-width="1.2">{lines}</g>'
        f'<line x1="{x:.1f}" y1="{y:.1f}" x2="{to_x:.1f}" y2="{to_y:.1f}" stroke="#ff9f40" stroke-width="3"/></svg>'
        f"<figcaption>{escape(words)}</figcaption></figure>"
    )


def _as_address(image: NDArray[np.uint8], scale: float) -> str:
    """The picture as a JPEG inside an address."""
    height, width = (max(1, round(side * scale)) for side in image.shape[:2])
    file = BytesIO()
    Image.fromarray(image).resize((width, height), Image.Resampling.LANCZOS).save(file, "JPEG", quality=QUALITY)
    return f"data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode()}"
