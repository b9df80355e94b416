"""Read, check, resume, convert and publish checkpoints."""
