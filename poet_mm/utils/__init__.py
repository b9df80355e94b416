"""Read configs and training logs, and write files."""
