"""Layers of POETHead, one file for each step."""
