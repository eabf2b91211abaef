"""Trains and builds the components from recordings and clips, with a command for each step."""
