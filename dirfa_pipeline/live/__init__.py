"""A live face: it accepts sound at any time, produces frames at a steady rate, and keeps moving when nobody speaks."""
