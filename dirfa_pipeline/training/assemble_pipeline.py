"""
Assemble the trained components into a pipeline in the layout of `save_pretrained`.

    python -m dirfa_pipeline.training.assemble_pipeline --weights weights/dirfa-base
"""

import argparse
from pathlib import Path

import torch
from transformers import Wav2Vec2FeatureExtractor, Wav2Vec2Model

from ..models.animation_sampler import AnimationSampler
from ..models.face_model import FaceModel
from ..models.face_renderer import FaceRenderer
from ..pipeline_dirfa import DirfaPipeline


def main(arguments: list[str] | None = None) -> None:
    """Load each component from its folder and save them as one pipeline in the same place."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path, required=True, help="folder with one subfolder per component")
    options = parser.parse_args(arguments)
    DirfaPipeline(
        feature_extractor=Wav2Vec2FeatureExtractor.from_pretrained(options.weights / "feature_extractor"),
        audio_encoder=Wav2Vec2Model.from_pretrained(options.weights / "audio_encoder", dtype=torch.float32),
        animation_sampler=AnimationSampler.from_pretrained(options.weights / "animation_sampler"),
        face_model=FaceModel.from_pretrained(options.weights / "face_model"),
        face_renderer=FaceRenderer.from_pretrained(options.weights / "face_renderer"),
    ).save_pretrained(options.weights)


if __name__ == "__main__":
    main()
