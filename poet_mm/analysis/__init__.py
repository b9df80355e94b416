"""The numbers behind the paper's figures, from any checkpoint.

One file per figure; the file of the same name in ``plots/`` draws it.
"""
