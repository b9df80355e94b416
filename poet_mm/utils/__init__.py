"""Config files, whole files and training logs: nothing that knows poses."""
