"""
A text moves heads elsewhere: `python example.py "Hello, how are you?"`.

Unreal Engine with the Live Link Face plugin listens on port 11111, VMC programs on 39539. The sound is played where
`pip install sounddevice` was done.
"""

import argparse

import numpy as np
from dirfa_heads import LiveLinkSender, VmcSender, play

from dirfa_pipeline import DirfaPipeline, open_voice
from dirfa_pipeline.live.voices.voice import SpokenText


parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("text")
parser.add_argument("--voice", default="espeak")
parser.add_argument("--host", default="127.0.0.1")
options = parser.parse_args()

speech = SpokenText(options.text, open_voice(options.voice)).speak()
animation = DirfaPipeline.from_pretrained("dirfa-base").sample_animation(speech)
try:
    import sounddevice

    sounddevice.play(np.ascontiguousarray(speech.samples.T), speech.sampling_rate)
except (ImportError, OSError):
    print("the sound is not played: pip install sounddevice")
with LiveLinkSender(options.host) as live_link, VmcSender(options.host) as vmc:
    print(f"{play(animation.coefficients, [live_link, vmc])} frames sent")
