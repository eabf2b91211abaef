"""Lips, teeth, lids, irises and skin: what a viewer would notice, measured in the frames."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from dirfa_pipeline import Animation, FaceModel, FaceRenderer, Portrait
from dirfa_pipeline.animation.coefficients import coefficient_index
from dirfa_pipeline.face.landmarks import (
    INNER_LIPS,
    INNER_MIDDLE,
    LEFT_EYE,
    LIPS,
    LOWER_LIP_ROWS,
    RIGHT_EYE,
    UPPER_LIP_ROWS,
    EyeLandmarks,
)
from dirfa_pipeline.models.face_renderer import PreparedPortrait
from dirfa_pipeline.rendering.eyes import build_eyes, iris_circle, lid_opening
from dirfa_pipeline.rendering.lips import build_lips
from dirfa_pipeline.rendering.masks import polygon_mask, window_around
from dirfa_pipeline.rendering.mouth import (
    LOWER_SIDES,
    UPPER_SIDES,
    USUAL_RANGE,
    build_mouth,
    jaw_drop,
    side_light,
)
from dirfa_pipeline.rendering.mouth_corners import find_corners
from dirfa_pipeline.rendering.mouth_layer import draw_mouth, opening_of
from dirfa_pipeline.rendering.relaxed_photo import LIP_OUTLINE, lost_smile
from dirfa_pipeline.rendering.teeth import find_upper_teeth
from dirfa_pipeline.rendering.tooth_rows import MILLIMETRE


FACES = Path(__file__).parents[1] / "faces"


@pytest.fixture(scope="module")
def prepared(renderer: FaceRenderer, portrait: Portrait) -> PreparedPortrait:
    return renderer.prepare(portrait)


def pose(**weights: float) -> np.ndarray:
    return Animation.from_curves(1, **weights).coefficients


def both(name: str, weight: float) -> dict[str, float]:
    return {f"{name}Left": weight, f"{name}Right": weight}


def inside(frame: np.ndarray, outline: np.ndarray) -> np.ndarray:
    """Pixels `(n, 3)` of a frame within an outline."""
    window = window_around(outline, frame.shape, margin=2)
    assert window is not None
    return frame[window][polygon_mask(outline, window) > 0.8].astype(float)


def grey(pixels: np.ndarray) -> np.ndarray:
    return pixels @ np.array([0.299, 0.587, 0.114])


@pytest.mark.parametrize("beneath", [(225, 220, 205), (200, 130, 130), (60, 40, 40)], ids=["teeth", "tongue", "dark"])
@pytest.mark.parametrize("slope", [0.0, 0.15])
def test_own_teeth_end_at_the_seam(beneath: tuple[int, int, int], slope: float) -> None:
    """The photo's upper row is cut off along the dark line over the lower row, the tongue or the dark."""
    image = np.full((120, 160, 3), (180, 110, 100), np.uint8)
    landmarks = np.zeros((478, 3), np.float32)
    angles = np.linspace(0.0, 2.0 * np.pi, len(INNER_LIPS), endpoint=False)
    around = np.stack([-np.cos(angles), np.sin(angles)], axis=1)
    landmarks[list(INNER_LIPS), :2] = np.array([80, 60]) + around * [50, 22]
    landmarks[list(LIPS), :2] += np.where(landmarks[list(LIPS), :2] == 0, [80, 60], 0)
    landmarks[[78, 308, 13, 14], :2] = [[30, 60], [130, 60], [80, 38], [80, 82]]
    y, x = np.mgrid[:120, :160].astype(np.float32)
    landmarks[:, 1] += slope * (landmarks[:, 0] - 80.0)
    line = 64.0 + slope * (x - 80.0)
    mouth = ((x - 80) / 50) ** 2 + ((y - slope * (x - 80.0) - 60) / 22) ** 2 < 1
    image[mouth] = (235, 228, 214)
    image[mouth & (y > line)] = beneath
    image[mouth & (np.abs(y - line) < 1.2)] = (120, 90, 85)
    teeth = find_upper_teeth(image, landmarks, light=140.0)
    assert teeth is not None
    inner = mouth & (np.abs(x - 80) < 30)
    assert teeth[inner & (y < line - 4) & (y > line - 18)].mean() > 200
    assert teeth[inner & (y > line + 3)].mean() < 25


