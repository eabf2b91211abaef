"""Facial animation: coefficients, the files they are kept in, frame rates."""
