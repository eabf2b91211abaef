"""
Train the audio encoder on the speech corpus, in two stages.

    python -m dirfa_pipeline.training.train_audio_encoder teacher --corpus CORPUS --run RUN --steps 8000
    python -m dirfa_pipeline.training.train_audio_encoder student --corpus CORPUS --run RUN --steps 16000 \
        --output weights/dirfa-base

1. `teacher`: a large transformer learns visemes and closures from log-mel.
2. `student`: the encoder that ships learns the same from waveforms: from the labels, from what the teacher makes of
   the undegraded sound, and by reading the log-mel from its convolutions, which teaches these in minutes. Saves
   `audio_encoder`, `feature_extractor` and `speech_head.safetensors`.

An interrupted stage goes on from its last checkpoint. `accelerate launch` runs either on several processes.
"""

import argparse
import logging
from pathlib import Path

import torch
import torch.nn.functional as F
from accelerate import Accelerator, PartialState
from accelerate.utils import DistributedDataParallelKwargs
from safetensors.torch import save_file
from torch import Tensor, nn
from transformers import Wav2Vec2FeatureExtractor

from ..models.speech_head import VISEME_NAMES
from .loop import Schedule, TrainingRun
from .speech_corpus import CLOSURE, UNKNOWN, SpeechBatch, SpeechCorpus
from .speech_model import SpeechModel, encoder_config, log_mel


logger = logging.getLogger(__name__)

PEAK_RATE = {"teacher": 6e-4, "student": 8e-4}
CLOSURE_WEIGHT = 3.0  # of a frame inside p, b, m: they are rare
VALIDATION_BATCHES = 8


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stage", choices=("teacher", "student"))
    parser.add_argument("--corpus", type=Path, required=True, help="folder that prepare_speech wrote")
    parser.add_argument("--run", type=Path, required=True, help="folder for checkpoints and curves")
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--accumulate", type=int, default=1, help="batches for one update")
    parser.add_argument("--seconds", type=float, default=4.0, help="length of a crop")
    parser.add_argument("--hidden", type=int, default=256)
    parser.add_argument("--layers", type=int, default=6)
    parser.add_argument("--teacher-hidden", type=int, default=512)
    parser.add_argument("--teacher-layers", type=int, default=8)
    parser.add_argument("--output", type=Path, help="where the student is saved")
    parser.add_argument("--mixed-precision", choices=("no", "bf16", "fp16"), default="no")
    parser.add_argument("--validate-every", type=int, default=1000, help="steps; 0 for a corpus without its speakers")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args(arguments)


def speech_loss(visemes: Tensor, closure: Tensor, batch: SpeechBatch) -> dict[str, Tensor]:
    """Cross-entropy of the classes and of the closure output, where known; rare lip-critical sounds weigh more."""
    known = (batch.visemes != UNKNOWN).float()
    weight = torch.ones(len(VISEME_NAMES), device=visemes.device)
    weight[CLOSURE] = 2.0
    weight[VISEME_NAMES.index("labiodental")] = 2.0
    return {
        "visemes": F.cross_entropy(
            visemes.float().flatten(0, 1), batch.visemes.flatten(), weight, ignore_index=UNKNOWN, label_smoothing=0.05
        ),
        "closure": F.binary_cross_entropy_with_logits(
            closure.float(), batch.closure, known, pos_weight=torch.tensor(CLOSURE_WEIGHT, device=closure.device)
        ),
    }


def distillation_loss(visemes: Tensor, closure: Tensor, teacher: tuple[Tensor, Tensor]) -> dict[str, Tensor]:
    """Cross-entropy to what the teacher believes (Hinton et al., "Distilling the knowledge in a network", 2015)."""
    believed = teacher[0].float().softmax(-1)
    return {
        "taught visemes": -(believed * visemes.float().log_softmax(-1)).sum(-1).mean(),
        "taught closure": F.binary_cross_entropy_with_logits(closure.float(), teacher[1].float().sigmoid()),
    }


def mask_mel(mel: Tensor, generator: torch.Generator) -> Tensor:
    """SpecAugment (Park et al., 2019): in each crop one band and two stretches of time go missing."""
    batch, length, _ = mel.shape

    def gap(size: int, longest: int) -> Tensor:
        width = torch.randint(longest, (batch, 1), generator=generator, device=generator.device)
        start = torch.randint(size, (batch, 1), generator=generator, device=generator.device)
        place = torch.arange(size, device=generator.device)
        return (place >= start) & (place < start + width)

    bands = gap(80, 16).repeat(1, 2)
    times = gap(length, 8) | gap(length, 8)
    return mel.masked_fill(bands[:, None, :] | times[:, :, None], 0.0)


def teacher_terms(run: TrainingRun, batch: SpeechBatch, generator: torch.Generator) -> dict[str, Tensor]:
    """Losses of the teacher on one batch."""
    mel = mask_mel(log_mel(batch.waveforms), generator)
    visemes, closure = run.model(mel=mel).logits
    return speech_loss(visemes, closure, batch)


