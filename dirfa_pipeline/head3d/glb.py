"""Binary glTF 2.0 (Khronos Group, 2021): arrays and pictures packed into one .glb file."""

import json
import struct
from io import BytesIO
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image


FLOAT, UNSIGNED_INT, UNSIGNED_BYTE = 5126, 5125, 5121
ARRAY_BUFFER, ELEMENT_ARRAY_BUFFER = 34962, 34963
REPEAT_NOT: Final = 33071  # clamp to the edge
JSON_CHUNK, BINARY_CHUNK = 0x4E4F534A, 0x004E4942


class GlbWriter:
    """Collects what a scene is made of; every `add_...` returns the index by which the rest refers to it."""

    def __init__(self, generator: str) -> None:
        self._binary = bytearray()
        self._content: dict[str, Any] = {
            "asset": {"version": "2.0", "generator": generator},
            "samplers": [{"wrapS": REPEAT_NOT, "wrapT": REPEAT_NOT}],
        }

    def add(self, kind: str, value: dict[str, Any]) -> int:
        """Append to one of glTF's lists."""
        items = self._content.setdefault(kind, [])
        items.append(value)
        return len(items) - 1

    def add_accessor(self, values: NDArray[Any], target: int | None = None) -> int:
        """Store an array: `(count,)` scalars, `(count, 2 to 4)` vectors or `(count, 4, 4)` matrices; or indices."""
        kind = {"u1": (np.uint8, UNSIGNED_BYTE), "i4": (np.uint32, UNSIGNED_INT)}.get(values.dtype.str[1:])
        dtype, component = kind or (np.float32, FLOAT)
        array = np.ascontiguousarray(values, dtype)
        accessor = _describe(array, component)
        return self.add("accessors", accessor | {"bufferView": self._add_view(array.tobytes(), target)})

    def add_sparse(self, values: NDArray[np.float32]) -> int:
        """Store an array `(count, 3)` most of whose rows are 0 by the other ones."""
        array = np.ascontiguousarray(values, np.float32)
        rows = np.flatnonzero(array.any(1)) if array.any() else np.array([0])
        sparse = {
            "count": len(rows),
            "indices": {"bufferView": self._add_view(rows.astype(np.uint32).tobytes()), "componentType": UNSIGNED_INT},
            "values": {"bufferView": self._add_view(array[rows].tobytes())},
        }
        return self.add("accessors", _describe(array, FLOAT) | {"sparse": sparse})

    def add_material(self, name: str, picture: NDArray[np.uint8], roughness: float, alpha: str = "OPAQUE") -> int:
        """Store a picture `(height, width, 3 or 4)` as a material of no metal; `roughness` is 0 for a mirror's."""
        file = BytesIO()
        Image.fromarray(picture).save(file, "PNG")
        image = self.add("images", {"bufferView": self._add_view(file.getvalue()), "mimeType": "image/png"})
        texture = self.add("textures", {"sampler": 0, "source": image})
        surface = {"baseColorTexture": {"index": texture}, "metallicFactor": 0.0, "roughnessFactor": roughness}
        material = {"name": name, "pbrMetallicRoughness": surface, "alphaMode": alpha, "doubleSided": True}
        return self.add("materials", material)

    def add_mesh(
        self, name: str, vertices: NDArray[np.float32], places: NDArray[np.float32], triangles: NDArray[np.int32],
        material: int, morphs: NDArray[np.float32] | None = None, morph_names: tuple[str, ...] = (),
        joints: NDArray[np.float32] | None = None, normals: NDArray[np.float32] | None = None,
    ) -> int:  # fmt: skip
        """
        Store a mesh.

        Args:
            vertices (`np.ndarray` of shape `(vertices, 3)`), places (`np.ndarray` of shape `(vertices, 2)`): Where
                they are, in metres, and in the material's picture, from 0 to 1.
            triangles (`np.ndarray` of shape `(triangles, 3)`): Anticlockwise from outside.
            morphs (`np.ndarray` of shape `(targets, vertices, 3)`, *optional*): What each named target adds.
            joints (`np.ndarray` of shape `(vertices, 1 to 4)`, *optional*): How much of each vertex each joint of its
                skin moves; sums to 1.
            normals (`np.ndarray` of shape `(vertices, 3)`, *optional*): By default [`vertex_normals`].
        """
        normals = vertex_normals(vertices, triangles) if normals is None else normals
        attributes = {
            "POSITION": self.add_accessor(vertices, ARRAY_BUFFER),
            "NORMAL": self.add_accessor(normals, ARRAY_BUFFER),
            "TEXCOORD_0": self.add_accessor(places, ARRAY_BUFFER),
        }
        if joints is not None:
            weights = np.pad(joints, ((0, 0), (0, 4 - joints.shape[1]))).astype(np.float32)
            numbers = np.where(weights > 0.0, np.arange(4), 0).astype(np.uint8)
            attributes |= {
                "JOINTS_0": self.add_accessor(numbers, ARRAY_BUFFER),
                "WEIGHTS_0": self.add_accessor(weights, ARRAY_BUFFER),
            }
        primitive: dict[str, Any] = {
            "attributes": attributes,
            "indices": self.add_accessor(triangles.reshape(-1), ELEMENT_ARRAY_BUFFER),
            "material": material,
        }
        mesh: dict[str, Any] = {"name": name, "primitives": [primitive]}
        if morphs is not None:
            primitive["targets"] = [{"POSITION": self.add_sparse(morph)} for morph in morphs]
            mesh |= {"weights": [0.0] * len(morphs), "extras": {"targetNames": list(morph_names)}}
        return self.add("meshes", mesh)

    def add_animation(self, name: str, times: NDArray[np.float32], tracks: list[tuple[int, str, NDArray]]) -> int:
        """Store linear tracks, each `(node, "rotation" | "translation" | "weights", values)` with a row an instant."""
        clock = self.add_accessor(times.astype(np.float32))
        samplers, channels = [], []
        for node, path, values in tracks:
            output = self.add_accessor(values.reshape(-1) if path == "weights" else values)
            samplers.append({"input": clock, "output": output, "interpolation": "LINEAR"})
            channels.append({"sampler": len(samplers) - 1, "target": {"node": node, "path": path}})
        return self.add("animations", {"name": name, "samplers": samplers, "channels": channels})

    def add_skin(self, name: str, joints: list[int], inverse: NDArray[np.float32]) -> int:
        """Store a skin: its joints' nodes, and what brings a vertex into the frame of each, `(joints, 4, 4)`."""
        matrices = self.add_accessor(inverse.transpose(0, 2, 1))  # column by column
        return self.add("skins", {"name": name, "joints": joints, "inverseBindMatrices": matrices})

    def to_bytes(self, roots: list[int]) -> bytes:
        """The file with `roots` as its scene's root nodes."""
        content = self._content | {
            "scene": 0,
            "scenes": [{"nodes": roots}],
            "buffers": [{"byteLength": len(self._binary)}],
        }
        text = json.dumps(content, separators=(",", ":")).encode()
        text += b" " * (-len(text) % 4)
        binary = bytes(self._binary) + b"\0" * (-len(self._binary) % 4)
        size = 12 + 8 + len(text) + 8 + len(binary)
        return (
            struct.pack("<4sII", b"glTF", 2, size)
            + struct.pack("<II", len(text), JSON_CHUNK) + text
            + struct.pack("<II", len(binary), BINARY_CHUNK) + binary
        )  # fmt: skip

    def _add_view(self, content: bytes, target: int | None = None) -> int:
        self._binary += b"\0" * (-len(self._binary) % 4)
        view: dict[str, Any] = {"buffer": 0, "byteOffset": len(self._binary), "byteLength": len(content)}
        if target is not None:
            view["target"] = target
        self._binary += content
        return self.add("bufferViews", view)