def test_eyes_half_shut_in_the_photo_open(
    renderer: FaceRenderer, prepared: PreparedPortrait, face_model: FaceModel
) -> None:
    """A frame from within a blink, taken as the photo, talks with eyes that the face tracker sees open."""
    blinking = renderer.render(prepared, pose(**both("eyeBlink", 0.9)))[0]
    photo = Portrait.from_image(blinking, face_model)
    assert photo.face.blink > 0.1
    opened = Portrait.from_image(renderer.render(renderer.prepare(photo), pose())[0], face_model)
    for eye in (LEFT_EYE, RIGHT_EYE):
        assert lid_opening(eye, opened.landmarks) > 1.3 * lid_opening(eye, photo.landmarks)


def test_creases_stay_with_the_smile_that_stays(prepared: PreparedPortrait) -> None:
    """Shut lips keep most of a smile: most of its creases stay in the picture, and none is drawn over them again."""
    face, skin = prepared.face, prepared.skin
    assert 0.2 < lost_smile(face) < 0.4
    assert lost_smile(replace(face, rest=np.zeros_like(face.rest))) == 1.0
    silent = face.expressions(np.zeros((1, 58)))[0]
    level = np.eye(3, dtype=np.float32)
    drawn = np.abs(skin.shading(silent, level, 1.0)).max()
    assert drawn < 0.5 * np.abs(replace(skin, smoothed=1.0).shading(silent, level, 1.0)).max()


def test_silence_covers_the_teeth(renderer: FaceRenderer, prepared: PreparedPortrait) -> None:
    """Of a toothy smile closed lips remain: but for their gloss, nowhere as light and as pale as its teeth."""
    portrait = prepared.portrait
    teeth = inside(portrait.image, portrait.landmarks[list(INNER_LIPS), :2])
    frame = renderer.render(prepared, pose())[0]
    lips = inside(frame, portrait.face.vertices(pose())[0][list(LIP_OUTLINE), :2])

    def share_pale(pixels: np.ndarray) -> float:
        pale = pixels.min(1) > 0.78 * pixels.max(1)
        return float((pale & (grey(pixels) > np.percentile(grey(teeth), 60))).mean())

    assert share_pale(teeth) > 0.25
    assert share_pale(lips) < 0.02


def test_a_grey_photo_has_a_grey_mouth(renderer: FaceRenderer, portrait: Portrait, face_model: FaceModel) -> None:
    light = grey(portrait.image.astype(float)).round().astype(np.uint8)
    faded = renderer.prepare(Portrait.from_image(np.dstack([light] * 3), face_model))
    poses = [pose(jawOpen=0.6), pose(jawOpen=0.15, **both("mouthStretch", 0.6)), pose(mouthPucker=0.9), pose()]
    for row, frame in zip(poses, renderer.render(faded, np.concatenate(poses)), strict=True):
        outline = faded.portrait.face.vertices(row)[0][list(LIPS), :2]
        assert np.ptp(inside(frame, outline), axis=1).max() <= 2


def test_corrections_keep_the_photo(prepared: PreparedPortrait) -> None:
    lips, face = prepared.lips, prepared.portrait.face
    np.testing.assert_array_equal(lips.shape(lips.rest, face.expression, 0.0), lips.rest)
    places = prepared.mesh.source[:, :2]
    np.testing.assert_array_equal(lips.roll(places, face.expression, 0.0), places)


def test_rolled_lips_hide_their_inner_side(prepared: PreparedPortrait) -> None:
    places, weights = prepared.mesh.source[:, :2], np.zeros(52, np.float32)
    weights[coefficient_index("mouthRollLower")] = weights[coefficient_index("mouthRollUpper")] = 1.0
    rolled = prepared.lips.roll(places, weights, 1.0)
    for rows in (UPPER_LIP_ROWS, LOWER_LIP_ROWS):
        whole = np.linalg.norm(places[list(rows[-1])] - places[list(rows[0])], axis=1)
        shown = np.linalg.norm(rolled[list(rows[-1])] - rolled[list(rows[0])], axis=1)
        assert (shown < 0.85 * whole).all()
    others = np.setdiff1d(np.arange(len(places)), LIPS)
    np.testing.assert_array_equal(rolled[others], places[others])


