"""
Time and memory of `dirfa generate`, sound to mp4, in a process of its own.

    python benchmarks/bench_pipeline.py PHOTO SPEECH [--seconds 10 60] [--max-size 512]
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from dirfa_pipeline import AudioClip, load_audio


def write_wav(path: Path, clip: AudioClip, seconds: float) -> None:
    """Repeat a clip to a length and write it as 16-bit WAV."""
    import wave

    mono = clip.mono(16_000)
    samples = np.resize((mono * 32767).clip(-32768, 32767).astype(np.int16), int(seconds * 16_000))
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(samples.tobytes())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photo", type=Path)
    parser.add_argument("speech", type=Path)
    parser.add_argument("--seconds", type=float, nargs="+", default=[10.0, 60.0])
    parser.add_argument("--max-size", type=int, default=512)
    options = parser.parse_args()
    clip = load_audio(options.speech)
    for seconds in options.seconds:
        with tempfile.TemporaryDirectory() as folder:
            sound, video = Path(folder) / "speech.wav", Path(folder) / "talk.mp4"
            write_wav(sound, clip, seconds)
            command = [sys.executable, "-m", "dirfa_pipeline", "generate", str(options.photo), str(sound)]
            command += ["-o", str(video), "--seed", "1", "--max-size", str(options.max_size)]
            began = time.perf_counter()
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
            assert process.stderr is not None
            process.stderr.readline()
            first_line = time.perf_counter() - began
            process.stderr.read()
            process.wait()
            took = time.perf_counter() - began
            # ru_maxrss of children is the largest one so far: lengths are given in rising order.
            peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
            print(
                f"{seconds:.0f} s of sound: {took:.1f} s ({took / seconds:.2f} x real time), first line after "
                f"{first_line:.1f} s, peak {peak:.2f} GiB, load average {os.getloadavg()[0]:.1f}"
            )


if __name__ == "__main__":
    main()
