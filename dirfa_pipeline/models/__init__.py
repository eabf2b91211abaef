"""The pipeline's components."""
