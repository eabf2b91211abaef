"""
A directed take: from sad to happy, the head turned, the eyes on the camera, a blink at a chosen time.

    python examples/directing.py [PHOTO SPEECH] [--output FOLDER]
"""

import torch
from arguments import parse_arguments

from dirfa_pipeline import Controls, DirfaPipeline, write_video


options = parse_arguments(__doc__)
pipe = DirfaPipeline.from_pretrained("dirfa-base")
portrait = pipe.prepare_portrait(options.photo, max_size=options.max_size)
drawn = pipe.sample_animation(options.speech, generator=torch.Generator().manual_seed(7))

end = options.speech.duration
controls = Controls(
    expression=[("sad", 0.0), ("happy", 0.6 * end)],
    expression_strength=0.7,
    pose=[((0, 0, 0), 0.0), ((-12, 4, 0), 0.5 * end), ((0, 0, 0), end)],
    gaze="camera",
    blinks=[0.5 * end],
    head_motion=0.5,
)
# Numbers in, numbers out: what was drawn stays as it is, and can be directed differently without drawing again.
directed = controls.apply(drawn, pipe.face_model, options.speech)
open_before, open_after = (take["jawOpen"].max() for take in (drawn, directed))
print(f"the jaw opens to {open_before:.2f} as drawn and {open_after:.2f} as directed; lips still close at p, b and m")

path = options.output / "directed.mp4"
write_video(path, pipe.render(portrait, directed), directed.fps, options.speech)
print(path)
