"""Stand in for the compiled module of xtcocotools by that of pycocotools.

The two are the same code. That of xtcocotools is built against NumPy 1, for
Python 3.11 at most; pycocotools has wheels for all that poet_mm supports.
"""

from pycocotools._mask import *  # noqa: F403
