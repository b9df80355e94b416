"""Choose the checkpoint to resume a training from: the newest undamaged."""

import logging
import os.path as osp
import re
import zipfile
from glob import escape, glob
from typing import List, Optional

from mmengine.config import Config
from mmengine.logging import print_log

from ..errors import MissingFile, UserError


def find_fault(path: str) -> str:
    """Return what is wrong with a checkpoint file, ``''`` if nothing.

    Reads the file and compares checksums, without running anything in it.
    """
    with open(path, 'rb') as file:
        start = file.read(2)
    if not start:
        return 'it is empty'
    if start != b'PK':
        return 'it is not a zip file, as torch>=1.6 writes'
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
    except zipfile.BadZipFile:
        return f'it was cut off at {osp.getsize(path)} bytes'
    return f'its part {damaged} is damaged' if damaged else ''


def checkpoints_of(cfg: Config) -> List[str]:
    """Return the checkpoints of a training, newest first.

    The ``best_*.pth`` files are left out: they have no optimizer state.
    """
    hook = cfg.get('default_hooks', {}).get('checkpoint') or {}
    folder = cfg.work_dir
    if hook.get('out_dir'):
        folder = osp.join(hook.out_dir, osp.basename(osp.normpath(folder)))
    unit = 'epoch' if hook.get('by_epoch', True) else 'iter'
    template = hook.get('filename_tmpl') or unit + '_{}.pth'
    # the number, for example of epoch_{}.pth or epoch_{:03d}.pth
    pattern = re.sub(r'\\{[^}]*\\}', r'(\\d+)', re.escape(template))
    steps = {}
    for path in glob(osp.join(escape(folder), '*')):
        match = re.fullmatch(pattern, osp.basename(path))
        if match and osp.isfile(path):
            steps[path] = int(match[1])
    return sorted(steps, key=steps.__getitem__, reverse=True)


def newest_undamaged(cfg: Config) -> Optional[str]:
    """Return the newest undamaged checkpoint, and warn of damaged ones."""
    for path in checkpoints_of(cfg):
        fault = find_fault(path)
        if not fault:
            return path
        print_log(
            f'Not resumed from {path}: {fault}.',
            logger='current',
            level=logging.WARNING,
        )
    return None


def choose_checkpoint(cfg: Config, resume: str) -> None:
    """Set the checkpoint that a training resumes from.

    Args:
        cfg (Config): Config, changed in place: ``resume`` and ``load_from``.
        resume (str): A checkpoint, or 'auto' for the newest undamaged one of
            the work dir. If there is none, the training starts from
            ``load_from`` or from scratch.

    Raises:
        UserError: The checkpoint is missing or damaged.
    """
    if resume == 'auto':
        path = newest_undamaged(cfg)
        cfg.resume = path is not None
        if path is None:
            print_log(
                f'Nothing to resume in {cfg.work_dir}: the training starts '
                'from load_from or from scratch.',
                logger='current',
                level=logging.WARNING,
            )
        cfg.load_from = path or cfg.get('load_from')
        return
    if not osp.isfile(resume):
        raise MissingFile(
            f'There is no checkpoint {resume} to resume from. Give a local '
            'file.'
        )
    fault = find_fault(resume)
    if fault:
        raise UserError(
            f'Cannot resume from {resume}: {fault}. Give another, or --resume '
            f'alone for the newest undamaged one of {cfg.work_dir}.'
        )
    cfg.resume, cfg.load_from = True, resume
