"""
Synthesize the bundled example speech with festival (Debian packages festival and festvox-us-slt-hts).

    python -m dirfa_pipeline.training.make_example_speech dirfa_pipeline/examples/speech.flac
"""

import argparse
import subprocess
import tempfile
from pathlib import Path

import soundfile

from ..media.audio import load_audio


TEXT = (
    "Hello! I am a picture that learned to speak. Give me one photo and one voice, and my lips will move, my eyes "
    "will blink, and my head will follow the beat of every word."
)
VOICE = "cmu_us_slt_arctic_hts"


def main(arguments: list[str] | None = None) -> None:
    """Write the speech as FLAC at 32 kHz."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        wave, script = Path(folder) / "speech.wav", Path(folder) / "speech.scm"
        script.write_text(f'(voice_{VOICE})\n(utt.save.wave (utt.synth (Utterance Text "{TEXT}")) "{wave}")\n')
        subprocess.run(["festival", "-b", str(script)], check=True)
        clip = load_audio(wave)
    soundfile.write(options.output, clip.samples.T, clip.sampling_rate, format="FLAC")


if __name__ == "__main__":
    main()
