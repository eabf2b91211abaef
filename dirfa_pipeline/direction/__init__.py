"""How takes are directed: controls, expressions, borrowed motion."""