def test_an_open_mouth_is_a_lens(prepared: PreparedPortrait) -> None:
    """Half-way to the corners it is open by four fifths of its middle, far less next to them, as tracked mouths."""
    face = prepared.portrait.face
    wide = pose(jawOpen=0.8)
    lips = build_lips(face, 0.1)
    vertices = lips.shape(face.head_vertices(wide)[0], face.expressions(wide)[0], 1.0)
    gap = vertices[list(LOWER_LIP_ROWS[-1]), 1] - vertices[list(UPPER_LIP_ROWS[-1]), 1]
    np.testing.assert_allclose(gap[[2, 6]] / gap[4], 0.82, atol=0.06)
    np.testing.assert_allclose(gap[[0, 8]] / gap[4], 0.36, atol=0.08)
    pucker = pose(jawOpen=0.15, mouthPucker=0.9)
    vertices = lips.shape(face.head_vertices(pucker)[0], face.expressions(pucker)[0], 1.0)
    gap = vertices[list(LOWER_LIP_ROWS[-1]), 1] - vertices[list(UPPER_LIP_ROWS[-1]), 1]
    assert gap[[0, 8]].max() < 0.2 * gap[4]


def test_smiles_raise_corners_farther_than_their_shapes_and_leave_the_chin(prepared: PreparedPortrait) -> None:
    face, lips = prepared.portrait.face, build_lips(prepared.portrait.face, 0.0)
    smile = pose(mouthSmileLeft=0.5, mouthSmileRight=0.5)
    before, after = face.head_vertices(pose())[0], face.head_vertices(smile)[0]
    calm, smiling = (lips.shape(v, face.expressions(c)[0], 1.0) for v, c in ((before, pose()), (after, smile)))
    corners, chin, skull = [61, 291], 152, [10, 33, 263, 168, 6, 468, 473]
    shape, ours = (after - before)[:, 1], (smiling - calm)[:, 1]
    middle = list(INNER_MIDDLE)
    assert shape[corners].max() < shape[middle].min() < 0.0
    over_middle = [(moved[corners] - moved[middle].mean()).mean() for moved in (shape, ours)]
    assert over_middle[1] < 1.25 * over_middle[0]
    assert abs(ours[chin]) < 0.6 * abs(shape[chin])
    assert np.abs((smiling - calm)[skull]).max() < 0.005


@pytest.mark.parametrize(
    "weights",
    [
        {**both("mouthSmile", 1.0), **both("mouthUpperUp", 0.8)},
        {**both("noseSneer", 1.0), **both("mouthUpperUp", 1.0)},
    ],
)
def test_lips_raised_high_stay_between_nose_and_lip(
    renderer: FaceRenderer, prepared: PreparedPortrait, weights: dict[str, float]
) -> None:
    """Shapes push them over the nostrils' edge, where they would fold over."""
    base, underside, below = [2, 97, 326, 98, 327], [94, 141, 370, 240, 460], [164, 167, 393, 165, 391]
    rest, state = prepared.lips.rest, prepared.pose(pose(**weights)[0])
    nearer = (rest[base, 1] - rest[underside, 1]) - (state.head[base, 1] - state.head[underside, 1])
    left = (state.head[below, 1] - state.head[base, 1]) / (rest[below, 1] - rest[base, 1])
    assert (nearer > 0.0).any()
    assert ((nearer < 0.016) | (left < 0.26)).all()
    triangles = renderer.triangles.numpy()
    skin = triangles[np.isin(triangles, below).any(1)]
    first, second, third = state.target[skin.T, :2]
    (ax, ay), (bx, by) = (second - first).T, (third - first).T
    assert (ax * by < ay * bx).all()  # none faces away


