# `make demo` and `make test` set everything up on a machine with Python 3.11 or 3.12.
VENV ?= .venv
# The first Python 3.11 or 3.12 that really starts: a version manager's shim may exist and not.
SUPPORTED := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 13))
PYTHON ?= $(shell for name in python3.11 python3 python3.12; do \
	$$name -c '$(SUPPORTED)' >/dev/null 2>&1 && echo $$name && break; done)
RUN := $(VENV)/bin/python
EXAMPLES := dirfa_pipeline/examples
GLTF := tests/head3d/gltf/node_modules

# Threads that spin while they wait slow small machines down.
export OMP_WAIT_POLICY = PASSIVE
export GOMP_SPINCOUNT = 0

.PHONY: demo app media test test-fast quality style wheel system browser gltf clean

demo: $(VENV)/.installed
	mkdir -p outputs
	$(RUN) -m dirfa_pipeline generate $(EXAMPLES)/astronaut.jpg $(EXAMPLES)/speech.flac -o outputs/demo.mp4 --seed 1
	@echo "The video is $(CURDIR)/outputs/demo.mp4"

app: $(VENV)/.installed
	$(RUN) app.py

# The README's pictures of the demo page.
media: $(VENV)/.installed browser
	$(RUN) docs/make_media.py

test: quality browser gltf
	$(RUN) -m pytest

test-fast: $(VENV)/.installed
	$(RUN) -m pytest -m "not slow"

quality: $(VENV)/.installed
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy

style: $(VENV)/.installed
	$(RUN) -m ruff check --fix .
	$(RUN) -m ruff format .

wheel: $(VENV)/.installed
	$(RUN) -m pip wheel --quiet --no-deps --wheel-dir dist .

$(VENV)/.installed: pyproject.toml constraints.txt
	@test -n "$(PYTHON)" && $(PYTHON) -c '$(SUPPORTED)' \
		|| { echo "Python 3.11 or 3.12 is needed; name one: make PYTHON=/path/to/python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install --quiet --upgrade pip
	$(RUN) -m pip install --quiet --constraint constraints.txt torch
	$(RUN) -m pip install --quiet --constraint constraints.txt --editable ".[app,test,train]"
	@$(MAKE) --no-print-directory system
	touch $@

# OpenCV, which MediaPipe brings, needs libGL and glib, which bare containers lack; its headless twin needs neither.
system:
	@$(RUN) -c "import cv2" 2>/dev/null || { \
		$(RUN) -m pip uninstall --quiet --yes opencv-contrib-python && \
		$(RUN) -m pip install --quiet --constraint constraints.txt --no-deps --force-reinstall \
			opencv-contrib-python-headless && \
		$(RUN) -c "import cv2"; }

# The demo page is tested in Chromium; without it those tests are skipped.
browser:
	@for name in chromium chromium-browser google-chrome; do command -v $$name >/dev/null && exit 0; done; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		apt-get update -qq && apt-get install -qq --yes --no-install-recommends chromium >/dev/null; \
	else echo "Chromium is missing and cannot be installed from here: the browser tests will be skipped"; fi

# The 3D head is checked by Khronos' validator and shown by three.js; without them those tests are skipped.
gltf:
	@command -v npm >/dev/null || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get update -qq \
		&& apt-get install -qq --yes --no-install-recommends nodejs npm >/dev/null; } || true
	@if command -v npm >/dev/null; then $(MAKE) --no-print-directory $(GLTF)/.package-lock.json; \
	else echo "npm is missing and cannot be installed from here: the glTF tests will be skipped"; fi

$(GLTF)/.package-lock.json: tests/head3d/gltf/package-lock.json
	npm ci --prefix tests/head3d/gltf --silent --no-audit --no-fund
	touch $@

clean:
	rm -rf $(VENV) $(GLTF) outputs build dist *.egg-info
