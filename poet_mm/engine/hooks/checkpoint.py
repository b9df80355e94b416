"""Checkpoints that are whole or not there, whenever training is killed."""

import os.path as osp
from typing import List

from mmengine.dist import is_main_process
from mmengine.fileio import LocalBackend, register_backend
from mmengine.hooks import CheckpointHook
from mmengine.runner import Runner
from mmpose.registry import HOOKS

from ...utils.files import write_whole

BACKEND = 'atomic'


class AtomicBackend(LocalBackend):
    """Local files that get their name when all of them is on the disk."""

    def put(self, obj: bytes, filepath: str) -> None:
        """Write a file, or leave what was there."""
        write_whole(obj, filepath)

    def put_text(
        self, obj: str, filepath: str, encoding: str = 'utf-8'
    ) -> None:
        """Write a text file, or leave what was there."""
        self.put(obj.encode(encoding), filepath)


register_backend(BACKEND, AtomicBackend, force=True)


class _RemoveLater:
    """A file backend that only notes what it is to remove."""

    def __init__(self, backend) -> None:
        self.backend = backend
        self.paths: List[str] = []

    def __getattr__(self, name: str):
        return getattr(self.backend, name)

    def remove(self, path: str) -> None:
        """Note a file."""
        self.paths.append(path)


@HOOKS.register_module()
class AtomicCheckpointHook(CheckpointHook):
    """mmengine's ``CheckpointHook``, safe against being killed.

    - A checkpoint, and the file ``last_checkpoint``, is written under another
      name (``.part``), synchronised with the disk and then renamed.
    - Older checkpoints are removed when the new one is there; mmengine's hook
      removes first.

    Args:
        **kwargs: Of ``CheckpointHook``. With ``backend_args``, or an
            ``out_dir`` that is a URL, files are as safe as that store makes
            them.
    """

    def __init__(self, **kwargs) -> None:
        super().__init__(**kwargs)
        remote = '://' in str(self.out_dir)
        if (
            self.backend_args is None
            and self.file_client_args is None
            and (not remote)
        ):
            self.backend_args = dict(backend=BACKEND)

    def _save_checkpoint_with_step(
        self, runner: Runner, step: int, meta: dict
    ) -> None:
        """As mmengine's, in another order."""
        outdated = self._keep(runner, step)
        name = self.filename_tmpl.format(step)
        self.last_ckpt = self.file_backend.join_path(self.out_dir, name)
        runner.message_hub.update_info('last_ckpt', self.last_ckpt)
        runner.save_checkpoint(
            self.out_dir,
            name,
            self.file_client_args,
            save_optimizer=self.save_optimizer,
            save_param_scheduler=self.save_param_scheduler,
            meta=meta,
            by_epoch=self.by_epoch,
            backend_args=self.backend_args,
            **self.args,
        )
        if is_main_process():
            AtomicBackend().put_text(
                self.last_ckpt, osp.join(runner.work_dir, 'last_checkpoint')
            )
            self._remove(outdated)

    def _keep(self, runner: Runner, step: int) -> List[str]:
        """Count a checkpoint as kept; -> files that are not, then."""
        if self.max_keep_ckpts <= 0 or step in self.keep_ckpt_ids:
            return []
        full = len(self.keep_ckpt_ids) == self.max_keep_ckpts
        oldest = [self.keep_ckpt_ids.popleft()] if full else []
        self.keep_ckpt_ids.append(step)
        runner.message_hub.update_info(
            'keep_ckpt_ids', list(self.keep_ckpt_ids)
        )
        return [
            self.file_backend.join_path(
                self.out_dir, self.filename_tmpl.format(number)
            )
            for number in oldest
        ]

    def _save_best_checkpoint(self, runner: Runner, metrics: dict) -> None:
        """As mmengine's; the previous best stays until the new one and what
        refers to it is written.
        """
        backend = self.file_backend
        self.file_backend = later = _RemoveLater(backend)
        try:
            super()._save_best_checkpoint(runner, metrics)
        finally:
            self.file_backend = backend
        self._remove(later.paths)

    def _remove(self, paths: List[str]) -> None:
        for path in paths:
            if self.file_backend.isfile(path):
                self.file_backend.remove(path)
