"""Publishing and loading over HTTP, each in a fresh interpreter, against a hub on this machine."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hub_server import TOKEN, Hub, running_hub
from huggingface_hub import ModelCard
from huggingface_hub.errors import HTTPError, LocalEntryNotFoundError, OfflineModeIsEnabled
from media_files import speech, write_media

from dirfa_pipeline import HubError
from dirfa_pipeline.hub.pretrained import hub_errors


REPO = "someone/dirfa-tiny"
TESTS = Path(__file__).parents[1]
EXAMPLES = TESTS.parent / "dirfa_pipeline" / "examples"


def run(script: str, hub_url: str, home: Path, **environment: str) -> str:
    """Run a script in a fresh interpreter that knows only the given hub, with its cache under `home`."""
    known = {key: value for key, value in os.environ.items() if not key.startswith("HF_")}
    paths = os.pathsep.join([str(TESTS), str(TESTS.parent), known.get("PYTHONPATH", "")])
    hub = {"HF_ENDPOINT": hub_url, "HF_HOME": str(home), "HF_HUB_DISABLE_XET": "1", "PYTHONPATH": paths}
    done = subprocess.run(
        [sys.executable, "-c", script], env=known | hub | environment, cwd=home, capture_output=True, text=True,
        timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


PUBLISH = f"""
import torch
from tiny import tiny_pipeline
pipe = tiny_pipeline()
pipe.save_pretrained("saved", push_to_hub=True, repo_id="someone/saved", token="{TOKEN}")
pipe.push_to_hub("{REPO}", token="{TOKEN}", notes="Noise.",
    metrics={{"rows": {{"ours": {{"closed at p, b, m": 0.78}}}}}})
pipe.to(torch.float16).push_to_hub("{REPO}", token="{TOKEN}", variant="fp16", create_pr=False)
"""


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """A hub to which a tiny pipeline was published, in float32 and as fp16."""
    with running_hub() as server:
        run(PUBLISH, server.url, tmp_path_factory.mktemp("publisher"))
        yield server


def files_of(hub: Hub, revision: str = "main") -> dict[str, bytes]:
    repository = hub.repositories[REPO]
    return repository.commits[repository.resolve(revision)]


@pytest.mark.slow
def test_publishing_sends_all(hub: Hub) -> None:
    files = files_of(hub)
    assert "from dirfa_pipeline import DirfaPipeline" in files["pipeline.py"].decode()
    assert "face_model/dirfa_pipeline.models.face_model.py" in files
    assert json.loads(files["model_index.json"])["_class_name"] == "DirfaPipeline"
    assert hub.repositories["someone/saved"].commits[hub.repositories["someone/saved"].resolve("main")].keys() == {
        name for name in files if ".fp16." not in name
    }
    plain, half = (len(files[f"audio_encoder/model{variant}.safetensors"]) for variant in ("", ".fp16"))
    assert half < 0.7 * plain
    geometry = [len(files[f"face_model/diffusion_pytorch_model{v}.safetensors"]) for v in ("", ".fp16")]
    assert geometry[0] == geometry[1], "the face's geometry must stay float32"


@pytest.mark.slow
def test_the_card_says_what_was_published(hub: Hub) -> None:
    first = list(hub.repositories[REPO].commits.values())[1]["README.md"].decode()
    card = ModelCard(first)
    assert card.data.library_name == "diffusers"
    assert card.data.pipeline_tag == "image-to-video"
    assert card.data.license is None, "components of the publisher's own have the publisher's licence"
    assert "| `face_model` | `dirfa_pipeline.FaceModel` |" in first
    assert first.count("| dirfa-base |") == 2
    assert first.count("| own |") == 2
    assert "`animation_sampler`, `audio_encoder`: Noise." in first
    assert "|  | ours | target |" in first
    assert "| closed at p, b, m | 0.78 |  |" in first
    assert "ICT-FaceKit" in first


LOAD = f"""
import os, sys, torch
from dirfa_pipeline import DirfaPipeline, AnimationSampler
from diffusers import AutoModel
pipe = DirfaPipeline.from_pretrained("{REPO}")
assert pipe.config._name_or_path == "{REPO}"
assert pipe.audio_encoder.dtype == torch.float32
half = DirfaPipeline.from_pretrained("{REPO}", variant="fp16", dtype=torch.float16, revision="main")
assert half.audio_encoder.dtype == half.animation_sampler.dtype == torch.float16
assert half.face_model.dtype == torch.float32
again = DirfaPipeline.from_pretrained("{REPO}", local_files_only=True, animation_sampler=pipe.animation_sampler)
assert again.animation_sampler is pipe.animation_sampler
for loaded in (
    AutoModel.from_pretrained("{REPO}", subfolder="animation_sampler"),
    AnimationSampler.from_pretrained("{REPO}", subfolder="animation_sampler", dtype=torch.float32),
):
    for a, b in zip(loaded.parameters(), pipe.animation_sampler.parameters(), strict=True):
        assert torch.equal(a, b)
