"""Binary glTF 2.0 (Khronos Group, 2021): arrays and pictures packed into one .glb file."""

import json
import struct
from io import BytesIO
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image


FLOAT, UNSIGNED_INT = 5126, 5125
ARRAY_BUFFER, ELEMENT_ARRAY_BUFFER = 34962, 34963
REPEAT_NOT: Final = 33071  # clamp to the edge
JSON_CHUNK, BINARY_CHUNK = 0x4E4F534A, 0x004E4942


class GlbWriter:
    """Collects what a scene is made of; every `add_...` returns the index by which the rest refers to it."""

    def __init__(self, generator: str) -> None:
        self._binary = bytearray()
        self._content: dict[str, Any] = {
            "asset": {"version": "2.0", "generator": generator},
            "extensionsUsed": ["KHR_materials_unlit"],
            "samplers": [{"wrapS": REPEAT_NOT, "wrapT": REPEAT_NOT}],
        }

    def add(self, kind: str, value: dict[str, Any]) -> int:
        """Append to one of glTF's lists."""
        items = self._content.setdefault(kind, [])
        items.append(value)
        return len(items) - 1

    def add_accessor(self, values: NDArray[Any], target: int | None = None) -> int:
        """Store an array: `(count,)` scalars, or `(count, 2 to 4)` vectors; floats, or indices."""
        indices = values.dtype.kind in "iu"
        array = np.ascontiguousarray(values, np.uint32 if indices else np.float32)
        accessor = _describe(array, UNSIGNED_INT if indices else FLOAT)
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

    def add_material(self, name: str, picture: NDArray[np.uint8], alpha: str = "OPAQUE") -> int:
        """Store a picture `(height, width, 3 or 4)` as an unlit material: it has the photo's light already."""
        file = BytesIO()
        Image.fromarray(picture).save(file, "PNG")
        image = self.add("images", {"bufferView": self._add_view(file.getvalue()), "mimeType": "image/png"})
        texture = self.add("textures", {"sampler": 0, "source": image})
        surface = {"baseColorTexture": {"index": texture}, "metallicFactor": 0.0}
        material: dict[str, Any] = {
            "name": name, "pbrMetallicRoughness": surface, "alphaMode": alpha, "doubleSided": True,
            "extensions": {"KHR_materials_unlit": {}},
        }  # fmt: skip
        return self.add("materials", material)

    def add_mesh(
        self, name: str, vertices: NDArray[np.float32], places: NDArray[np.float32], triangles: NDArray[np.int32],
        material: int, morphs: NDArray[np.float32] | None = None, morph_names: tuple[str, ...] = (),
    ) -> int:  # fmt: skip
        """
        Store a mesh.

        Args:
            vertices (`np.ndarray` of shape `(vertices, 3)`), places (`np.ndarray` of shape `(vertices, 2)`): Where
                they are, in metres, and in the material's picture, from 0 to 1.
            triangles (`np.ndarray` of shape `(triangles, 3)`): Anticlockwise from outside.
            morphs (`np.ndarray` of shape `(targets, vertices, 3)`, *optional*): What each named target adds.
        """
        primitive: dict[str, Any] = {
            "attributes": {
                "POSITION": self.add_accessor(vertices, ARRAY_BUFFER),
                "TEXCOORD_0": self.add_accessor(places, ARRAY_BUFFER),
            },
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

    def to_bytes(self, root: int) -> bytes:
        """The file with `root` as its scene's only root node."""
        content = self._content | {
            "scene": 0,
            "scenes": [{"nodes": [root]}],
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
        "type": "SCALAR" if array.ndim == 1 else f"VEC{array.shape[1]}",
    }
    if component == FLOAT:
        flat = array.reshape(len(array), -1)
        accessor |= {"min": flat.min(0).tolist(), "max": flat.max(0).tolist()}
    return accessor
