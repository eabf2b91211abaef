"""
Train the audio encoder on the speech corpus.

    python -m dirfa_pipeline.training.train_audio_encoder --corpus CORPUS --run RUN --steps 11000 \
        --mixed-precision bf16 --output weights/dirfa-base

The encoder learns visemes and closures from augmented waveforms. At the same time, its convolutions learn to predict
the log-mel; with this, they learn in minutes what takes hours from the labels alone. Saves `audio_encoder`,
`feature_extractor` and `speech_head.safetensors`. An interrupted run resumes from its last checkpoint, and the encoder
at that point is in `RUN/encoder-latest` in the same layout. `torchrun` runs this on several processes, on one machine
or on many; see docs/scale.md. Without GPUs, set ACCELERATE_USE_CPU=true.

`--start WEIGHTS --speech-head HEAD` continues the training of an encoder, for example with more speech. Its
convolutions are frozen, which halves the time of a step, and the log-mel is not predicted any more.
"""

import argparse
import logging
from pathlib import Path

import torch
import torch.nn.functional as F
from accelerate import Accelerator, PartialState
from accelerate.utils import DistributedDataParallelKwargs
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import Wav2Vec2Config, Wav2Vec2FeatureExtractor, Wav2Vec2Model

from ..models.speech_head import VISEME_NAMES
from .loop import Schedule, TrainingRun, tell_processes
from .speech_corpus import CLOSURE, UNKNOWN, SpeechBatch, SpeechCorpus
from .speech_model import SpeechModel, encoder_config, log_mel


logger = logging.getLogger(__name__)

PEAK_RATE = 8e-4
LATER_PEAK_RATE = 3e-4  # when the training of an encoder is continued
CLOSURE_WEIGHT = 3.0  # of frames inside p, b, m, because these are rare
VALIDATION_BATCHES = 8


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=Path, required=True, help="folder that prepare_speech wrote")
    parser.add_argument("--run", type=Path, required=True, help="folder for checkpoints and curves")
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--accumulate", type=int, default=1, help="batches per update")
    parser.add_argument("--seconds", type=float, default=4.0, help="length of a crop, in seconds")
    parser.add_argument("--degraded", type=float, default=1.0, help="share of crops with rooms, noise and codecs")
    parser.add_argument("--hidden", type=int, default=256)
    parser.add_argument("--layers", type=int, default=6)
    parser.add_argument("--start", type=Path, help="folder of an audio_encoder to continue training")
    parser.add_argument("--speech-head", type=Path, help="the head that belongs to --start")
    parser.add_argument("--output", type=Path, help="where to save the encoder")
    parser.add_argument("--mixed-precision", choices=("no", "bf16", "fp16"), default="no")
    parser.add_argument("--validate-every", type=int, default=1000, help="steps; 0 if the corpus lacks its speakers")
    parser.add_argument(
        "--gradient-checkpointing",
        action="store_true",
        help="compute activations twice instead of keeping them: half the memory of a large encoder, a third slower",
    )
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    if (options.start is None) != (options.speech_head is None):
        parser.error("--start and --speech-head go together: the encoder and the head trained with it")
    if not 0.0 <= options.degraded <= 1.0:
        parser.error(f"--degraded is a share from 0 to 1, got {options.degraded}")
    return options


def starting_model(options: argparse.Namespace) -> SpeechModel:
    """A new model, or the one from `--start` with frozen convolutions."""
    if options.start is None:
        return SpeechModel(encoder_config(options.hidden, options.layers))
    config = Wav2Vec2Config.from_pretrained(options.start / "audio_encoder")
    model = SpeechModel(config)
    # For short crops, plain attention is faster than the fused kernel, whose backward pass is slow on a CPU.
    model.encoder = Wav2Vec2Model.from_pretrained(
        options.start / "audio_encoder", dtype=torch.float32, attn_implementation="eager"
    )
    model.encoder.freeze_feature_encoder()
    model.mel_readout.requires_grad_(False)
    model.head.load_state_dict(load_file(options.speech_head))
    return model


def speech_loss(visemes: Tensor, closure: Tensor, batch: SpeechBatch) -> dict[str, Tensor]:
    """Cross-entropy of the classes and of the closure, where known; rare sounds that matter for lips count more."""
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