def test_teeth_are_lit_farther_out_where_cheeks_are_pulled() -> None:
    columns = np.linspace(0.0, 383.0, 384, dtype=np.float32)
    speaking, smiling = (side_light(columns, 384, half, *UPPER_SIDES) for half in (24.0, 30.0))
    for light in (speaking, smiling):
        np.testing.assert_allclose(light, light[::-1], atol=1e-5)
        assert (np.diff(light[:192]) >= 0.0).all() and light[192] == 1.0
    at_premolars = 192 + 20 * 6
    assert smiling[at_premolars] > 1.4 * speaking[at_premolars]


def test_long_lips_cover_more_of_the_teeth(renderer: FaceRenderer, portrait: Portrait) -> None:
    edges = []
    for longer in (-0.1, 0.1):
        shape = portrait.face.shape.copy()
        shape[2, 1] -= longer
        face = replace(portrait.face, shape=shape)
        edges.append(build_mouth(portrait.image, portrait.landmarks, face, renderer._teeth(), own=False).incisal_edge)
    least, most = (MILLIMETRE * edge for edge in USUAL_RANGE)
    assert least <= edges[1] < edges[0] <= most


@pytest.mark.parametrize("name", ["astronaut", "round_glasses", "bald"])
def test_the_tongue_lifts(renderer: FaceRenderer, face_model: FaceModel, name: str) -> None:
    """For l, th and n there is more red between the teeth than for the same jaw without the tongue."""
    portrait = Portrait.from_image(FACES / f"{name}.jpg", face_model, max_size=512)
    opened = pose(jawOpen=0.5)
    frames = renderer.render(renderer.prepare(portrait), np.concatenate([opened, pose(jawOpen=0.5, tongueOut=0.3)]))
    outline = portrait.face.vertices(opened)[0][list(INNER_LIPS), :2]
    low, high = ((pixels[:, 0] - pixels[:, 2]).mean() for pixels in (inside(frame, outline) for frame in frames))
    assert high - low > 3.0


@pytest.mark.parametrize("eye", [RIGHT_EYE, LEFT_EYE])
def test_closed_lids_show_no_eye(renderer: FaceRenderer, prepared: PreparedPortrait, eye: EyeLandmarks) -> None:
    """Where the eye was there is skin and lashes: no white of the eye, and the lids meet."""
    portrait = prepared.portrait
    shut = pose(**both("eyeBlink", 1.0))
    frame = renderer.render(prepared, shut)[0]
    outline = portrait.landmarks[list(eye.outline), :2]
    before, after = inside(portrait.image, outline), inside(frame, outline)
    # The dark iris next to the white makes the photo's contrast.
    assert grey(after).std() < 0.75 * grey(before).std()
    red = [(pixels[:, 0] - pixels[:, 2]) / pixels.max(1) for pixels in (before, after)]
    assert np.percentile(red[1], 10) > np.percentile(red[0], 10) + 0.03


def test_both_eyes_have_the_same_lashes(prepared: PreparedPortrait) -> None:
    right, left = (eye.lid.lashes for eye in prepared.eyes)
    np.testing.assert_array_equal(right, left)


@pytest.mark.parametrize("eye", [RIGHT_EYE, LEFT_EYE])
def test_lids_shade_an_eye_before_they_shut_it(
    renderer: FaceRenderer, prepared: PreparedPortrait, eye: EyeLandmarks
) -> None:
    whites = []
    for blink in (0.0, 0.5):
        row = pose(**both("eyeBlink", blink))
        outline = prepared.face.vertices(row)[0][list(eye.outline), :2]
        whites.append(np.percentile(grey(inside(renderer.render(prepared, row)[0], outline)), 92))
    assert whites[1] < 0.9 * whites[0]


def test_gaze_moves_the_iris_within_still_lids(renderer: FaceRenderer, prepared: PreparedPortrait) -> None:
    portrait = prepared.portrait
    look = {"eyeLookOutLeft": 0.8, "eyeLookInRight": 0.8}
    frames = renderer.render(prepared, np.concatenate([pose(), pose(**look)]))
    for eye in (RIGHT_EYE, LEFT_EYE):
        outline = portrait.landmarks[list(eye.outline), :2]
        window = window_around(outline, frames.shape[1:], margin=0)
        assert window is not None
        mask = polygon_mask(outline, window)
        centres = []
        for frame in frames:
            dark = mask * np.clip(110.0 - grey(frame[window].astype(float)), 0.0, None)
            centres.append(float((dark * np.arange(dark.shape[1])).sum() / dark.sum()))
        assert centres[1] - centres[0] > 0.015 * portrait.face.scale  # to the right of the picture


