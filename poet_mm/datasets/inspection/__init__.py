"""What is wrong or unusual in a data set, before a long training.

``tools/check_dataset.py`` is the command. Whatever stops
``BottomupCocoDataset`` is wrong here too; nothing is ever modified.

Letters: I images, M annotations, K keypoints.
"""
