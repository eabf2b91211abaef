"""The photo's head as glTF."""
