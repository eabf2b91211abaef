"""Pictures and films in: detector, portrait, tracking."""
