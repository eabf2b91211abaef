"""Reading pictures and films: detector, portrait, tracking."""
