"""The 3D head: a file whose every index, range and size holds, in the right place and with the animation in it."""

import json
import struct
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dirfa_pipeline import EXPRESSION_NAMES, Animation, AnimationError, FaceRenderer, Portrait, load_audio
from dirfa_pipeline.cli import BAD_INPUT, DONE, main
from dirfa_pipeline.face.landmarks import OVAL, RIGHT_EYE
from dirfa_pipeline.head3d.export import build_glb, export_head
from dirfa_pipeline.head3d.visemes import MORPH_NAMES


WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT4": 16}
PHOTO = str(Path(__file__).parents[2] / "dirfa_pipeline" / "examples" / "astronaut.jpg")


@pytest.fixture(scope="module")
def talk() -> Animation:
    time = np.arange(50) / 25
    return Animation.from_curves(
        50, jawOpen=0.5 + 0.5 * np.sin(time), yaw=0.2 * np.sin(time), eyeLookInLeft=0.5, y=0.1
    )


@pytest.fixture(scope="module")
def glb(portrait: Portrait, renderer: FaceRenderer, talk: Animation) -> "Glb":
    return Glb(build_glb(renderer.prepare(portrait), talk))


class Glb:
    """A reader of our own, to the letter of the specification."""

    def __init__(self, data: bytes) -> None:
        magic, version, size = struct.unpack_from("<4sII", data)
        assert (magic, version, size) == (b"glTF", 2, len(data))
        length, kind = struct.unpack_from("<I4s", data, 12)
        assert (kind, length % 4) == (b"JSON", 0)
        self.content = json.loads(data[20 : 20 + length])
        binary, kind = struct.unpack_from("<I4s", data, 20 + length)
        assert (kind, 28 + length + binary) == (b"BIN\0", len(data))
        self.binary = data[28 + length :]

    def accessor(self, index: int) -> np.ndarray:
        item = self.content["accessors"][index]
        if "sparse" not in item:
            return self._values(item)
        sparse, values = item["sparse"], np.zeros((item["count"], WIDTHS[item["type"]]), np.float32)
        (rows,) = self._values(item | sparse["indices"] | {"count": sparse["count"], "type": "SCALAR"}).T
        assert (np.diff(rows.astype(int)) > 0).all()
        values[rows] = self._values(item | sparse["values"] | {"count": sparse["count"]})
        return values

    def _values(self, item: dict) -> np.ndarray:
        view = self.content["bufferViews"][item["bufferView"]]
        dtype = {5126: np.float32, 5125: np.uint32, 5121: np.uint8}[item["componentType"]]
        width = WIDTHS[item["type"]]
        values = np.frombuffer(self.binary, dtype, item["count"] * width, view["byteOffset"])
        assert values.nbytes == view["byteLength"]
        return values.reshape(item["count"], width)

    def mesh(self, name: str) -> dict:
        return next(mesh for mesh in self.content["meshes"] if mesh["name"] == name)

    def image_of(self, name: str) -> int:
        material = self.content["materials"][self.mesh(name)["primitives"][0]["material"]]
        return self.content["textures"][material["pbrMetallicRoughness"]["baseColorTexture"]["index"]]["source"]

    def node(self, name: str) -> int:
        return next(index for index, node in enumerate(self.content["nodes"]) if node["name"] == name)

    def track(self, name: str, path: str) -> np.ndarray:
        animation = self.content["animations"][0]
        target = {"node": self.node(name), "path": path}
        channel = next(channel for channel in animation["channels"] if channel["target"] == target)
        return self.accessor(animation["samplers"][channel["sampler"]]["output"])


def test_every_array_is_inside_and_as_declared(glb: Glb) -> None:
    assert glb.content["buffers"][0]["byteLength"] <= len(glb.binary)
    for view in glb.content["bufferViews"]:
        assert view["byteOffset"] % 4 == 0
        assert view["byteOffset"] + view["byteLength"] <= glb.content["buffers"][0]["byteLength"]
    for index, item in enumerate(glb.content["accessors"]):
        values = glb.accessor(index)
        assert np.isfinite(values).all()
        if "min" in item:
            np.testing.assert_allclose(values.min(0), item["min"], rtol=1e-6)
            np.testing.assert_allclose(values.max(0), item["max"], rtol=1e-6)
    for image in glb.content["images"]:
        start = glb.content["bufferViews"][image["bufferView"]]["byteOffset"]
        assert glb.binary[start : start + 8] == b"\x89PNG\r\n\x1a\n"


