"""Faces as geometry: landmarks and their names, fits, rotations, measures."""