@torch.no_grad()
def validate(model: nn.Module, corpus: SpeechCorpus, seconds: float) -> dict[str, float]:
    """Frame accuracy and average precision of closures on speakers kept for validation."""
    model.eval()
    right, scores, truth = [], [], []
    for index in range(VALIDATION_BATCHES):
        batch = corpus.batch(32, seconds, torch.Generator(corpus.device).manual_seed(index), augment=False)
        visemes, closure, _ = model(batch.waveforms)
        known = batch.visemes != UNKNOWN
        right.append((visemes.argmax(-1) == batch.visemes)[known])
        scores.append(closure.flatten())
        truth.append(batch.closure.flatten() > 0.5)
    return {
        "accuracy": torch.cat(right).float().mean().item(),
        "closure precision": average_precision(torch.cat(scores).float(), torch.cat(truth)),
    }


def average_precision(scores: Tensor, truth: Tensor) -> float:
    """Mean precision over the ranks of the true items."""
    ranked = truth[scores.argsort(descending=True)].float()
    precision = ranked.cumsum(0) / torch.arange(1, len(ranked) + 1, device=ranked.device)
    return float((precision * ranked).sum() / ranked.sum().clamp_min(1))


def train(options: argparse.Namespace) -> SpeechModel:
    """Train to the end and return the averaged model."""
    accelerator = Accelerator(
        mixed_precision=options.mixed_precision, log_with="tensorboard", project_dir=options.run,
        # Crops are masked at random, so a batch may leave the embedding of masked frames unused.
        kwargs_handlers=[DistributedDataParallelKwargs(find_unused_parameters=True)],
    )  # fmt: skip
    tell_processes(accelerator)
    accelerator.init_trackers("curves")
    torch.manual_seed(options.seed)
    sources = sorted(options.corpus.glob("*.npz"))
    corpus = SpeechCorpus(sources, device=accelerator.device)
    kept = SpeechCorpus(sources, validation=True, device=accelerator.device) if options.validate_every else None
    logger.info("%.2f hours of speech", corpus.hours())
    model = starting_model(options)
    if options.gradient_checkpointing:
        model.encoder.gradient_checkpointing_enable({"use_reentrant": False})
    reads_mel = options.start is None
    peak_rate = PEAK_RATE if reads_mel else LATER_PEAK_RATE
    schedule = Schedule(options.steps, peak_rate, accumulate=options.accumulate)
    run = TrainingRun("encoder", model, schedule, accelerator, options.run, options.seed, export=export)
    for generator in run:
        with run.waiting():
            batch = corpus.batch(options.batch, options.seconds, generator, degraded=options.degraded)
        with accelerator.autocast():
            visemes, closure, mel = run.model(batch.waveforms)
        losses = speech_loss(visemes, closure, batch)
        if reads_mel:
            losses["mel"] = 0.5 * F.mse_loss(mel.float(), log_mel(batch.waveforms))
        run.update(losses, clips=len(batch.visemes), tokens=batch.visemes.numel())
        if kept is not None and run.completes and (run.step + 1) % options.validate_every == 0:
            scores = validate(run.average, kept, options.seconds)
            logger.info("step %d  %s", run.step + 1, scores)
            run.log(scores)
    accelerator.end_training()
    trained = run.average.eval()
    assert isinstance(trained, SpeechModel)
    return trained


def export(model: nn.Module, folder: Path, head_folder: Path | None = None) -> None:
    """Save the encoder as a plain `Wav2Vec2Model`, and the sampler's head next to it or in `head_folder`."""
    assert isinstance(model, SpeechModel)
    model.encoder.save_pretrained(folder / "audio_encoder")
    extractor = Wav2Vec2FeatureExtractor(sampling_rate=16_000, do_normalize=False, return_attention_mask=False)
    extractor.save_pretrained(folder / "feature_extractor")
    head = {name: tensor.contiguous() for name, tensor in model.head.state_dict().items()}
    save_file(head, (head_folder or folder) / "speech_head.safetensors")


def main(arguments: list[str] | None = None) -> None:
    """Train and save."""
    options = parse_arguments(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    options.run.mkdir(parents=True, exist_ok=True)
    model = train(options)
    if options.output and PartialState().is_main_process:
        export(model.cpu(), options.output, options.run)


if __name__ == "__main__":
    main()
