"""A good guest: nothing is set or written by importing, and a command runs without home, terminal or extras."""

import json
import os
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tiny import tiny_pipeline

from dirfa_pipeline.cli import BAD_INPUT, DONE, FAILED, main


ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "dirfa_pipeline"
PHOTO, SPEECH = str(PACKAGE / "examples" / "astronaut.jpg"), str(PACKAGE / "examples" / "speech.flac")
SMALL = ["--max-size", "448", "--fps", "2", "--seed", "1"]
NOBODY = 12345  # a user id that the system does not know


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("weights")
    tiny_pipeline().save_pretrained(folder)
    return str(folder)


def bare_environment(**more: str) -> dict[str, str]:
    """The environment without what says how threads wait or where files may be kept."""
    known = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "HOME", "XDG_CACHE_HOME", "NUMBA_CACHE_DIR", "MALLOC_ARENA_MAX")
    return {name: value for name, value in os.environ.items() if name not in known} | more


def files_below(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.suffix != ".pyc"}


IMPORT = """
import json, os
before = dict(os.environ)
import dirfa_pipeline
for name in dirfa_pipeline.__all__:
    getattr(dirfa_pipeline, name)
print(json.dumps(sorted(name for name in {*before, *os.environ} if before.get(name) != os.environ.get(name))))
"""


@pytest.mark.slow
def test_importing_sets_and_writes_nothing(tmp_path: Path) -> None:
    copy, home = tmp_path / "install" / "dirfa_pipeline", tmp_path / "home"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    home.mkdir()
    before = files_below(tmp_path)
    environment = bare_environment(HOME=str(home), PYTHONPATH=str(copy.parent), PYTHONDONTWRITEBYTECODE="1")
    done = subprocess.run(
        [sys.executable, "-c", IMPORT], env=environment, cwd=home, capture_output=True, text=True, check=True
    )
    ours = [name for name in json.loads(done.stdout) if name.startswith(("OMP", "GOMP", "NUMBA", "DIRFA", "MKL"))]
    assert ours == []
    assert files_below(tmp_path) == before


@pytest.mark.slow
def test_commands_let_threads_sleep_unless_told_otherwise() -> None:
    script = (
        "import os, sys\nfrom dirfa_pipeline.cli import main\n"
        "assert 'torch' not in sys.modules\nmain(['track', 'nothing.mp4', '-o', 'a.npz'])\n"
        "print(os.environ['OMP_WAIT_POLICY'], os.environ['GOMP_SPINCOUNT'])"
    )
    for told, expected in (({}, "PASSIVE 0"), ({"OMP_WAIT_POLICY": "ACTIVE", "GOMP_SPINCOUNT": "9"}, "ACTIVE 9")):
        done = subprocess.run(
            [sys.executable, "-c", script], env=bare_environment(**told), capture_output=True, text=True, check=True
        )
        assert done.stdout.strip() == expected


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="arenas are glibc's")
@pytest.mark.parametrize(("told", "most"), [({}, 2), ({"MALLOC_ARENA_MAX": "5"}, 5)])
def test_threads_of_a_server_share_memory(told: dict[str, str], most: int) -> None:
    script = (
        "import ctypes, threading\nfrom dirfa_pipeline.threads import let_threads_share_memory\n"
        "let_threads_share_memory()\nallocated = threading.Barrier(13)\n"
        "def allocate(): kept = bytearray(5000); allocated.wait()\n"
        "for _ in range(12): threading.Thread(target=allocate).start()\n"
        "allocated.wait()\nctypes.CDLL(None).malloc_stats()"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], env=bare_environment(**told), capture_output=True, text=True, check=True
    )
    assert done.stderr.count("Arena ") == most


def as_nobody(folder: Path) -> list[str]:
    """The words before a command that run it as a user whom the system does not know."""
    ways = (
        ["unshare", "--user", f"--map-user={NOBODY}", f"--map-group={NOBODY}"],
        ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"],
    )
    for way in ways:
        probe = [*way, sys.executable, "-c", "import os, torch; print(os.getuid())"]
        if shutil.which(way[0]) and subprocess.run(probe, cwd=folder, capture_output=True).returncode == 0:
            return way
    pytest.skip("no way to run as another user: needs user namespaces, or root and a Python that all may read")