def test_skin_is_the_photos_at_rest(prepared: PreparedPortrait) -> None:
    """No fold or light is drawn at rest; corners that go down, cheeks and a turn each change the light somewhere."""
    portrait, skin = prepared.portrait, prepared.skin
    weights = portrait.face.expressions(portrait.face.rest_coefficients()[None])[0]
    assert not skin.shading(weights, np.eye(3, dtype=np.float32), 0.0).any()
    for name in ("mouthFrownRight", "cheekSquintLeft"):
        changed = weights.copy()
        changed[coefficient_index(name)] = 1.0
        shading = skin.shading(changed, np.eye(3, dtype=np.float32), 0.0)
        assert -0.2 < shading.min() < -0.02
        assert shading.max() < 0.1
    turn = portrait.face.head_transforms(pose(yaw=0.3))[0][:, :3]
    lit = skin.shading(weights, turn, 0.0)
    assert 0.01 < np.abs(lit).max() < 0.17


def test_irises_are_of_one_colour(portrait: Portrait) -> None:
    """Light from one side makes one iris greener than the other: both come nearly to the colour between them."""
    image, landmarks = portrait.image.copy(), portrait.landmarks
    iris, radius = iris_circle(LEFT_EYE, landmarks)
    y, x = np.mgrid[: image.shape[0], : image.shape[1]]
    lit = np.hypot(x - iris[0], y - iris[1]) < radius
    image[lit] = np.clip(image[lit] * [0.7, 1.4, 0.8], 0, 255).astype(np.uint8)

    def apart(colours: list[np.ndarray]) -> float:
        """How much the shares of green differ."""
        first, second = (colour[1] / colour.sum() for colour in colours)
        return float(abs(first - second))

    def seen(patch: np.ndarray, corner: np.ndarray, eye: EyeLandmarks) -> np.ndarray:
        iris, radius = iris_circle(eye, landmarks)
        y, x = np.mgrid[: patch.shape[0], : patch.shape[1]]
        away = np.hypot(x + corner[0] - iris[0], y + corner[1] - iris[1]) / radius
        return np.median(patch[(away > 0.45) & (away < 0.8)], axis=0)

    eyes = build_eyes(image, landmarks, {RIGHT_EYE: 0.0, LEFT_EYE: 0.0}, glasses=0.0)
    before = apart([seen(image, np.zeros(2), eye.landmarks) for eye in eyes])
    for patches in ([eye.seen for eye in eyes], [eye.filled for eye in eyes]):
        colours = [seen(patch, eye.corner, eye.landmarks) for patch, eye in zip(patches, eyes, strict=True)]
        assert apart(colours) < 0.5 * before


def test_half_hidden_irises_get_a_round_pupil(portrait: Portrait) -> None:
    """Of an iris whose upper half the photo hides, the mirror image would be a slot."""
    landmarks = portrait.landmarks.copy()
    for eye in (RIGHT_EYE, LEFT_EYE):  # lids as low as the iris's middle
        iris, radius = iris_circle(eye, landmarks)
        landmarks[list(eye.upper), 1] = np.maximum(landmarks[list(eye.upper), 1], iris[1] - 0.1 * radius)
    for eye in build_eyes(portrait.image, landmarks, {RIGHT_EYE: 0.0, LEFT_EYE: 0.0}, glasses=0.0):
        iris, radius = iris_circle(eye.landmarks, landmarks)
        y, x = np.mgrid[: eye.filled.shape[0], : eye.filled.shape[1]]
        away = np.hypot(x + eye.corner[0] - iris[0], y + eye.corner[1] - iris[1]) / radius
        light = grey(eye.filled.astype(float))
        upper = y + eye.corner[1] < iris[1]
        # Medians: something shines in it.
        above, below = (np.median(light[(away < 0.35) & half]) for half in (upper, ~upper))
        ring = np.median(light[(away > 0.5) & (away < 0.8)])
        assert max(above, below) < 0.75 * ring