def _describe(array: NDArray[Any], component: int) -> dict[str, Any]:
    accessor: dict[str, Any] = {
        "componentType": component,
        "count": len(array),
        "type": {1: "SCALAR", 2: f"VEC{array.shape[-1]}", 3: "MAT4"}[array.ndim],
    }
    if component == FLOAT:
        flat = array.reshape(len(array), -1)
        accessor |= {"min": flat.min(0).tolist(), "max": flat.max(0).tolist()}
    return accessor


def vertex_normals(vertices: NDArray[np.float32], triangles: NDArray[np.int32]) -> NDArray[np.float32]:
    """
    Unit normals `(vertices, 3)`: the mean of the triangles around, by area.

    Vertices in one place, to a tenth of a millimetre, share theirs: there the picture has a seam, the surface none.
    """
    corners = vertices[triangles].astype(np.float64)
    flat = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    _, place = np.unique(vertices.round(4), axis=0, return_inverse=True)
    place = place.reshape(-1)
    total = np.zeros((place.max() + 1, 3))
    for corner in range(3):
        np.add.at(total, place[triangles[:, corner]], flat)
    length = np.linalg.norm(total, axis=1, keepdims=True)
    unit = np.where(length > 0.0, total / np.maximum(length, 1e-30), [0.0, 0.0, 1.0])
    return unit[place].astype(np.float32)
