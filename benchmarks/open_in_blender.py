"""
Open a 3D head in Blender: check the import, render it from five sides, and export USD.

    pip install bpy numpy  # in an environment of its own; Blender's own Python module, 5.0 was used
    python benchmarks/open_in_blender.py HEAD.glb --output PICTURES [--frame 12] [--usdz HEAD.usdz]

Prints the objects, joints, morph targets, the frames of the animation at 25 frames per second, and all warnings of the
import. Fails if one of them is not as `dirfa export` documents.
"""

import argparse
import contextlib
import io
import math
from pathlib import Path

import bpy
from mathutils import Vector


FPS = 25
ANGLES = (0, 45, 90, 180, -60)  # degrees around the head
LIGHTS = ((-0.8, -1.2, 0.8, 18.0), (1.0, -1.0, 0.3, 9.0), (0.0, 1.2, 0.8, 12.0))  # metres, watts
JOINTS = ("Neck", "Head")
MORPHS = 67


def open_head(path: Path) -> "bpy.types.Object":
    """Import a head into an empty scene; returns the object with the skin."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.context.scene.render.fps = FPS
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        bpy.ops.import_scene.gltf(filepath=str(path))
    warnings = [line for line in said.getvalue().splitlines() if "WARN" in line or "ERROR" in line]
    print("warnings:", warnings)
    assert not warnings
    return next(thing for thing in bpy.data.objects if thing.type == "MESH" and thing.name.startswith("Skin"))


def describe(skin: "bpy.types.Object") -> None:
    """Print what was imported, and compare it with the documentation."""
    print("objects:", sorted(f"{thing.name} ({thing.type})" for thing in bpy.data.objects))
    bones = [bone.name for armature in bpy.data.armatures for bone in armature.bones]
    targets = [block.name for block in skin.data.shape_keys.key_blocks][1:]
    ranges = {action.name: tuple(round(end, 3) for end in action.frame_range) for action in bpy.data.actions}
    print(f"joints: {bones}; {len(targets)} morph targets; frames: {ranges}")
    assert set(JOINTS) <= set(bones) and len(targets) == MORPHS
    assert all(end == round(end) for span in ranges.values() for end in span)


def light(middle: Vector) -> "bpy.types.Object":
    """Add a camera and three lamps around a point; returns the camera."""
    scene = bpy.context.scene
    for number, (x, y, z, watts) in enumerate(LIGHTS):
        lamp = bpy.data.lights.new(f"lamp {number}", "AREA")
        lamp.energy, lamp.size = watts, 0.8
        thing = bpy.data.objects.new(lamp.name, lamp)
        thing.location = middle + Vector((x, y, z))
        thing.rotation_euler = (middle - thing.location).to_track_quat("-Z", "Y").to_euler()
        scene.collection.objects.link(thing)
    camera = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
    camera.data.lens = 115
    scene.collection.objects.link(camera)
    scene.camera = camera
    return camera


def draw(middle: Vector, folder: Path, size: int) -> None:
    """Render an image from each side."""
    scene, camera = bpy.context.scene, light(middle)
    scene.render.engine = "CYCLES"
    scene.cycles.samples, scene.cycles.use_denoising = 16, False
    scene.render.resolution_x = scene.render.resolution_y = size
    scene.view_settings.view_transform = "Standard"
    for angle in ANGLES:
        around = math.radians(angle)
        camera.location = middle + 1.05 * Vector((math.sin(around), -math.cos(around), 0.05))
        camera.rotation_euler = (middle - camera.location).to_track_quat("-Z", "Y").to_euler()
        scene.render.filepath = str((folder / f"{angle}.png").resolve())
        bpy.ops.render.render(write_still=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("head", type=Path)
    parser.add_argument("--output", type=Path, help="folder for rendered images (default: none)")
    parser.add_argument("--frame", type=int, default=0)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--usdz", type=Path, help="also write the head as USD")
    options = parser.parse_args()
    skin = open_head(options.head)
    describe(skin)
    bpy.context.scene.frame_set(options.frame)
    corners = [skin.matrix_world @ Vector(corner) for corner in skin.bound_box]
    if options.output:
        options.output.mkdir(parents=True, exist_ok=True)
        draw(sum(corners, Vector()) / len(corners), options.output, options.size)
    if options.usdz:
        bpy.ops.wm.usd_export(filepath=str(options.usdz.resolve()), export_animation=True)


if __name__ == "__main__":
    main()
