"""
Train the audio encoder in three stages; the first two can run side by side.

    python -m dirfa_pipeline.training.train_audio_encoder teacher  --corpus CORPUS --run RUN --steps 2500
    python -m dirfa_pipeline.training.train_audio_encoder frontend --corpus CORPUS --run RUN --steps 1500
    python -m dirfa_pipeline.training.train_audio_encoder student  --corpus CORPUS --run RUN --steps 1500 \
        --output weights/dirfa-base

1. `teacher`: the transformer and its head learn visemes and closures from log-mel.
2. `frontend`: the convolutions of the encoder learn to reproduce the log-mel.
3. `student`: both are joined and tuned together on waveforms; saves `audio_encoder`, `feature_extractor` and
   `speech_head.safetensors`.

An interrupted stage goes on from its last checkpoint.
"""

import argparse
import copy
import logging
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from accelerate import Accelerator
from accelerate.utils import set_seed
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler
from transformers import Wav2Vec2FeatureExtractor

from ..models.speech_head import VISEME_NAMES
from .speech_corpus import CLOSURE, UNKNOWN, SpeechBatch, SpeechCorpus
from .speech_model import SpeechModel, encoder_config


logger = logging.getLogger(__name__)

STAGES = ("teacher", "frontend", "student")
PEAK_RATE = {"teacher": 1e-3, "frontend": 1e-3, "student": 4e-4}
CHECKPOINT_EVERY = 200


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stage", choices=STAGES)
    parser.add_argument("--corpus", type=Path, required=True, help="folder that prepare_speech wrote")
    parser.add_argument("--run", type=Path, required=True, help="folder for checkpoints")
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=4.0, help="length of a crop")
    parser.add_argument("--hidden", type=int, default=256)
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--output", type=Path, help="where the student is saved")
    parser.add_argument("--start", type=Path, help="checkpoint whose averaged weights the student starts from")
    parser.add_argument("--mixed-precision", choices=("no", "bf16", "fp16"), default="no")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args(arguments)


def speech_loss(visemes: Tensor, closure: Tensor, batch: SpeechBatch) -> dict[str, Tensor]:
    """Cross-entropy of the classes and of the closure output; rare lip-critical sounds weigh more."""
    weight = torch.ones(len(VISEME_NAMES), device=visemes.device)
    weight[CLOSURE] = 2.0
    weight[VISEME_NAMES.index("labiodental")] = 2.0
    known = (batch.visemes != UNKNOWN).any(1, keepdim=True).float().expand_as(closure)
    return {
        "visemes": F.cross_entropy(
            visemes.float().flatten(0, 1), batch.visemes.flatten(), weight, ignore_index=UNKNOWN, label_smoothing=0.05
        ),
        "closure": F.binary_cross_entropy_with_logits(
            closure.float(), batch.closure, weight=known, pos_weight=torch.tensor(3.0, device=closure.device)
        ),
    }


def mask_mel(mel: Tensor, rng: np.random.Generator) -> Tensor:
    """SpecAugment (Park et al., 2019): one band and one stretch of time go missing in each crop."""
    mel = mel.clone()
    for row in mel:
        band, start = int(rng.integers(0, 14)), int(rng.integers(0, 66))
        row[:, start : start + band] = 0.0
        row[:, 80 + start : 80 + start + band] = 0.0
        gap, begin = int(rng.integers(0, 6)), int(rng.integers(0, max(1, len(row) - 6)))
        row[begin : begin + gap] = 0.0
    return mel


def stage_loss(stage: str, model: SpeechModel, batch: SpeechBatch, rng: np.random.Generator) -> dict[str, Tensor]:
    """Named loss terms of a stage."""
    if stage == "frontend":
        target = model.log_mel(batch.waveforms)
        return {"mel": F.mse_loss(model.read_mel(batch.waveforms), target)}
    if stage == "teacher":
        _, visemes, closure = model.from_mel(mask_mel(model.log_mel(batch.waveforms), rng))
    else:
        _, visemes, closure = model.from_wave(batch.waveforms)
    return speech_loss(visemes, closure, batch)


