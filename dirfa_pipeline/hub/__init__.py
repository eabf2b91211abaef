"""Checkpoints: finding, checking, publishing."""
