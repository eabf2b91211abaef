"""Reading and writing sound and video."""
