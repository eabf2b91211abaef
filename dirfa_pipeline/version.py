"""The version, which the wheel and the page show."""

__version__ = "0.2.0"
