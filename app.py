"""Open the demo: `python app.py` is `dirfa app`."""

import sys

from dirfa_pipeline.cli import main


if __name__ == "__main__":
    sys.exit(main(["app", *sys.argv[1:]]))