def test_meshes_hang_together(glb: Glb) -> None:
    assert {mesh["name"] for mesh in glb.content["meshes"]} == {
        "Skin", "LowerTeeth", "UpperTeeth", "Tongue", "MouthCavity", "RightEye", "LeftEye",
    }  # fmt: skip
    for mesh in glb.content["meshes"]:
        (part,) = mesh["primitives"]
        vertices = glb.accessor(part["attributes"]["POSITION"])
        places = glb.accessor(part["attributes"]["TEXCOORD_0"])
        assert len(vertices) == len(places)
        assert glb.accessor(part["indices"]).max() < len(vertices)
        for target in part.get("targets", []):
            assert glb.accessor(target["POSITION"]).shape == vertices.shape
    reached = {index for node in glb.content["nodes"] for index in node.get("children", [])}
    assert reached | set(glb.content["scenes"][0]["nodes"]) == set(range(len(glb.content["nodes"])))


def test_it_is_a_head_of_human_size_with_named_shapes(glb: Glb) -> None:
    skin = glb.mesh("Skin")
    assert skin["extras"]["targetNames"] == list(MORPH_NAMES)
    part = skin["primitives"][0]
    vertices = glb.accessor(part["attributes"]["POSITION"])
    width, height, depth = np.ptp(vertices[:468], axis=0)
    assert 0.11 < width < 0.18
    assert 0.14 < height < 0.24
    assert 0.05 < depth < 0.16
    chin, nose, brow = vertices[152], vertices[1], vertices[9]
    assert chin[1] < nose[1] < brow[1]  # y goes up
    assert nose[2] > vertices[234, 2]  # z comes forward
    jaw = glb.accessor(part["targets"][EXPRESSION_NAMES.index("jawOpen")]["POSITION"])
    assert jaw[152, 1] < -0.01
    assert abs(jaw[9, 1]) < 0.002


def test_the_head_is_closed_but_for_eyes_and_mouth(glb: Glb) -> None:
    """Joined where points coincide, every other edge has two triangles, and these face outwards."""
    (part,) = glb.mesh("Skin")["primitives"]
    vertices = glb.accessor(part["attributes"]["POSITION"])
    size = np.ptp(vertices, axis=0)
    assert 0.18 < size[2] < 0.36 and 0.26 < size[1] < 0.48  # a whole head and its neck
    triangles = glb.accessor(part["indices"]).reshape(-1, 3)
    corners = vertices[triangles].astype(float)
    volume = np.einsum("ti,ti->t", corners[:, 0], np.cross(corners[:, 1], corners[:, 2])).sum() / 6.0
    assert 0.003 < volume < 0.02  # cubic metres; below 0 the triangles would face inwards
    shell = vertices[468 : 468 + 33 * 73].reshape(33, 73, 3)
    np.testing.assert_allclose(shell[:, 0], shell[:, -1])
    np.testing.assert_allclose(shell[0, :-1:2], vertices[list(OVAL)], atol=1e-6)
    assert np.ptp(shell[-1], axis=0).max() < 0.002
    for morph in part["targets"]:
        moved = glb.accessor(morph["POSITION"])
        np.testing.assert_allclose(moved[468 : 468 + 72 : 2], moved[list(OVAL)], atol=1e-7)


def test_the_seam_around_the_face_has_no_pinholes(glb: Glb) -> None:
    """Every vertex of the head's first ring is, to the last bit, one of the face's triangles', at rest and moved."""
    (part,) = glb.mesh("Skin")["primitives"]
    vertices, triangles = glb.accessor(part["attributes"]["POSITION"]), glb.accessor(part["indices"]).reshape(-1, 3)
    ring = 468 + np.arange(72)
    others = np.setdiff1d(triangles, 468 + np.arange(33 * 73))
    for values in (vertices, *(vertices + glb.accessor(morph["POSITION"]) for morph in part["targets"][:52])):
        beside = {place.tobytes() for place in values[others]}
        assert all(place.tobytes() in beside for place in values[ring])
    edges = {frozenset(edge) for a, b, c in triangles.tolist() for edge in ((a, b), (b, c), (c, a))}
    assert not any(frozenset(edge) in edges for edge in zip(OVAL, np.roll(OVAL, -1).tolist(), strict=True))


