"""Scores of a pipeline on a list of clips, compared with real video, still photos and shuffled sound."""
