#!/bin/sh
# Test the packages here, each in a virtual environment of its own: they need versions that do not go together.
#   integrations/test.sh [NAME ...]     all of them if none is named
# comfyui needs COMFYUI=PATH, a checkout of ComfyUI, and is skipped without one.
set -eu
if [ -n "${COMFYUI:-}" ]; then
    COMFYUI=$(cd "$COMFYUI" && pwd)
    export COMFYUI
fi
cd "$(dirname "$0")"
PYTHON=${PYTHON:-python3}

[ $# -gt 0 ] || set -- heads pipecat livekit comfyui
for name; do
    environment=$name/.venv
    if [ ! -e "$environment/.installed" ] || [ "$name/pyproject.toml" -nt "$environment/.installed" ]; then
        "$PYTHON" -m venv "$environment"
        "$environment/bin/python" -m pip install --quiet --constraint ../constraints.txt torch
        "$environment/bin/python" -m pip install --quiet --editable .. --editable "$name[test]"
        touch "$environment/.installed"
    fi
    (cd "$name" && .venv/bin/python -m pytest)
done
