"""Identity and expression weights that explain landmarks: bounded least squares and its corrections."""

from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import convolve1d

from ..animation.coefficients import EXPRESSION_NAMES
from ..animation.easing import ramp
from .fit import BLINKS, INNER_LOWER, INNER_UPPER, LIP_COLUMNS, SMILES, FaceFit
from .landmarks import BROWS, CHIN, LEFT_EYE, LIPS, MOUTH_CORNERS, NUM_LANDMARKS, RIGHT_EYE, EyeLandmarks


Array = NDArray[np.float32]

JAW_OPEN = EXPRESSION_NAMES.index("jawOpen")
# What the fit gives faces that were photographed neutral, more than .06 on average over 51 people (measured: every
# second one of the Face Research Lab's London Set): the model's lips are not quite those of the landmarks.
NEUTRAL_LIPS: Final = {
    "mouthSmileLeft": 0.16, "mouthSmileRight": 0.16, "mouthStretchLeft": 0.14, "mouthStretchRight": 0.14,
    "mouthRollLower": 0.11, "mouthShrugLower": 0.21,
}  # fmt: skip
_NEUTRAL = np.array([NEUTRAL_LIPS.get(name, 0.0) for name in EXPRESSION_NAMES])
SHUT: Final = 0.02  # inter-ocular distances: lips half as far apart are shut, those half as far again are open
# What a photo with open lips keeps of its smile once they are shut, as people do who stop to listen; by eye.
SMILE_LEFT: Final = 0.7


def solve_weights(
    basis: Array, targets: Array, weights: Array, ridge: float, sparsity: float = 0.0, steps: int = 600
) -> NDArray[np.floating]:
    """
    Bounded least squares for all frames at once: weights in [0, 1] that best explain displacements.

    Accelerated projected gradient (FISTA, Beck and Teboulle, 2009) on the normal equations.

    Args:
        basis (`np.ndarray` of shape `(shapes, coordinates)`), targets (`np.ndarray` of shape `(frames, coordinates)`)
        weights (`np.ndarray` of shape `(coordinates,)`): Importance of each coordinate.
        ridge (`float`): Penalty on the weights' squares.
        sparsity (`float`, defaults to 0.0): Penalty on the weights themselves: fewer shapes explain the same face.
    """
    gram = (basis * weights) @ basis.T + ridge * np.eye(len(basis))
    linear = targets @ (basis * weights).T - sparsity
    rate = 1.0 / np.linalg.eigvalsh(gram)[-1]
    solution = momentum = np.zeros_like(linear)
    t = 1.0
    for _ in range(steps):
        previous = solution
        solution = np.clip(momentum - rate * (momentum @ gram - linear), 0.0, 1.0)
        t_next = 0.5 * (1.0 + np.sqrt(1.0 + 4.0 * t * t))
        momentum = solution + (t - 1.0) / t_next * (solution - previous)
        t = t_next
    return solution


def blend(basis: NDArray, weights: NDArray) -> NDArray:
    return np.einsum("...k,kvd->...vd", weights, basis, optimize=True)


def _importance(speech: bool) -> NDArray[np.float64]:
    """
    Weight of each coordinate in a fit: lips, lids and brows matter most, MediaPipe's depth least.

    A video teaches `speech`: lips count more there, the width of the mouth most, and so does the chin, which tells the
    jaw from the lower lip.
    """
    weight = np.ones((NUM_LANDMARKS, 3))
    weight[list(BROWS)] = 6.0
    weight[list(LIPS)] = 20.0 if speech else 6.0
    if speech:
        weight[list(CHIN)] = 5.0
        weight[[*MOUTH_CORNERS[0], *MOUTH_CORNERS[1]], 0] = 80.0
    for eye in (RIGHT_EYE, LEFT_EYE):
        weight[[*eye.upper, *eye.lower]] = 6.0
        weight[list(eye.iris)] = 10.0
    weight[:, 2] *= 0.05
    return weight


def fit_identity(identity: NDArray, offset: NDArray, ridge: float = 0.02) -> NDArray:
    flat, weight = identity.reshape(len(identity), -1), _importance(speech=False).ravel() / NUM_LANDMARKS
    gram = (flat * weight) @ flat.T + ridge * 1e-2 * np.eye(len(flat))
    solution = np.linalg.solve(gram, (flat * weight) @ offset.ravel())
    return (solution @ flat).reshape(NUM_LANDMARKS, 3)


def fit_expression(
    basis: NDArray, offsets: NDArray, ridge: float, sparsity: float = 0.0, speech: bool = False
) -> NDArray:
    """Bounded weights for offsets `(frames, 478, 3)`; the inner-lip openings count as coordinates of their own."""

    def coordinates(vertices: NDArray) -> NDArray:
        opening = 6.0 * (vertices[:, INNER_LOWER, :2] - vertices[:, INNER_UPPER, :2])
        return np.concatenate([vertices.reshape(len(vertices), -1), opening.reshape(len(vertices), -1)], axis=1)

    weight = np.concatenate([_importance(speech).ravel(), np.full(2 * len(INNER_UPPER), 6.0)])
    return solve_weights(coordinates(basis), coordinates(offsets), weight, ridge, sparsity)


def explain_frames(basis: NDArray, shape: NDArray, local: NDArray) -> NDArray:
    """Weights `(frames, 52)` of a known person's frames `(frames, 478, 3)` in the head's own axes."""
    weights = fit_expression(basis, local - shape, ridge=0.001, sparsity=0.003, speech=True)
    return _explain_lids(basis, weights, shape, local)


