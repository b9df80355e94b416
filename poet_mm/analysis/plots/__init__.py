"""Draw the figures of ``poet_mm.analysis``, in files of the same names."""
