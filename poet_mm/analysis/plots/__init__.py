"""The figures of ``poet_mm.analysis``: each draws the numbers of the file of
the same name.
"""