def test_lids_unroll_from_under_their_crease(glb: Glb) -> None:
    """What the photo shows between crease and lashes keeps its height as an eye shuts."""
    (part,) = glb.mesh("Skin")["primitives"]
    vertices, triangles = glb.accessor(part["attributes"]["POSITION"]), glb.accessor(part["indices"]).reshape(-1, 3)
    blink = glb.accessor(part["targets"][EXPRESSION_NAMES.index("eyeBlinkRight")]["POSITION"])
    margin, crease = RIGHT_EYE.upper[3], RIGHT_EYE.crease[3]
    beside = np.unique(triangles[(triangles == margin).any(1)])
    band = next(index for index in beside if (vertices[index] == vertices[crease]).all())
    assert blink[margin, 1] < -0.004
    np.testing.assert_allclose(blink[band], blink[margin], atol=1e-6)
    assert abs(blink[crease, 1]) < 0.5 * abs(blink[margin, 1])


def test_rows_of_teeth_fill_the_mouth_to_both_sides(glb: Glb) -> None:
    """As wide as the renderer's, and as light beside the middle."""
    skin = glb.accessor(glb.mesh("Skin")["primitives"][0]["attributes"]["POSITION"])
    for name in ("UpperTeeth", "LowerTeeth"):
        row = glb.accessor(glb.mesh(name)["primitives"][0]["attributes"]["POSITION"])
        assert row[:, 0].min() < skin[78, 0] and row[:, 0].max() > skin[308, 0]
        assert row[:, 2].max() < skin[13, 2]
        image = glb.content["bufferViews"][glb.content["images"][glb.image_of(name)]["bufferView"]]
        content = glb.binary[image["byteOffset"] : image["byteOffset"] + image["byteLength"]]
        light = np.asarray(Image.open(BytesIO(content)))[..., 1].max(0).astype(float)
        assert len(light) == 384
        for side in (light[84:108], light[-108:-84]):  # 14 to 18 mm from the middle
            assert side.mean() > 0.5 * light[170:214].mean()


def test_joints_move_the_head_as_the_animation_says(glb: Glb, portrait: Portrait, talk: Animation) -> None:
    """Neck and head, one in the other, put the head's own frame where the camera of the photo has it."""
    frame = 30
    placed = np.eye(4)
    for name in ("Neck", "Head"):
        node = glb.content["nodes"][glb.node(name)]
        x, y, z, w = glb.track(name, "rotation")[frame]
        moved = glb.track(name, "translation")[frame] if name == "Head" else node["translation"]
        local = np.eye(4)
        local[:3, :3] = np.eye(3) + 2.0 * np.array([
            [-y * y - z * z, x * y - z * w, x * z + y * w],
            [x * y + z * w, -x * x - z * z, y * z - x * w],
            [x * z - y * w, y * z + x * w, -x * x - y * y],
        ])  # fmt: skip
        local[:3, 3] = moved
        placed = placed @ local
    skin = glb.content["skins"][0]
    assert [glb.content["nodes"][joint]["name"] for joint in skin["joints"]] == ["Neck", "Head"]
    inverse = glb.accessor(skin["inverseBindMatrices"]).reshape(-1, 4, 4).transpose(0, 2, 1)
    rotation, _, _ = portrait.face.cameras(talk.coefficients[frame : frame + 1])
    flip = np.diag([1.0, -1.0, -1.0])
    got = placed @ inverse[1]
    np.testing.assert_allclose(got[:3, :3], flip @ rotation[0] @ flip, atol=1e-5)
    np.testing.assert_allclose(got[:3, 3], 0.063 * flip @ talk.coefficients[frame, -3:], atol=1e-5)


def test_the_skin_goes_over_from_neck_to_head(glb: Glb) -> None:
    attributes = glb.mesh("Skin")["primitives"][0]["attributes"]
    weights, heights = glb.accessor(attributes["WEIGHTS_0"]), glb.accessor(attributes["POSITION"])[:, 1]
    np.testing.assert_allclose(weights.sum(1), 1.0, atol=1e-6)
    assert (weights[:468, 1] > 0.95).mean() > 0.95  # the face is the head's
    assert weights[heights.argmin(), 0] == 1.0  # the neck's end is not
    np.testing.assert_allclose(np.linalg.norm(glb.accessor(attributes["NORMAL"]), axis=1), 1.0, atol=1e-5)