def test_teeth_stand_behind_narrow_lips(renderer: FaceRenderer, prepared: PreparedPortrait) -> None:
    """Next to the lower lip and in the corners there is shade: otherwise a strip of teeth seems to lie on the lip."""
    spread = pose(jawOpen=0.1, **both("mouthStretch", 0.5), **both("mouthUpperUp", 0.3), **both("mouthLowerDown", 0.3))
    frame = renderer.render(prepared, spread)[0]
    lips = prepared.portrait.face.vertices(spread)[0, list(INNER_LIPS), :2]
    low, high = lips.min(0), lips.max(0)
    columns = np.linspace(low[0], high[0], 41)[1:-1]
    across, above = lips[np.argsort(lips[:, 0])], 0.5 * (low[1] + high[1])
    upper, lower = across[across[:, 1] <= above], across[across[:, 1] >= above]
    tops, ends = (np.interp(columns, line[:, 0], line[:, 1]) for line in (upper, lower))

    def light(share: float) -> np.ndarray:
        """Along the mouth, at a share of the way from the upper lip to the lower one."""
        rows = np.round(tops + share * (ends - tops)).astype(int)
        return grey(frame[rows, np.round(columns).astype(int)].astype(float))

    half = light(0.5)
    assert light(0.9)[13:26].mean() < 0.85 * half[13:26].mean()
    assert half[[2, 3, -4, -3]].mean() < 0.7 * half[13:26].mean()


def test_lips_do_not_take_the_jaw_along(prepared: PreparedPortrait) -> None:
    """Lips drawn down or pushed forward move the chin's skin; the lower teeth stay, and both rows show."""
    rest = jaw_drop(prepared.pose(pose()[0]))
    for lips in (both("mouthLowerDown", 1.0), {"mouthFunnel": 1.0}, {"mouthClose": 0.3}):
        assert jaw_drop(prepared.pose(pose(**lips)[0])) == rest
    dropped = [jaw_drop(prepared.pose(pose(jawOpen=weight)[0])) - rest for weight in (0.2, 0.4)]
    assert 3.0 < dropped[0] < 0.6 * dropped[1] < 0.6 * 15.0  # millimetres


