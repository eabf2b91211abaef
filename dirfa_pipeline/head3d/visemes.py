"""
The 15 visemes of Oculus Lipsync as sums of the 52 expressions, for programs that speak by them.

Names are those that avatars carry (`viseme_PP`). The shapes are chosen by eye after phonetics: lips pressed at PP, the
lower one at the teeth at FF, round at O and U, wide at I, the jaw low at aa.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..animation.coefficients import EXPRESSION_NAMES, NUM_EXPRESSIONS


# A name without a side means both.
VISEMES: Final[dict[str, dict[str, float]]] = {
    "viseme_sil": {},
    "viseme_PP": {"mouthPress": 0.4, "mouthRollLower": 0.3, "mouthRollUpper": 0.2},
    "viseme_FF": {"mouthRollLower": 0.6, "mouthUpperUp": 0.25, "jawOpen": 0.04},
    "viseme_TH": {"jawOpen": 0.2, "mouthLowerDown": 0.25, "tongueOut": 0.3},
    "viseme_DD": {"jawOpen": 0.14, "mouthLowerDown": 0.3, "mouthUpperUp": 0.1},
    "viseme_kk": {"jawOpen": 0.2, "mouthLowerDown": 0.25, "mouthStretch": 0.1},
    "viseme_CH": {"jawOpen": 0.08, "mouthFunnel": 0.5, "mouthPucker": 0.25},
    "viseme_SS": {"jawOpen": 0.05, "mouthStretch": 0.3, "mouthLowerDown": 0.3, "mouthUpperUp": 0.15},
    "viseme_nn": {"jawOpen": 0.12, "mouthLowerDown": 0.25},
    "viseme_RR": {"jawOpen": 0.12, "mouthFunnel": 0.3, "mouthPucker": 0.2},
    "viseme_aa": {"jawOpen": 0.6, "mouthLowerDown": 0.3, "mouthUpperUp": 0.1},
    "viseme_E": {"jawOpen": 0.3, "mouthStretch": 0.25, "mouthSmile": 0.15, "mouthLowerDown": 0.25},
    "viseme_I": {"jawOpen": 0.14, "mouthStretch": 0.35, "mouthSmile": 0.25, "mouthLowerDown": 0.2},
    "viseme_O": {"jawOpen": 0.4, "mouthFunnel": 0.5, "mouthPucker": 0.2},
    "viseme_U": {"jawOpen": 0.1, "mouthFunnel": 0.25, "mouthPucker": 0.7},
}
MORPH_NAMES: Final = (*EXPRESSION_NAMES, *VISEMES)


def with_visemes(morphs: NDArray[np.float32]) -> NDArray[np.float32]:
    """What each of [`MORPH_NAMES`] adds to vertices, from what each expression does, `(52, vertices, 3)`."""
    weights = np.zeros((len(VISEMES), NUM_EXPRESSIONS), np.float32)
    for row, shape in enumerate(VISEMES.values()):
        for name, weight in shape.items():
            for full in (name, f"{name}Left", f"{name}Right"):
                if full in EXPRESSION_NAMES:
                    weights[row, EXPRESSION_NAMES.index(full)] = weight
    return np.concatenate([morphs, np.einsum("ve,enc->vnc", weights, morphs)])
