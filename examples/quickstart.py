"""
Make a talking video from a photo and a sound.

    python examples/quickstart.py [PHOTO SPEECH] [--output FOLDER]
"""

import torch
from arguments import parse_arguments

from dirfa_pipeline import DirfaPipeline, write_video


options = parse_arguments(__doc__)
pipe = DirfaPipeline.from_pretrained("dirfa-base")

# Three steps: the face in the photo, a performance of the speech, the frames. These come one by one, to save memory.
portrait = pipe.prepare_portrait(options.photo, max_size=options.max_size)
animation = pipe.sample_animation(options.speech, generator=torch.Generator().manual_seed(7))
frames = pipe.render(portrait, animation)

path = options.output / "quickstart.mp4"
write_video(path, frames, animation.fps, options.speech)
print(path)
