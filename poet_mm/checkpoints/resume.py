"""Choose what a training goes on from: the newest checkpoint that is whole."""

import logging
import os.path as osp
import re
import zipfile
from glob import escape, glob
from typing import List, Optional

from mmengine.config import Config
from mmengine.logging import print_log

from ..errors import UserError


def find_fault(path: str) -> str:
    """Say what is wrong with a file as a checkpoint, '' if nothing is.

    Reads all of it and compares checksums, without running anything of it.
    """
    with open(path, 'rb') as file:
        start = file.read(2)
    if not start:
        return 'it is empty'
    if start != b'PK':  # what torch has written since version 1.6
        return 'it is no checkpoint of torch'
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
    except zipfile.BadZipFile:
        return f'it was cut off at {osp.getsize(path)} bytes'
    return f'its part {damaged} is damaged' if damaged else ''


def checkpoints_of(cfg: Config) -> List[str]:
    """Find checkpoints that the training of a config can have left, newest
    first. Those of the best epoch have no optimiser.
    """
    hook = cfg.get('default_hooks', {}).get('checkpoint') or {}
    folder = cfg.work_dir
    if hook.get('out_dir'):
        folder = osp.join(hook.out_dir, osp.basename(osp.normpath(folder)))
    unit = 'epoch' if hook.get('by_epoch', True) else 'iter'
    template = hook.get('filename_tmpl') or unit + '_{}.pth'
    pattern = re.compile(re.escape(template).replace(r'\{\}', r'(\d+)'))
    found = [
        (pattern.fullmatch(osp.basename(path)), path)
        for path in glob(osp.join(escape(folder), '*'))
        if osp.isfile(path)
    ]
    steps = {path: int(match[1]) for match, path in found if match}
    return sorted(steps, key=steps.__getitem__, reverse=True)


def newest_whole(cfg: Config) -> Optional[str]:
    """Return the newest whole checkpoint; warn of each that is not."""
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
    """Set what a run resumes from.

    Args:
        cfg (Config): Changed in place: ``resume`` and ``load_from``.
        resume (str): A checkpoint, or 'auto': the newest whole one of the
            work dir; without any, training begins as it would have without
            this.

    Raises:
        UserError: The checkpoint is damaged.
    """
    if resume == 'auto':
        path = newest_whole(cfg)
        cfg.resume = path is not None
        if path is None:
            print_log(
                f'Nothing to resume in {cfg.work_dir}: training begins.',
                logger='current',
                level=logging.WARNING,
            )
        cfg.load_from = path or cfg.get('load_from')
        return
    fault = find_fault(resume)
    if fault:
        raise UserError(
            f'Cannot resume from {resume}: {fault}. Give another, or --resume '
            f'alone for the newest whole one of {cfg.work_dir}.'
        )
    cfg.resume, cfg.load_from = True, resume
