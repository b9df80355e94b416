"""Report what is wrong or unusual in a data set, before a long training.

``tools/check_dataset.py`` is the command. All that stops
``BottomupCocoDataset`` is wrong here too. No file is modified.
"""
