"""Named groups of MediaPipe's 478 face landmarks. "Right" and "left" are the subject's own."""

from dataclasses import dataclass
from typing import Final


NUM_LANDMARKS: Final = 478


@dataclass(frozen=True)
class EyeLandmarks:
    """Lid points run from the outer to the inner corner; upper and lower ones face each other."""

    outer: int
    inner: int
    upper: tuple[int, ...]
    lower: tuple[int, ...]
    crease: tuple[int, ...]
    brow_side: tuple[int, ...]
    iris: tuple[int, ...]

    @property
    def outline(self) -> tuple[int, ...]:
        """The lid margin as a closed loop."""
        return (self.outer, *self.upper, self.inner, *reversed(self.lower))

    @property
    def middle_pairs(self) -> tuple[tuple[int, int], ...]:
        """The three facing pairs, upper and lower, in the middle of the lids."""
        return tuple(zip(self.upper[2:5], self.lower[2:5], strict=True))


RIGHT_EYE: Final = EyeLandmarks(
    outer=33, inner=133,
    upper=(246, 161, 160, 159, 158, 157, 173), lower=(7, 163, 144, 145, 153, 154, 155),
    crease=(247, 30, 29, 27, 28, 56, 190), brow_side=(113, 225, 224, 223, 222, 221, 189),
    iris=(468, 469, 470, 471, 472),
)  # fmt: skip
LEFT_EYE: Final = EyeLandmarks(
    outer=263, inner=362,
    upper=(466, 388, 387, 386, 385, 384, 398), lower=(249, 390, 373, 374, 380, 381, 382),
    crease=(467, 260, 259, 257, 258, 286, 414), brow_side=(342, 445, 444, 443, 442, 441, 413),
    iris=(473, 474, 475, 476, 477),
)  # fmt: skip

# Rows run from the subject's right corner of the mouth to the left, outer ring first.
UPPER_LIP_ROWS: Final = (
    (185, 40, 39, 37, 0, 267, 269, 270, 409), (184, 74, 73, 72, 11, 302, 303, 304, 408),
    (183, 42, 41, 38, 12, 268, 271, 272, 407), (191, 80, 81, 82, 13, 312, 311, 310, 415),
)  # fmt: skip
LOWER_LIP_ROWS: Final = (
    (146, 91, 181, 84, 17, 314, 405, 321, 375), (77, 90, 180, 85, 16, 315, 404, 320, 307),
    (96, 89, 179, 86, 15, 316, 403, 319, 325), (95, 88, 178, 87, 14, 317, 402, 318, 324),
)  # fmt: skip
# The skin next to the lips, column by column.
SKIN_BY_UPPER_LIP: Final = (186, 92, 165, 167, 164, 393, 391, 322, 410)
SKIN_BY_LOWER_LIP: Final = (43, 106, 182, 83, 18, 313, 406, 335, 273)
SKIN_BY_CORNERS: Final = (57, 287)
CHIN: Final = (152, 148, 377, 176, 400, 175, 199, 171, 396, 200, 208, 428, 201, 421)
MOUTH_CORNERS: Final = ((61, 76, 62, 78), (291, 306, 292, 308))
INNER_CORNERS: Final = (78, 308)
INNER_MIDDLE: Final = (13, 14)  # above and below
INNER_LIP_PAIRS: Final = tuple(zip(UPPER_LIP_ROWS[-1], LOWER_LIP_ROWS[-1], strict=True))
MIDDLE_LIP_PAIRS: Final = INNER_LIP_PAIRS[3:6]  # where a mouth opens widest
INNER_LIPS: Final = (78, *UPPER_LIP_ROWS[-1], 308, *reversed(LOWER_LIP_ROWS[-1]))
LIPS: Final = tuple(
    sorted(index for rows in (*UPPER_LIP_ROWS, *LOWER_LIP_ROWS, *MOUTH_CORNERS) for index in rows)
)  # fmt: skip

OVAL: Final = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152,
    148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)  # fmt: skip
# Points that expressions hardly move: nose, eye corners, temples. Not the forehead: it follows the brows.
RIGID: Final = (
    1, 4, 5, 6, 195, 197, 168, 2, 98, 327, 129, 358, 45, 275, 51, 281, 114, 343, 33, 133, 362, 263,
    10, 54, 284, 21, 251, 162, 389, 127, 356,
)  # fmt: skip
# The upper and lower edge of the right brow, then of the left one.
RIGHT_BROW: Final = ((70, 63, 105, 66, 107), (46, 53, 52, 65, 55))
LEFT_BROW: Final = ((300, 293, 334, 296, 336), (276, 283, 282, 295, 285))
BROWS: Final = tuple(index for edge in (*RIGHT_BROW, *LEFT_BROW) for index in edge)

# The 51 inner points of the 68-point mark-up (Sagonas et al., 2013) and the chin.
SIXTY_EIGHT: Final = {
    8: 152, 17: 70, 18: 63, 19: 105, 20: 66, 21: 107, 22: 336, 23: 296, 24: 334, 25: 293, 26: 300,
    27: 168, 28: 197, 29: 5, 30: 4, 31: 75, 32: 97, 33: 2, 34: 326, 35: 305,
    36: 33, 37: 160, 38: 158, 39: 133, 40: 153, 41: 144, 42: 362, 43: 385, 44: 387, 45: 263, 46: 373, 47: 380,
    48: 61, 49: 39, 50: 37, 51: 0, 52: 267, 53: 269, 54: 291, 55: 405, 56: 314, 57: 17, 58: 84, 59: 181,
    60: 78, 61: 82, 62: 13, 63: 312, 64: 308, 65: 317, 66: 14, 67: 87,
}  # fmt: skip