def test_rows_of_teeth_fade_to_their_ends(prepared: PreparedPortrait) -> None:
    """Canines are darker than incisors, and the row's ends far darker: an evenly lit row is a strip."""
    for row, sides in ((prepared.mouth.upper, UPPER_SIDES), (prepared.mouth.lower, LOWER_SIDES)):
        columns = np.linspace(-32.0, 32.0, row.shape[1])
        height = slice(row.shape[0] * 3 // 4, row.shape[0] * 9 // 10) if row is prepared.mouth.upper else slice(4, 12)
        places = np.arange(row.shape[1], dtype=np.float32)
        lights = grey(row[height, :, :3].mean(0)) * side_light(places, row.shape[1], 25.0, *sides)
        middle, canines, ends = (
            lights[(np.abs(columns) >= start) & (np.abs(columns) < start + 4.0)].mean() for start in (2.0, 15.0, 20.0)
        )
        assert ends < canines < 0.8 * middle
        assert ends < 0.5 * middle


def test_narrow_lips_cling_together_beside_their_middle(prepared: PreparedPortrait) -> None:
    """What is seen between them tapers to the corners faster than the lips, but is not narrower in the middle."""
    state = prepared.pose(pose(jawOpen=0.12)[0])
    upper, lower = (state.vertices[list(rows[-1]), 1] for rows in (UPPER_LIP_ROWS, LOWER_LIP_ROWS))
    outline = opening_of(state)
    above, below = outline[1:10, 1], outline[:10:-1, 1]
    shown = (below - above) / (lower - upper)
    assert shown[4] == pytest.approx(1.0, abs=0.01)
    assert max(shown[0], shown[-1]) < 0.7


def test_pursed_lips_part_on_the_dark(renderer: FaceRenderer, prepared: PreparedPortrait) -> None:
    """Lips that are drawn narrow part in their middle only and show no teeth."""
    wide = {"jawOpen": 0.15, **both("mouthLowerDown", 0.4)}
    shares, lightest = [], []
    for pucker in (0.0, 0.7):
        row = pose(**wide, mouthPucker=pucker)
        state = prepared.pose(row[0])
        assert (state.pursed > 0.9) if pucker else (state.pursed == 0.0)
        upper, lower = (state.head[list(rows[-1]), 1] for rows in (UPPER_LIP_ROWS, LOWER_LIP_ROWS))
        shares.append((lower - upper)[1] / (lower - upper)[4])
        lightest.append(np.percentile(grey(inside(renderer.render(prepared, row)[0], opening_of(state))), 90))
    assert shares[1] < 0.8 * shares[0]
    assert lightest[1] < 0.7 * lightest[0]
    corners = prepared.lips.rest * [0.65, 1.0, 1.0]  # narrow, by weights that do not say so
    assert prepared.lips.pursed(corners, np.zeros(52)) > 0.9


@pytest.mark.parametrize(
    ("weights", "least", "most"),
    [
        ({"mouthPucker": 0.8, "mouthFunnel": 0.3}, 0.95, 1.0),
        ({"jawOpen": 0.6, "mouthPucker": 0.3}, 0.6, 1.0),
        ({"jawOpen": 0.2, **both("mouthStretch", 0.3)}, 0.0, 0.05),
        ({}, 0.0, 0.05),
    ],
)
def test_narrow_mouths_lose_the_photos_corners(
    prepared: PreparedPortrait, weights: dict[str, float], least: float, most: float
) -> None:
    row = pose(**weights) if weights else prepared.face.rest_coefficients()[None]
    assert least <= prepared.pose(row[0]).cornerless <= most


SKIN, DARK = (210, 160, 140, 255), (80, 40, 40, 255)


def shut_mouth(middle: int = 200) -> tuple[np.ndarray, np.ndarray]:
    """A picture of skin with a dark line from corner to corner and beyond, and its landmarks."""
    picture, landmarks = np.full((400, 400, 4), SKIN, np.uint8), np.zeros((478, 3), np.float32)
    landmarks[[61, 291], :2] = (middle - 50, 200), (middle + 50, 200)
    landmarks[[50, 280], :2] = (middle - 60, 120), (middle + 60, 120)
    cv2.line(picture, (middle - 70, 200), (middle + 70, 200), DARK, 5)
    return picture, landmarks


def test_corners_lose_dark_lines_alone() -> None:
    picture, landmarks = shut_mouth()
    corners = find_corners(picture, landmarks, scale=110.0)
    assert len(corners) == 2
    for share, least, most in ((0.0, 1.0, 1.0), (0.5, 0.55, 0.7), (1.0, 0.2, 0.3)):
        lit = picture.copy()
        for corner in corners:
            corner.lighten(lit, share)
        dark = (SKIN[0] - lit[200, :, 0].astype(float)) / (SKIN[0] - DARK[0])
        assert (dark[[142, 258]] >= least).all()  # beside the corners
        assert (dark[[142, 258]] <= most).all()
        assert dark[200] == 1.0  # the middle of the mouth
        assert (lit[picture[..., 0] == SKIN[0]] == SKIN).all()


def test_grey_corners_stay_grey() -> None:
    picture, landmarks = shut_mouth()
    picture[..., :3] = picture[..., :1]
    for corner in find_corners(picture, landmarks, scale=110.0):
        corner.lighten(picture, 1.0)
    assert np.ptp(picture[..., :3], axis=2).max() == 0


def test_corners_at_the_border_are_clipped_and_those_beyond_left_out() -> None:
    for middle, count in ((52, 2), (-40, 1), (-200, 0)):
        assert len(find_corners(*shut_mouth(middle), scale=110.0)) == count


def test_skin_beside_pursed_lips_is_lit(renderer: FaceRenderer, prepared: PreparedPortrait) -> None:
    row = pose(mouthPucker=0.8, mouthFunnel=0.3)
    without = renderer.render(replace(prepared, corners=()), row)[0].astype(int)
    assert (renderer.render(prepared, row)[0] - without).max() > 5
    wide = pose(jawOpen=0.2, **both("mouthStretch", 0.3))
    assert np.array_equal(renderer.render(replace(prepared, corners=()), wide), renderer.render(prepared, wide))


def test_beards_keep_their_hairs_at_the_corners() -> None:
    picture, landmarks = shut_mouth()
    picture[150:, :, :3] = np.random.default_rng(0).integers(30, 120, (250, 400, 1), np.uint8)
    assert find_corners(picture, landmarks, scale=110.0) == ()


def test_noise_is_no_beard() -> None:
    picture, landmarks = shut_mouth()
    noise = np.random.default_rng(0).normal(0.0, 12.0, (400, 400, 1))
    picture[..., :3] = np.clip(picture[..., :3] + noise, 0.0, 255.0)
    assert len(find_corners(picture, landmarks, scale=110.0)) == 2


@pytest.mark.parametrize(
    ("name", "most"), [("cheekPuff", 0.05), ("jawLeft", 0.05), ("jawRight", 0.05), ("jawOpen", 0.3)]
)
def test_jaws_and_cheeks_purse_no_lips(renderer: FaceRenderer, face_model: FaceModel, name: str, most: float) -> None:
    portrait = Portrait.from_image(FACES / "round_glasses.jpg", face_model, max_size=512)
    assert renderer.prepare(portrait).pose(pose(**{name: 1.0})[0]).pursed < most


def test_round_mouths_are_no_taller_than_wide(prepared: PreparedPortrait) -> None:
    for jaw in (0.6, 0.8, 1.0):
        opening = opening_of(prepared.pose(pose(mouthPucker=0.8, jawOpen=jaw)[0]))
        wide, tall = np.ptp(opening, axis=0)
        assert wide > 1.2 * tall


def test_lips_that_touch_beside_an_opening_are_closed_by_a_line(prepared: PreparedPortrait) -> None:
    state = prepared.pose(pose(mouthPucker=0.8, jawOpen=0.1)[0])
    frame = np.full(prepared.portrait.image.shape, 200, np.uint8)
    draw_mouth(frame, prepared.mouth, state)
    corners, seam = state.vertices[[78, 308], :2], opening_of(state)
    beside = 0.5 * (corners + seam[[0, len(seam) // 2]])
    darkest = [frame[int(y) - 1 : int(y) + 3, int(x) - 1 : int(x) + 2].min() for x, y in beside]
    assert max(darkest) < 190


def test_the_line_goes_to_corners_that_a_photo_shows_open(prepared: PreparedPortrait) -> None:
    lights = []
    for open_photo in (0.0, 1.0):
        rig = replace(prepared, lips=replace(prepared.lips, open_photo=open_photo))
        state = rig.pose(pose(jawOpen=0.6)[0])
        frame = np.full(prepared.portrait.image.shape, 200, np.uint8)
        draw_mouth(frame, prepared.mouth, state)
        column, row = state.vertices[61, :2].round().astype(int)
        lights.append(int(frame[row, column].min()))
    shut, opened = lights
    assert shut > opened + 8


def test_a_wink_leaves_the_open_eye_as_it_is(portrait: Portrait) -> None:
    """A shut eye shows no highlight, which says nothing about the other."""
    large = 5
    image = cv2.resize(portrait.image, None, fx=large, fy=large, interpolation=cv2.INTER_CUBIC)
    landmarks = (portrait.landmarks * large).astype(np.float32)
    for eye in (RIGHT_EYE, LEFT_EYE):
        middle, radius = iris_circle(eye, landmarks)
        cv2.circle(image, (int(middle[0]), int(middle[1] - 0.2 * radius)), int(0.3 * radius), (255, 255, 255), -1)
    blinks = {RIGHT_EYE: 0.0, LEFT_EYE: 0.0}
    landmarks[list(RIGHT_EYE.upper)] = landmarks[list(RIGHT_EYE.lower)]
    _, alone = build_eyes(image, landmarks, blinks, 0.0)
    (left, top), (height, width) = alone.corner.astype(int), alone.seen.shape[:2]
    np.testing.assert_array_equal(alone.seen, image[top : top + height, left : left + width])
