"""The version, which the wheel and the page show."""

__version__ = "0.1.0.dev0"
