"""
Count the parameters of the components and the size of the checkpoint.

    python benchmarks/count_weights.py [--weights weights/dirfa-base] [--record]
"""

import argparse
import math
from pathlib import Path

from results import add_option, record
from safetensors import safe_open


def count(folder: Path) -> float:
    """Parameters in a component's tensors, in millions."""
    total = 0
    for path in folder.glob("*.safetensors"):
        with safe_open(path, "np") as file:
            total += sum(math.prod(file.get_slice(name).get_shape()) for name in file.keys())  # noqa: SIM118
    return total / 1e6


def measure(weights: Path) -> dict[str, float]:
    """Parameters by component, in millions, and the size of all files in megabytes."""
    names = ("audio_encoder", "animation_sampler", "face_model", "face_renderer")
    megabytes = sum(path.stat().st_size for path in weights.rglob("*") if path.is_file()) / 1e6
    return {f"millions.{name}": count(weights / name) for name in names} | {"megabytes": megabytes}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path, default=Path("weights/dirfa-base"))
    add_option(parser, "weights")
    options = parser.parse_args()
    values = measure(options.weights)
    for name, value in values.items():
        print(f"{name:30s}{value:8.2f}")
    record(options.record, values, options.weights)


if __name__ == "__main__":
    main()
