"""Lets `DiffusionPipeline` load these weights; needs `pip install dirfa-pipeline`."""

from dirfa_pipeline import DirfaPipeline


__all__ = ["DirfaPipeline"]
