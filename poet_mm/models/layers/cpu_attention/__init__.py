"""Attention for training on the CPU, compiled on first use."""
