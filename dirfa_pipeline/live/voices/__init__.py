"""Voices turn text into sound, chunk by chunk; each module holds one kind, and [`choose`] opens them by name."""