def student_terms(run: TrainingRun, batch: SpeechBatch, teacher: SpeechModel) -> dict[str, Tensor]:
    """Losses of the student on one batch."""
    output = run.model(waveforms=batch.waveforms)
    with torch.no_grad():
        believed = teacher(mel=log_mel(batch.clean)).logits
    visemes, closure = output.logits
    return {
        **speech_loss(visemes, closure, batch),
        **distillation_loss(visemes, closure, believed),
        "mel": 0.5 * F.mse_loss(output.mel.float(), log_mel(batch.waveforms)),
    }


@torch.no_grad()
def validate(model: nn.Module, stage: str, corpus: SpeechCorpus, seconds: float) -> dict[str, float]:
    """Frame accuracy and average precision of closures on speakers kept for validation."""
    model.eval()
    right, scores, truth = [], [], []
    for index in range(VALIDATION_BATCHES):
        batch = corpus.batch(32, seconds, torch.Generator(corpus.device).manual_seed(index), augment=False)
        inputs = {"mel": log_mel(batch.clean)} if stage == "teacher" else {"waveforms": batch.clean}
        visemes, closure = model(**inputs).logits
        known = batch.visemes != UNKNOWN
        right.append((visemes.argmax(-1) == batch.visemes)[known])
        scores.append(closure.flatten())
        truth.append(batch.closure.flatten() > 0.5)
    return {
        "accuracy": torch.cat(right).float().mean().item(),
        "closure precision": average_precision(torch.cat(scores).float(), torch.cat(truth)),
    }


def average_precision(scores: Tensor, truth: Tensor) -> float:
    """Mean of the precision over the ranks of the true items."""
    ranked = truth[scores.argsort(descending=True)].float()
    precision = ranked.cumsum(0) / torch.arange(1, len(ranked) + 1, device=ranked.device)
    return float((precision * ranked).sum() / ranked.sum().clamp_min(1))


def train(options: argparse.Namespace) -> SpeechModel:
    """Run one stage to its end and return the averaged model."""
    accelerator = Accelerator(
        mixed_precision=options.mixed_precision, log_with="tensorboard", project_dir=options.run,
        # A teacher leaves the convolutions unused.
        kwargs_handlers=[DistributedDataParallelKwargs(find_unused_parameters=True)],
    )  # fmt: skip
    accelerator.init_trackers("curves")
    torch.manual_seed(options.seed)
    sources = sorted(options.corpus.glob("*.npz"))
    corpus = SpeechCorpus(sources, device=accelerator.device)
    kept = SpeechCorpus(sources, validation=True, device=accelerator.device) if options.validate_every else None
    logger.info("%s: %.2f hours", options.stage, corpus.hours())
    large = encoder_config(options.teacher_hidden, options.teacher_layers, dropout=0.2)
    teacher = SpeechModel(large).to(accelerator.device)
    if options.stage == "student":
        state = torch.load(options.run / "teacher.pt", weights_only=True, map_location=accelerator.device)
        teacher.load_state_dict(state["average"])
        teacher.eval()
        model = SpeechModel(encoder_config(options.hidden, options.layers))
    else:
        model = teacher
    schedule = Schedule(options.steps, PEAK_RATE[options.stage], accumulate=options.accumulate)
    run = TrainingRun(options.stage, model, schedule, accelerator, options.run, options.seed)
    for generator in run:
        batch = corpus.batch(options.batch, options.seconds, generator)
        with accelerator.autocast():
            terms = (
                teacher_terms(run, batch, generator)
                if options.stage == "teacher"
                else student_terms(run, batch, teacher)
            )
        run.update(terms)
        if kept is not None and (run.step + 1) % options.validate_every == 0:
            scores = validate(run.averaged.module, options.stage, kept, options.seconds)
            logger.info("%s step %d  %s", options.stage, run.step + 1, scores)
            run.log(scores)
    accelerator.end_training()
    trained = run.average.eval()
    assert isinstance(trained, SpeechModel)
    return trained


def export(model: SpeechModel, output: Path, run: Path) -> None:
    """Save the encoder as a plain `Wav2Vec2Model`, and the head for the animation sampler."""
    model.encoder.save_pretrained(output / "audio_encoder")
    extractor = Wav2Vec2FeatureExtractor(sampling_rate=16_000, do_normalize=False, return_attention_mask=False)
    extractor.save_pretrained(output / "feature_extractor")
    save_file({k: v.contiguous() for k, v in model.head.state_dict().items()}, run / "speech_head.safetensors")


def main(arguments: list[str] | None = None) -> None:
    """Train one stage."""
    options = parse_arguments(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    options.run.mkdir(parents=True, exist_ok=True)
    model = train(options)
    if options.stage == "student" and options.output and PartialState().is_main_process:
        export(model.cpu(), options.output, options.run)


if __name__ == "__main__":
    main()
