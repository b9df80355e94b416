"""Make ``tests`` mean this folder, whatever package of that name there is."""
