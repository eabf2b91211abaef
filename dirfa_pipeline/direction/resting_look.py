"""The photo's smile and raised brows on a face that speaks: they give way to words and come back in silence."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..animation.coefficients import EXPRESSION_NAMES, LIP_INDICES, NUM_EXPRESSIONS
from ..animation.easing import ramp, smoothstep
from ..face.brows import INNER_UP, LOWERING
from ..face.fit import SMILES, FaceFit, roundness


Array = NDArray[np.float32]

# Chosen by eye on consecutive frames of four smiling photos (benchmarks/clip_sheet.py), compared with filmed people.
ARTICULATED: Final = (0.06, 0.2)  # weight of the lips' most active shape from which on they articulate: a ramp
SPOKEN: Final = 0.1  # of the smile, that lips keep in words
GOES: Final = 0.06  # seconds in which it gives way to the first word: a time constant
LINGERS, COMES = 0.15, 0.45  # seconds of silence before it comes back, and in which it does
# Brows that a photo shows raised come down in words, or a face that speaks looks astonished all along; by eye, on
# three photos. Many faces have high brows: a ramp of the photo's browInnerUp.
RAISED: Final = (0.5, 0.5)
INNER_FALLS, LOWERED = 0.5, 0.4  # what raised brows lose of browInnerUp, and gain of browDown
BROWS_GO: Final = 0.5  # seconds in which they come down: a time constant
# All that lips and jaw do to speak: an expression that is laid over speech is no word.
_SPEAKING = [
    index
    for index in LIP_INDICES
    if not EXPRESSION_NAMES[index].startswith(("mouthSmile", "mouthFrown", "mouthDimple"))
]


class RestingLook:
    """
    Takes off a face's smile at rest ([`FaceFit.rest`]) what its lips have no room for while they speak, and lowers
    brows that the photo shows raised.

    Who talks smiles less than who poses. The smile gives way as soon as jaw or lips articulate, closures among them,
    to a tenth of it; it stays so through the short gaps between words and comes back within .6 s of silence.
    Lips rounder than the photo's leave it at once, as far as they are rounder: they cannot smile. Each frame depends
    on those before it and on none after, however they are cut into pieces: streams show what videos show.

    A photo without a smile or raised brows is left as it is, and so is what was taken off already, see
    [`neutralize`][dirfa_pipeline.direction.controls.neutralize].

    Args:
        face ([`FaceFit`]): Whose look.
    """

    def __init__(self, face: FaceFit) -> None:
        self._rest = face.rest[SMILES]
        self._own = float(roundness(face.expression))
        self._raised = float(face.expression[INNER_UP])
        self._left, self._given = 0.0, 0.0  # seconds until it is back, and how far it has given way
        self._fallen = 0.0  # how far brows have come down

    def apply(self, coefficients: Array, seconds: float) -> Array:
        """
        The coefficients `(frames, 58)` that show the smile and the brows of these frames, the next ones.

        Args:
            coefficients (`np.ndarray` of shape `(frames, 58)`): See [`Animation`][dirfa_pipeline.Animation].
            seconds (`float`): From each frame to the next.
        """
        if not self._rest.any() and self._raised <= RAISED[0]:
            return coefficients
        weights = coefficients[:, :NUM_EXPRESSIONS]
        words = ramp(weights[:, _SPEAKING].max(1), *ARTICULATED)
        raised = ramp(self._raised + np.minimum(weights[:, INNER_UP], 0.0), *RAISED)
        given, fallen = np.array([self._follow(*row, seconds) for row in zip(words, raised, strict=True)]).T
        kept = 1.0 - (1.0 - SPOKEN) * smoothstep(given)
        kept *= np.clip((1.0 - roundness(weights)) / max(1.0 - self._own, 1e-3), 0.0, 1.0)
        smiles = weights[:, SMILES]
        left = np.clip(self._rest + np.minimum(smiles, 0.0), 0.0, None)
        shown = coefficients.copy()
        shown[:, SMILES] = smiles - (1.0 - kept)[:, None] * left
        shown[:, INNER_UP] -= INNER_FALLS * fallen
        shown[:, LOWERING] += LOWERED * fallen[:, None]
        return shown

    def _follow(self, word: float, raised: float, seconds: float) -> tuple[float, float]:
        """How far the smile has given way, and how far brows have come down, one frame later."""
        self._left = max(word * (LINGERS + COMES), self._left - seconds)
        wanted = min(1.0, self._left / COMES)
        # It comes by itself, and goes as fast as muscles let go.
        share = 1.0 - np.exp(-seconds / GOES) if wanted > self._given else 1.0
        self._given += share * (wanted - self._given)
        self._fallen += (1.0 - np.exp(-seconds / BROWS_GO)) * (raised * wanted - self._fallen)
        return self._given, self._fallen
