"""Voices: text in, sound out, chunk by chunk; one kind a module, all of them opened by name in [`choose`]."""