assert not any(name.startswith("diffusers_modules") for name in sys.modules)
first = os.environ["FIRST_COMMIT"]
elsewhere = DirfaPipeline.from_pretrained("{REPO}", cache_dir="cache", revision=first)
assert [name for _, _, names in os.walk("cache") for name in names if name.endswith(".safetensors")]
try:
    DirfaPipeline.from_pretrained("{REPO}", cache_dir="cache", revision=first, variant="fp16")
except ValueError as error:
    assert "no variant 'fp16'" in str(error), error
print("loaded")
"""


@pytest.mark.slow
def test_loading_by_hub_id(hub: Hub, tmp_path: Path) -> None:
    hub.requests.clear()
    first = list(hub.repositories[REPO].commits)[1]  # before it are no files, after it came the variant
    assert "loaded" in run(LOAD, hub.url, tmp_path, FIRST_COMMIT=first)
    assert not any(request.endswith(".py") for request in hub.requests), "no code may be fetched"


GENERIC = f"""
import torch
from diffusers import DiffusionPipeline
pipe = DiffusionPipeline.from_pretrained("{REPO}", custom_pipeline="{REPO}", trust_remote_code=True)
print(type(pipe).__module__, type(pipe).__name__, type(pipe.face_model).__module__)

# The cache now holds the repository's code beside its weights; it neither hinders our class nor enters what it saves.
from dirfa_pipeline import DirfaPipeline
own = DirfaPipeline.from_pretrained("{REPO}")
own.save_pretrained("saved")
again = DiffusionPipeline.from_pretrained("saved", custom_pipeline="./saved", trust_remote_code=True)
for a, b in zip(pipe.animation_sampler.parameters(), again.animation_sampler.parameters(), strict=True):
    assert torch.equal(a, b)
"""


@pytest.mark.slow
def test_loading_by_the_generic_class(hub: Hub, tmp_path: Path) -> None:
    printed = run(GENERIC, hub.url, tmp_path)
    assert printed.split() == ["dirfa_pipeline.pipeline_dirfa", "DirfaPipeline", "dirfa_pipeline.models.face_model"]


@pytest.mark.slow
def test_the_cards_example_runs(hub: Hub, tmp_path: Path) -> None:
    code = files_of(hub)["README.md"].decode().partition("```python\n")[2].partition("```")[0]
    assert 5 <= len(code.strip().splitlines()) <= 10
    write_media(tmp_path / "speech.wav", speech(1.0), "pcm_s16le")
    (tmp_path / "photo.jpg").write_bytes((EXAMPLES / "astronaut.jpg").read_bytes())
    run(code, hub.url, tmp_path)
    assert (tmp_path / "talk.mp4").stat().st_size > 10_000


TRY = """
import os
from pathlib import Path
from urllib.request import urlopen
from huggingface_hub import constants
from tiny import tiny_pipeline
from dirfa_pipeline import DirfaPipeline, HubError

def break_downloads_after(count):
    urlopen(constants.ENDPOINT + "/test/break-after/" + count).read()

def half_files():
    return [path for path in Path(constants.HF_HOME).rglob("*.safetensors") if path.stat().st_size == 50_000]

def cut_the_line():
    constants.ENDPOINT = "http://127.0.0.1:9"

for call in {calls}:
    try:
        print("done", eval(call))
    except HubError as error:
        assert isinstance(error, (ValueError, OSError))
        assert error.__cause__ is not None
        print(str(error))
"""
LOADING = f"DirfaPipeline.from_pretrained('{REPO}').name_or_path"
# In this order: what is called, and what the answer holds.
FAILURES = (
    ("DirfaPipeline.from_pretrained('someone/nothing')", "check the name; a private repository needs"),
    (f"DirfaPipeline.from_pretrained('{REPO}', revision='v9')", "revision='main' is the default"),
    (f"DirfaPipeline.from_pretrained('{REPO}', token='hf_wrong')", "a valid token="),
    (f"DirfaPipeline.from_pretrained('{REPO}', token=True)", "needs `hf auth login`"),
    (f"DirfaPipeline.from_pretrained('{REPO}', local_files_only=True)", "load the bundled 'dirfa-base'"),
    ("DirfaPipeline.from_pretrained('a/b/c')", "a hub id such as 'user/name'"),
    ("tiny_pipeline().push_to_hub('someone/other', token='hf_wrong')", "check that the token is valid"),
    ("break_downloads_after('50000')", "done"),
    (LOADING, "try again; what has arrived is kept"),
    ("half_files()", "done []"),
    ("break_downloads_after('')", "done"),
    (LOADING, f"done {REPO}"),
    ("cut_the_line()", "done"),
    ("DirfaPipeline.from_pretrained('someone/else')", "connect to the network, or load the bundled 'dirfa-base'"),
    (LOADING, f"done {REPO}"),
)


class FailedRequest(HTTPError):
    """What the hub's HTTP client raises where no answer comes."""


