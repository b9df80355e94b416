"""Checkpoints: read without running them, compared with a model, resumed,
converted and published.
"""