def smooth_motion(points: NDArray) -> NDArray:
    """Smooth all landmarks over 5 frames (cubic, Savitzky and Golay, 1964) but the lips: it would open closures."""
    if len(points) < 7:
        return points
    smooth = convolve1d(points, np.array([-3.0, 12.0, 17.0, 12.0, -3.0]) / 35.0, axis=0, mode="nearest")
    smooth[:, list(LIPS)] = points[:, list(LIPS)]
    return smooth


def calm_frames(local: NDArray) -> NDArray[np.intp]:
    """Frames with nearly closed, but not pressed, lips and open eyes: what counts as this person's rest."""
    gap = (local[:, INNER_LOWER, 1] - local[:, INNER_UPPER, 1]).mean(1)
    low, high = np.percentile(gap, [10, 35])
    eyes = sum((local[:, list(eye.lower), 1] - local[:, list(eye.upper), 1]).mean(1) for eye in BLINKS)
    chosen = np.flatnonzero((gap >= low) & (gap <= high) & (eyes >= np.percentile(eyes, 30)))
    return chosen if len(chosen) else np.argsort(gap)[:5]


def shut(shape: NDArray) -> NDArray:
    shape = shape.copy()
    middle = 0.5 * (shape[INNER_UPPER] + shape[INNER_LOWER])
    shape[INNER_UPPER] = shape[INNER_LOWER] = middle
    return shape


def explain_gap(basis: NDArray, expression: NDArray, local: NDArray) -> NDArray:
    """Correct jawOpen so that the model's mean inner-lip opening is the photo's."""
    observed = max(0.0, float((local[INNER_LOWER, 1] - local[INNER_UPPER, 1]).mean()))
    expression = expression.copy()
    slope = float((basis[JAW_OPEN, INNER_LOWER, 1] - basis[JAW_OPEN, INNER_UPPER, 1]).mean())
    opening = (basis[:, INNER_LOWER, 1] - basis[:, INNER_UPPER, 1]).mean(1)
    expression[JAW_OPEN] = np.clip(expression[JAW_OPEN] + (observed - expression @ opening) / slope, 0.0, 1.0)
    return expression


def _explain_lids(basis: NDArray, weights: NDArray, shape: NDArray, local: NDArray) -> NDArray:
    """
    Correct eyeBlink, frame by frame, so that the model's lids close as far as the observed ones, `(frames, 478, 3)`.

    The fit spreads a blink over several shapes and none of them shuts the eye. Differences under a tenth of the
    opening are the landmarks' noise and count ever less.
    """
    weights = weights.copy()
    for eye, column in BLINKS.items():

        def opening(vertices: NDArray, eye: EyeLandmarks = eye) -> NDArray:
            return (vertices[..., list(eye.lower), 1] - vertices[..., list(eye.upper), 1]).mean(-1)

        modelled = opening(shape) + weights @ opening(basis)
        lacking = np.clip((modelled - opening(local)) / -opening(basis[column]), 0.0, 1.0)
        lacking *= np.minimum(1.0, lacking / 0.1)
        weights[:, column] = np.minimum(weights[:, column] + lacking, 1.0)
    return weights


def own_lips(expression: NDArray, opening: float) -> tuple[NDArray, NDArray]:
    """
    Tell a photo's own lips from what they do: the expression without what neutral faces are given too, and what of it
    stays when nothing is said, both `(52,)`.

    Shut lips are this person's, whatever the model makes of them, and so is their smile. Open ones keep no more than a
    smile: all else parts them, or was on its way to a sound.

    Args:
        expression (`np.ndarray` of shape `(52,)`): As fitted.
        opening (`float`): Of the lips in the photo, in inter-ocular distances.
    """
    expression, rest = expression.copy(), np.zeros_like(expression)
    expression[LIP_COLUMNS] = np.maximum(expression - _NEUTRAL, 0.0)[LIP_COLUMNS]
    parted = ramp(opening / SHUT, 0.5, 1.0)
    smiles = expression[SMILES]
    expression[LIP_COLUMNS] *= parted
    expression[SMILES] = smiles
    rest[SMILES] = smiles * (1.0 - (1.0 - SMILE_LEFT) * parted)
    return expression, rest


def keep_shown(expression: NDArray, before: NDArray, after: NDArray, columns: ArrayLike) -> NDArray:
    """
    Weights `(52,)` whose `columns`, the shapes of which changed from `before` to `after`, show what they showed, as
    nearly as one weight each can.
    """
    expression, chosen = expression.copy(), np.asarray(columns)
    old, new = before[chosen], after[chosen]
    expression[chosen] *= np.einsum("kvd,kvd->k", old, new) / np.maximum(np.einsum("kvd,kvd->k", new, new), 1e-12)
    return expression


def make_fit(
    local: NDArray, basis: NDArray, expression: NDArray, rest: NDArray, rotation: NDArray, translation: NDArray,
    scale: float,
) -> FaceFit:  # fmt: skip
    shape = local - blend(basis, expression)
    gaps = shape[INNER_LOWER] - shape[INNER_UPPER]
    shape[INNER_LOWER] -= 0.5 * gaps
    shape[INNER_UPPER] += 0.5 * gaps

    def single(array: NDArray) -> Array:
        return np.ascontiguousarray(array, dtype=np.float32)

    return FaceFit(
        single(shape), single(gaps), single(basis), single(expression), single(rest), single(rotation),
        single(translation), scale,
    )  # fmt: skip
