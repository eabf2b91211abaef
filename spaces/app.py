"""The demo page as a Space: on the GPU where there is one (ZeroGPU included), else on the CPU."""

import os


# Threads that wait do not spin, see `dirfa_pipeline.threads`: said before torch is loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("GOMP_SPINCOUNT", "0")

from spaces import GPU  # before torch: on ZeroGPU it stands in for CUDA


# isort: split
import torch

from dirfa_pipeline import DirfaPipeline
from dirfa_pipeline.demo import build_demo, launch_options
from dirfa_pipeline.threads import let_threads_share_memory


let_threads_share_memory()
device = "cuda" if torch.cuda.is_available() else "cpu"
model = os.environ.get("DIRFA_MODEL", "dirfa-base")
pipe = DirfaPipeline.from_pretrained(model).to(device)
pipe.set_progress_bar_config(disable=True)  # visitors see the page's own
talker = pipe if device == "cpu" else DirfaPipeline.from_pretrained(model)  # a GPU that is lent is not there to talk
demo = build_demo(pipe, on_gpu=GPU(duration=120), talker=talker).queue(max_size=16)

if __name__ == "__main__":
    demo.launch(**launch_options())
