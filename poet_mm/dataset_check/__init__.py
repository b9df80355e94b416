"""What is wrong or unusual in a data set, before a long training.

``tools/check_dataset.py`` is the command. Whatever stops
``BottomupCocoDataset`` is wrong here too; nothing is ever modified.

Letters: I images, M annotations, K keypoints.
"""
from .check import Expected, check_dataset, read_expected
from .finding import Finding
from .report import format_report, write_report
from .summary import summarise
from .table import Table, make_table

__all__ = [
    'Expected', 'Finding', 'Table', 'check_dataset', 'format_report',
    'make_table', 'read_expected', 'summarise', 'write_report'
]