def missing(cause: Exception | None) -> LocalEntryNotFoundError:
    error = LocalEntryNotFoundError("nothing in the cache")
    error.__cause__ = cause
    return error


HINTS_FOR = (
    (FailedRequest("refused"), "check the connection"),
    (ConnectionError("reset"), "check the connection"),
    (TimeoutError("too late"), "check the connection"),
    (missing(FailedRequest("refused")), "connect to the network"),
    (missing(OfflineModeIsEnabled("offline")), "unset HF_HUB_OFFLINE"),
    (missing(None), "leave local_files_only out"),
    (PermissionError(13, "Permission denied"), "can be written and has room"),
    (OSError(28, "No space left on device"), "can be written and has room"),
    (KeyError("sha"), "the connection is not to blame"),
    (ValueError("a bug"), "the connection is not to blame"),
)


@pytest.mark.parametrize(("error", "hint"), HINTS_FOR, ids=lambda value: str(value)[:30])
def test_the_connection_is_blamed_only_where_it_failed(error: Exception, hint: str) -> None:
    with pytest.raises(HubError) as caught, hub_errors("'a/b' cannot be loaded"):
        raise error
    message = str(caught.value)
    assert hint in message
    assert ("connection and" in message or "connect to" in message) == (hint.split()[0] in ("check", "connect"))


@pytest.mark.slow
def test_failures_say_what_to_do(hub: Hub, tmp_path: Path) -> None:
    answers = run(TRY.format(calls=[call for call, _ in FAILURES]), hub.url, tmp_path).splitlines()
    for (call, expected), answer in zip(FAILURES, answers, strict=True):
        assert expected in answer, call


@pytest.mark.slow
def test_dirfa_push(hub: Hub, tmp_path: Path) -> None:
    report = {
        "rows": {"ours": {"lag": 0.5}, "real video": {"lag": 0.0, "jitter": 49.0}},
        "targets": {"lag": [0, 1], "jitter": [None, 60]},
        "meanings": {"lag": "frames that the lips are late"},
    }
    (tmp_path / "scores.json").write_text(json.dumps(report))
    script = (
        "import sys\nfrom dirfa_pipeline.cli import main\n"
        "sys.exit(main(['push', 'someone/dirfa-copy', '--metrics', 'scores.json', '--fp16', '--private']))"
    )
    printed = run(script, hub.url, tmp_path, HF_TOKEN=TOKEN)
    repository = hub.repositories["someone/dirfa-copy"]
    assert printed.strip().endswith(repository.resolve("main"))
    assert repository.private
    files = repository.commits[repository.resolve("main")]
    assert {"audio_encoder/model.safetensors", "audio_encoder/model.fp16.safetensors"} <= files.keys()
    card = files["README.md"].decode()
    assert ModelCard(card).data.license == "apache-2.0"
    assert card.count("| dirfa-base |") == 4, "half precision is still the bundled weights"
    assert "| frames that the lips are late | 0.5 | 0 | 0 to 1 |" in card
    assert "| jitter |  | 49 | at most 60 |" in card


@pytest.mark.slow
def test_dirfa_push_space(hub: Hub, tmp_path: Path) -> None:
    script = "import sys\nfrom dirfa_pipeline.cli import main\nsys.exit(main(['push', '--space', 'someone/page']))"
    printed = run(script, hub.url, tmp_path, HF_TOKEN=TOKEN)
    repository = hub.repositories["someone/page"]
    assert printed.strip().endswith(repository.resolve("main"))
    files = repository.commits[repository.resolve("main")]
    assert {"app.py", "packages.txt", "README.md", "dirfa_pipeline/__init__.py"} <= files.keys()
    assert "dirfa_pipeline/weights/dirfa-base/audio_encoder/model.safetensors" in files
    assert not any("__pycache__" in name for name in files)
    wanted = files["requirements.txt"].decode().split()
    assert {"torch", "gradio[mcp]", "spaces"} <= {re.split("[<>=]", line)[0] for line in wanted}
    assert not any("dirfa" in line for line in wanted), "nothing of ours comes from an index"
