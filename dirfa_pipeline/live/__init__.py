"""A face to talk with: sound in at any time, frames out at a steady clock, idle life between."""