def test_visemes_shape_the_mouth(glb: Glb) -> None:
    (part,) = glb.mesh("Skin")["primitives"]
    shapes = (glb.accessor(part["targets"][MORPH_NAMES.index(f"viseme_{name}")]["POSITION"]) for name in "IU")
    wide, round_ = (shape[291, 0] - shape[61, 0] for shape in shapes)  # between the corners
    assert wide > 0.001 > -0.001 > round_
    silent = glb.accessor(part["targets"][MORPH_NAMES.index("viseme_sil")]["POSITION"])
    assert not silent.any()


def test_the_tongue_goes_with_the_jaw_and_comes_out(glb: Glb) -> None:
    (part,) = glb.mesh("Tongue")["primitives"]
    jaw, out = (
        glb.accessor(part["targets"][EXPRESSION_NAMES.index(name)]["POSITION"]) for name in ("jawOpen", "tongueOut")
    )
    assert jaw[:, 1].max() < -0.01
    assert 0.015 < out[:, 2].max() < 0.03 and np.abs(out[:, 2]).min() < 0.001
    lips = glb.accessor(glb.mesh("Skin")["primitives"][0]["attributes"]["POSITION"])[13]
    tip = glb.accessor(part["attributes"]["POSITION"])[:17].mean(0)
    assert -0.02 < tip[2] - lips[2] < -0.005 and tip[1] < lips[1]


def test_the_animation_is_in_it(glb: Glb, talk: Animation) -> None:
    weights = glb.track("Skin", "weights").reshape(len(talk), 67)
    np.testing.assert_allclose(weights[:, :52], np.clip(talk.coefficients[:, :52], 0, 1))
    assert not weights[:, 52:].any()  # visemes are for programs that speak by them
    np.testing.assert_array_equal(glb.track("LowerTeeth", "weights").ravel(), weights.ravel())
    # Turning about the vertical by the yaw, to the picture's right: positive about glTF's y. The neck does a part.
    turns = [2.0 * np.arcsin(glb.track(name, "rotation")[:, 1]) for name in ("Neck", "Head")]
    np.testing.assert_allclose(sum(turns) - sum(turns)[0], talk["yaw"] - talk["yaw"][0], atol=0.02)
    assert 0.3 < np.ptp(turns[0]) / np.ptp(sum(turns)) < 0.5
    assert glb.track("LeftEye", "rotation")[:, 1].max() < -0.04  # in: to the left of the picture
    assert abs(glb.track("RightEye", "rotation")[:, 1]).max() < 1e-6


def test_export_verb(tmp_path: Path, talk: Animation, capsys: pytest.CaptureFixture[str]) -> None:
    talk.save_npz(tmp_path / "talk.npz")
    source, output = str(tmp_path / "talk.npz"), str(tmp_path / "head.glb")
    asked = ["--format", "glb", "--sound", str(Path(PHOTO).with_name("speech.flac"))]
    assert main(["export", source, "--photo", PHOTO, "-o", output, *asked]) == DONE
    beside = load_audio(tmp_path / "head.wav")
    assert beside.samples.shape == load_audio(asked[-1]).samples.shape
    assert main(["export", source, "-o", str(tmp_path / "a.csv"), "--sound", asked[-1]]) == BAD_INPUT
    assert "--sound is written next to a .glb" in capsys.readouterr().err
    assert len(Glb(Path(output).read_bytes()).content["animations"]) == 1
    assert main(["export", source, "-o", output]) == BAD_INPUT
    assert "add --photo PHOTO" in capsys.readouterr().err
    assert main(["export", source, "-o", str(tmp_path / "a.csv"), "--format", "json"]) == BAD_INPUT
    assert "must end in .json" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["head.glb", "head.wav", "talk.npz"]


def test_another_ending_is_refused(portrait: Portrait, renderer: FaceRenderer, tmp_path: Path) -> None:
    with pytest.raises(AnimationError, match=r"ends in \.glb"):
        export_head(renderer.prepare(portrait), None, tmp_path / "head.obj")
