"""Report what is wrong or unusual in a data set, before a long training.

``tools/check_dataset.py`` is the command. The report calls wrong whatever
stops ``BottomupCocoDataset``, and more. No file is modified.
"""
