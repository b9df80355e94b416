"""Write checkpoints atomically: a killed training leaves no half file."""

import os
from typing import List

from mmengine.fileio import LocalBackend, register_backend
from mmengine.hooks import CheckpointHook
from mmpose.registry import HOOKS

from ...utils.files import write_whole

BACKEND = 'atomic'
_outdated: List[str] = []  # shared: mmengine makes a backend for each file


class AtomicBackend(LocalBackend):
    """Write files atomically, and delay removals until the next write."""

    def put(self, obj: bytes, filepath: str) -> None:
        """Write a file atomically, then remove outdated files."""
        write_whole(obj, filepath)
        for path in _outdated:
            if path != filepath and os.path.isfile(path):
                os.remove(path)
        _outdated.clear()

    def remove(self, filepath: str) -> None:
        """Remember a file, to remove it after the next ``put``."""
        _outdated.append(filepath)


register_backend(BACKEND, AtomicBackend, force=True)


@HOOKS.register_module()
class AtomicCheckpointHook(CheckpointHook):
    """Save checkpoints like ``CheckpointHook``, safe against being killed.

    - A checkpoint is written under another name (``.part``), synchronised
      with the disk and then renamed.
    - Older checkpoints are removed after the new one is written. mmengine's
      hook removes them first.

    Args:
        **kwargs: Arguments of ``CheckpointHook``. With ``backend_args``, or
            an ``out_dir`` that is a URL, this hook changes nothing: mmengine's
            storage backend writes the files.
    """

    def __init__(self, **kwargs) -> None:
        super().__init__(**kwargs)
        if (
            self.backend_args is None
            and self.file_client_args is None
            and '://' not in str(self.out_dir)
        ):
            self.backend_args = dict(backend=BACKEND)
