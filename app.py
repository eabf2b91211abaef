"""Open the demo: `python app.py`."""

import argparse

from dirfa_pipeline import DirfaPipeline
from dirfa_pipeline.demo import build_demo, launch_options
from dirfa_pipeline.demo.limits import MAX_WAITING
from dirfa_pipeline.pretrained import bundled_weights


def main() -> None:
    parser = argparse.ArgumentParser(description="Open the demo in a browser.")
    parser.add_argument("--weights", help="folder or hub id of a trained pipeline; the bundled one if left out")
    parser.add_argument("--device", default="cpu", help="where the networks run: cpu, cuda, mps")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=7860)
    options = parser.parse_args()
    pipe = DirfaPipeline.from_pretrained(options.weights or bundled_weights()).to(options.device)
    page = build_demo(pipe).queue(max_size=MAX_WAITING)
    page.launch(server_name=options.host, server_port=options.port, **launch_options())


if __name__ == "__main__":
    main()