def load_stage(model: SpeechModel, run: Path) -> None:
    """Begin the student with the teacher's transformer on the distilled front end."""
    distilled = copy.deepcopy(model)
    model.load_state_dict(torch.load(run / "teacher.pt", weights_only=True)["average"])
    distilled.load_state_dict(torch.load(run / "frontend.pt", weights_only=True)["average"])
    model.adopt_front_end(distilled)


def train(options: argparse.Namespace) -> SpeechModel:
    """Run one stage to its end and return the averaged model."""
    set_seed(options.seed)
    accelerator = Accelerator(cpu=not torch.cuda.is_available(), mixed_precision=options.mixed_precision)
    model = SpeechModel(encoder_config(options.hidden, options.layers))
    if options.start:
        model.load_state_dict(torch.load(options.start, weights_only=True)["average"])
    elif options.stage == "student":
        load_stage(model, options.run)
    average = torch.optim.swa_utils.AveragedModel(
        model, accelerator.device, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.998)
    )
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=PEAK_RATE[options.stage], weight_decay=0.02, betas=(0.9, 0.98)
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, PEAK_RATE[options.stage], total_steps=options.steps, pct_start=0.12
    )
    checkpoint = options.run / f"{options.stage}.pt"
    step = 0
    if checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True)
        model.load_state_dict(state["model"])
        average.module.load_state_dict(state["average"])
        average.n_averaged.fill_(state["step"])
        optimizer.load_state_dict(state["optimizer"])
        schedule.load_state_dict(state["schedule"])
        step = state["step"]
    model, optimizer, schedule = accelerator.prepare(model, optimizer, schedule)
    corpus = SpeechCorpus(sorted(options.corpus.glob("*.npz")), labelled=options.stage != "frontend")
    logger.info("%s: %.2f hours, from step %d", options.stage, corpus.hours(), step)

    began = time.monotonic()
    means: dict[str, float] = {}
    while step < options.steps:
        rng = np.random.default_rng([options.seed, STAGES.index(options.stage), step])
        batch = corpus.batch(options.batch, options.seconds, rng)
        batch = SpeechBatch(*(t.to(accelerator.device) for t in (batch.waveforms, batch.visemes, batch.closure)))
        with accelerator.autocast():
            terms = stage_loss(options.stage, accelerator.unwrap_model(model).train(), batch, rng)
        accelerator.backward(torch.stack(list(terms.values())).sum())
        accelerator.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        average.update_parameters(accelerator.unwrap_model(model))
        step += 1
        for name, term in terms.items():
            value = term.item()
            means[name] = 0.98 * means.get(name, value) + 0.02 * value
        if step % 50 == 0:
            losses = "  ".join(f"{name} {value:.4f}" for name, value in means.items())
            logger.info("step %d  %s  %.0f s", step, losses, time.monotonic() - began)
        if step % CHECKPOINT_EVERY == 0 or step == options.steps:
            save_checkpoint(checkpoint, accelerator.unwrap_model(model), average.module, optimizer, schedule, step)
    trained = average.module
    assert isinstance(trained, SpeechModel)
    return trained


def save_checkpoint(
    path: Path, model: nn.Module, average: nn.Module, optimizer: Optimizer, schedule: LRScheduler, step: int
) -> None:
    """Write everything that a resumed run needs, whole or not at all."""
    temporary = path.with_name(path.name + ".part")
    state = {
        "model": model.state_dict(), "average": average.state_dict(), "optimizer": optimizer.state_dict(),
        "schedule": schedule.state_dict(), "step": step,
    }  # fmt: skip
    torch.save(state, temporary)
    temporary.replace(path)


def export(model: SpeechModel, output: Path, run: Path) -> None:
    """Save the encoder as a plain `Wav2Vec2Model`, and the head for the animation sampler."""
    model.encoder.eval().save_pretrained(output / "audio_encoder")
    extractor = Wav2Vec2FeatureExtractor(sampling_rate=16_000, do_normalize=False, return_attention_mask=False)
    extractor.save_pretrained(output / "feature_extractor")
    save_file({k: v.contiguous() for k, v in model.head.state_dict().items()}, run / "speech_head.safetensors")


def main(arguments: list[str] | None = None) -> None:
    """Train one stage."""
    options = parse_arguments(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    options.run.mkdir(parents=True, exist_ok=True)
    model = train(options)
    if options.stage == "student" and options.output:
        export(model, options.output, options.run)


if __name__ == "__main__":
    main()
