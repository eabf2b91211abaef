"""
A film whose person says something else. Without a film of yours, one is made from the photo first.

    python examples/dub.py [PHOTO SPEECH] [--output FOLDER]
"""

import torch
from arguments import parse_arguments

from dirfa_pipeline import AudioClip, DirfaPipeline, write_video
from dirfa_pipeline.capture.film_length import fit_lengths
from dirfa_pipeline.capture.films import film_face


options = parse_arguments(__doc__)
pipe = DirfaPipeline.from_pretrained("dirfa-base")

film_path = options.output / "film.mp4"
portrait = pipe.prepare_portrait(options.photo, max_size=options.max_size)
take = pipe.sample_animation(options.speech, generator=torch.Generator().manual_seed(7))
write_video(film_path, pipe.render(portrait, take), take.fps, options.speech)

# Every frame is looked at once; dub the same `film` as often as you like.
film = film_face(film_path, pipe.face_model)
# Here the new words are the old ones backwards: nobody can say them but a dub.
words = AudioClip(options.speech.samples[:, ::-1].copy(), options.speech.sampling_rate)
film, words = fit_lengths(film, words, "loop")

path = options.output / "dubbed.mp4"
write_video(path, pipe.dub(film, words), film.fps, words)
print(path)
