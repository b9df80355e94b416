"""Write checkpoints that are whole or absent, whenever training is killed."""

import os
from typing import Dict, List, Optional

from mmengine.fileio import LocalBackend, register_backend
from mmengine.hooks import CheckpointHook
from mmengine.runner import Runner
from mmpose.registry import HOOKS

from ...utils.files import write_whole

BACKEND = 'atomic'


class AtomicBackend(LocalBackend):
    """Store local files whole, and remove files only on request."""

    def __init__(self) -> None:
        self.outdated: List[str] = []

    def put(self, obj: bytes, filepath: str) -> None:
        """Write a whole file, or leave the file that was there."""
        write_whole(obj, filepath)

    def remove(self, filepath: str) -> None:
        """Remember a file for :meth:`AtomicCheckpointHook.remove_outdated`."""
        self.outdated.append(filepath)


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
            an ``out_dir`` that is a URL, files are as safe as that storage
            makes them.
    """

    def __init__(self, **kwargs) -> None:
        super().__init__(**kwargs)
        if (
            self.backend_args is None
            and self.file_client_args is None
            and '://' not in str(self.out_dir)
        ):
            self.backend_args = dict(backend=BACKEND)

    def after_train_epoch(self, runner: Runner) -> None:
        """Save a checkpoint if one is due, then remove older ones."""
        super().after_train_epoch(runner)
        self.remove_outdated(runner)

    def after_train_iter(self, runner: Runner, *args, **kwargs) -> None:
        """Save a checkpoint if one is due, then remove older ones."""
        super().after_train_iter(runner, *args, **kwargs)
        self.remove_outdated(runner)

    def after_val_epoch(
        self, runner: Runner, metrics: Optional[Dict[str, float]] = None
    ) -> None:
        """Save a new best checkpoint, then remove the previous one."""
        super().after_val_epoch(runner, metrics)
        self.remove_outdated(runner)

    def remove_outdated(self, runner: Runner) -> None:
        """Remove the files that mmengine's hook wanted to remove."""
        if not isinstance(self.file_backend, AtomicBackend):
            return
        # A new best checkpoint can have the name of the previous one.
        best = [
            value
            for key, value in runner.message_hub.runtime_info.items()
            if key.startswith('best_ckpt')
        ]
        for path in self.file_backend.outdated:
            if path not in best and os.path.isfile(path):
                os.remove(path)
        self.file_backend.outdated.clear()
