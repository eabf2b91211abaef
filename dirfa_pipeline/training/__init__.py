"""How the components are made: recordings and clips in, weights out, a command for each step."""