@pytest.mark.slow
def test_a_user_without_home_in_a_read_only_install(weights: str, tmp_path: Path) -> None:
    """Nothing can be written but the folder of the video; compiled loops are then not kept."""
    install, output = tmp_path / "install", tmp_path / "output"
    shutil.copytree(PACKAGE, install / "dirfa_pipeline", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "weights", install / "weights")
    shutil.copytree(weights, install / "tiny")
    output.mkdir()
    for path in (tmp_path, *tmp_path.parents):
        if path.owner() == tmp_path.owner() and path != Path(path.root):
            path.chmod(path.stat().st_mode | 0o111)
    output.chmod(0o777)
    for path in [install, *install.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    command = [sys.executable, "-m", "dirfa_pipeline", "generate", PHOTO, SPEECH, "-o", "talk.mp4", *SMALL]
    done = subprocess.run(
        [*as_nobody(output), *command, "--weights", str(install / "tiny")],
        env=bare_environment(PYTHONPATH=str(install)), cwd=output, capture_output=True, text=True, timeout=600,
    )  # fmt: skip
    assert done.returncode == DONE, done.stderr[-3000:]
    assert (output / "talk.mp4").stat().st_size > 10_000
    assert files_below(output) == {"talk.mp4"}, "a folder named ~, for example"
    assert not list(install.rglob("*.nbc"))


@pytest.mark.slow
def test_standard_error_may_be_closed(weights: str, tmp_path: Path) -> None:
    words = [sys.executable, "-m", "dirfa_pipeline", "generate", PHOTO, SPEECH, *SMALL, "--weights", weights]
    closed = ["sh", "-c", 'exec "$@" 2>&-', "sh"]
    done = subprocess.run([*closed, *words, "-o", "talk.mp4"], cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    assert done.returncode == DONE
    assert done.stdout == "talk.mp4\n", "messages do not go to the standard output instead"
    assert (tmp_path / "talk.mp4").read_bytes()[4:8] == b"ftyp"


@pytest.mark.slow
def test_the_library_works_with_standard_error_closed(tmp_path: Path) -> None:
    script = (
        f"import sys\nsys.path.insert(0, {str(ROOT / 'tests')!r})\nfrom tiny import tiny_pipeline\n"
        "from dirfa_pipeline import Animation\n"
        f"pipe = tiny_pipeline()\npipe.set_progress_bar_config()\nportrait = pipe.prepare_portrait({PHOTO!r}, 448)\n"
        "pipe._progress_bar_config = {}\n"
        "print(len(pipe(portrait, animation=Animation.from_curves(2)).frames[0]))"
    )
    closed = ["sh", "-c", 'exec "$@" 2>&-', "sh", sys.executable, "-c", script]
    assert subprocess.run(closed, cwd=ROOT, stdout=subprocess.PIPE, text=True).stdout == "2\n"


@pytest.mark.slow
def test_one_progress_bar_and_lines_of_its_own(weights: str, tmp_path: Path) -> None:
    words = [sys.executable, "-m", "dirfa_pipeline", "generate", PHOTO, SPEECH, *SMALL, "--weights", weights]
    done = subprocess.run([*words, "-o", "talk.mp4"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == DONE
    assert done.stdout == "talk.mp4\n"
    lines = [line for line in re.split(r"[\r\n]+", done.stderr) if line.strip()]
    bars = {line.partition(":")[0] for line in lines if not line.startswith("dirfa: ")}
    assert bars == {"rendering"}
    assert [line for line in lines if line.startswith("dirfa: ")][0] == "dirfa: loading the pipeline"


def test_warnings_are_lines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Also of verbs that render nothing: clipped sound is warned about while it is read."""
    import numpy as np
    from media_files import write_media

    from dirfa_pipeline import Animation, AudioClip

    square = np.sign(np.sin(np.arange(16_000) / 20.0))[None].astype(np.float32)
    sound = write_media(tmp_path / "loud.wav", AudioClip(square, 16_000), "pcm_s16le")
    Animation.from_curves(5).save_npz(tmp_path / "still.npz")
    arguments = ["edit", str(tmp_path / "still.npz"), "-o", str(tmp_path / "nod.npz"), "--sound", str(sound)]
    assert main([*arguments, "--nods", "1"]) == DONE
    lines = [line for line in capsys.readouterr().err.splitlines() if "clipped" in line]
    assert len(lines) == 1
    assert lines[0].startswith("dirfa: warning: 100.0% of the audio is clipped")


@pytest.mark.parametrize("place", ["before", "after"])
@pytest.mark.parametrize("verb", ["track", "evaluate", "bench"])
def test_debug_shows_where(place: str, verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = {
        "track": ["track", "nothing.mp4", "-o", "motion.npz"],
        "evaluate": ["evaluate", "nothing.tsv"],
        "bench": ["bench", "nothing.jpg"],
    }[verb]
    assert main(arguments) == BAD_INPUT
    assert "Traceback" not in capsys.readouterr().err
    assert main(["--debug", *arguments] if place == "before" else [*arguments, "--debug"]) == BAD_INPUT
    shown = capsys.readouterr().err
    assert "Traceback" in shown
    assert shown.splitlines()[-1].startswith("dirfa: error: ")


def test_failures_point_to_debug(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "model_index.json").write_text("{")
    arguments = ["generate", PHOTO, SPEECH, "-o", str(tmp_path / "talk.mp4"), "--weights", str(tmp_path)]
    assert main(arguments) == FAILED
    assert "--debug shows where" in capsys.readouterr().err.splitlines()[-1]


WITHOUT_EXTRAS = """
import sys
from importlib.machinery import PathFinder

class Blind(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        hidden = {"pocketsphinx", "soundfile", "tensorboard", "gradio", "pytest", "playwright"}
        return None if name.partition(".")[0] in hidden else super().find_spec(name, path, target)

sys.meta_path = [Blind if finder is PathFinder else finder for finder in sys.meta_path]
from dirfa_pipeline.cli import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.slow
def test_evaluating_needs_no_extras(weights: str, tmp_path: Path) -> None:
    columns = ("audio", "photo", "text", "language")
    row = (SPEECH, PHOTO, "the text of the example", "en")
    (tmp_path / "list.tsv").write_text("\t".join(columns) + "\n" + "\t".join(row) + "\n")
    words = ["evaluate", "list.tsv", "--seconds", "2", "--seeds", "1", "--weights", weights, "--max-size", "256"]
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_EXTRAS, *words], cwd=tmp_path, capture_output=True, text=True, timeout=600,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == DONE, done.stderr[-3000:]
    assert "pip install 'dirfa-pipeline[train]'" in done.stderr
    assert "ours" in done.stdout
