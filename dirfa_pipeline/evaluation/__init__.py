"""Scores of a pipeline over a list of clips, beside real video, still photos and shuffled sound."""
