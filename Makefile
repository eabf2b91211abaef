# `make demo` and `make test` set everything up on a machine with Python 3.11 to 3.14.
VENV ?= .venv
# The first of these Pythons that really starts: a version manager's shim may exist and not.
SUPPORTED := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 15))
PYTHON ?= $(shell for name in python3.11 python3 python3.12 python3.13 python3.14; do \
	$$name -c '$(SUPPORTED)' >/dev/null 2>&1 && echo $$name && break; done)
RUN := $(VENV)/bin/python
EXAMPLES := dirfa_pipeline/examples
GLTF := tests/head3d/gltf/node_modules

# On Linux PyPI has torch for CUDA, gigabytes larger than the CPU build, which is enough. For that one:
# make demo TORCH_INDEX=https://download.pytorch.org/whl/cpu
TORCH_INDEX ?=

# Threads that spin while they wait slow small machines down.
export OMP_WAIT_POLICY = PASSIVE
export GOMP_SPINCOUNT = 0

.PHONY: demo app docs figures media sheet goldens test test-long test-fast test-python quality style wheel programs browser gltf clean

demo: $(VENV)/.installed
	mkdir -p outputs
	$(RUN) -m dirfa_pipeline generate $(EXAMPLES)/astronaut.jpg $(EXAMPLES)/speech.flac -o outputs/demo.mp4 --seed 1
	@echo "The video is $(CURDIR)/outputs/demo.mp4"

app: $(VENV)/.installed
	$(RUN) app.py

# The documentation's site, into outputs/site; strict: a warning is an error.
docs: $(VENV)/.installed
	$(RUN) -m zensical build --strict --clean
	@echo "The site is $(CURDIR)/outputs/site/index.html"

# The figures that need no recordings, made anew and put into the documents; docs/figures.md tells of the others.
figures: $(VENV)/.installed
	$(RUN) benchmarks/count_weights.py --record
	$(RUN) benchmarks/compare_languages.py --record

# The README's pictures of the demo page.
media: $(VENV)/.installed browser
	$(RUN) docs/make_media.py

# The faces of the tests in many poses, to be looked at; ZOOM=mouth, eyes or out for details.
sheet: $(VENV)/.installed
	$(RUN) benchmarks/contact_sheet.py tests/faces/*.jpg --weights weights/dirfa-base --cell 256 \
		$(if $(ZOOM),--zoom $(ZOOM)) --output outputs/sheet$(if $(ZOOM),-$(ZOOM)).png

# Accepts a changed look: say in the commit what changed and why, see docs/changing-the-look.md.
goldens: $(VENV)/.installed
	$(RUN) benchmarks/accept_goldens.py

# Two tests at a time, those of a file one after the other: under twenty minutes on two cores.
SIDE_BY_SIDE = --numprocesses 2 --dist loadfile
test: quality programs gltf
	$(RUN) -m pytest -m "not long" $(SIDE_BY_SIDE)

# Hours of streamed sound, and every property on many more examples than in `make test`.
test-long: $(VENV)/.installed programs
	$(RUN) -m pytest -m "long or hypothesis" --hypothesis-profile long --timeout 7200

test-fast: $(VENV)/.installed
	$(RUN) -m pytest -m "not slow and not long"

# The suite on another Python, in a virtual environment of its own: make test-python PYTHON=python3.13
test-python: programs gltf
	$(MAKE) VENV=.venv-$(notdir $(PYTHON)) .venv-$(notdir $(PYTHON))/.installed
	.venv-$(notdir $(PYTHON))/bin/python -m pytest -m "not long" $(SIDE_BY_SIDE)

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
		|| { echo "Python 3.11 to 3.14 is needed; name one: make PYTHON=/path/to/python3.13"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@echo "Installing into $(VENV): some minutes and 3 GB, or twice that where torch comes for CUDA"
	$(RUN) -m pip install --quiet --upgrade pip
	@echo "1 of 2: torch"
	$(RUN) -m pip install --quiet $(addprefix --extra-index-url ,$(TORCH_INDEX)) --constraint constraints.txt torch
	@echo "2 of 2: the package and what it needs"
	$(RUN) -m pip install --quiet --constraint constraints.txt --editable ".[app,docs,scale,serve,test,train,voices]"
	touch $@

# What tests run that pip does not bring: a browser, voices, ffmpeg, node.
programs:
	@tests/install_programs.sh

browser:
	@tests/install_programs.sh chromium

# The 3D head is checked by Khronos' validator and shown by three.js; without them those tests are skipped.
gltf:
	@tests/install_programs.sh npm
	@if command -v npm >/dev/null; then $(MAKE) --no-print-directory $(GLTF)/.package-lock.json; fi

$(GLTF)/.package-lock.json: tests/head3d/gltf/package-lock.json
	npm ci --prefix tests/head3d/gltf --silent --no-audit --no-fund
	touch $@

clean:
	rm -rf $(VENV) .venv-* $(GLTF) outputs build dist *.egg-info
