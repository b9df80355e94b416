"""Stand in for the compiled operators of mmcv, of which POET uses none.

MMPose and MMDetection import ``mmcv.ops``, which looks up every operator of
``mmcv._ext``. mmcv-lite has no such module.
"""

from typing import Callable


def __getattr__(name: str) -> Callable:
    """Return a function that raises a NotImplementedError when it is called.

    Raises:
        AttributeError: ``name`` is one that Python itself looks up.
    """
    if name.startswith('__'):
        raise AttributeError(name)

    def operator(*args, **kwargs):
        raise NotImplementedError(
            f'{name} is an operator of mmcv, and mmcv-lite is installed, '
            "which has none. To get mmcv's operators, run "
            'bash tools/setup_env.sh --with-ops in a clone of poet_mm.'
        )

    return operator
