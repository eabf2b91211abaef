"""
The photo's head in 3D with its performance, for Blender, Unreal Engine and browsers.

    python examples/head3d.py [PHOTO SPEECH] [--output FOLDER]
"""

import torch
from arguments import parse_arguments

from dirfa_pipeline import DirfaPipeline
from dirfa_pipeline.animation.files import save_animation
from dirfa_pipeline.head3d.export import export_head


options = parse_arguments(__doc__)
pipe = DirfaPipeline.from_pretrained("dirfa-base")
portrait = pipe.prepare_portrait(options.photo, max_size=options.max_size)
animation = pipe.sample_animation(options.speech, generator=torch.Generator().manual_seed(7))

# The same numbers as a Live Link Face file, for heads that exist already.
save_animation(animation, options.output / "talk.csv")

path = options.output / "head.glb"
export_head(pipe.face_renderer.prepare(portrait), animation, path)
print(path)
