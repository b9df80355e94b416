"""Define the version of poet_mm. setup.py reads this file by its path."""

__version__ = '0.1.0'
