"""Run the commands of README and docs/ on small data, in a copy of the code.

Not a test: it takes half an hour. Prints what failed and what was left out.

    python tests/run_pages.py FOLDER [--page README.md ...] [--weights FILE]

FOLDER gets a clone of HEAD, and one log for each block of commands. The pages'
placeholders (COCO, photo.jpg, ...) become small files of that name; trainings
have one epoch. FILE is the backbone that pages call WEIGHTS.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import cv2
import torch
from helpers import ROOT, write_random_checkpoint, write_video
from mmengine.config import Config
from mmpose.registry import MODELS

from poet_mm.checkpoints.convert import convert_to_release

CARD = 'configs/poet_fast_mobilenetv2_256_coco.py poet-fast-mobilenet'
WITH_WEIGHTS = 'WEIGHTS|_coco_mini|AE_8|256_coco/epoch'
LEFT_OUT = {  # lines, and why
    r'git clone|setup_env|run_tests|pre-commit': 'CI does it',
    r'pip install (?!scikit-image)': 'another package',
    r'\.venv/bin/activate': 'the active environment is used',
    r'quickstart\.sh|toy_comparison\.sh': 'minutes; run by hand',
    r'gpu_check|docs/gpu|benchmark\.py --json': 'minutes; run by hand',
    r'slurm|trtexec|--openvino|sio convert|sleap_io': 'another program',
    r'jupyter|demo\.py': 'a server; has its own tests',
    r'distributed\.launch|--set_cost': "the authors' program",
    r'curl |poet-r50|ae-r50|ae-hrnet|(table1|stride)_coco\.py': 'downloads',
    r'make_subset.py .* --ids': 'all of COCO; has its own tests',
    r'webcam': 'a camera',
    r'anna\.json|metainfo\.py': 'two annotators; has its own tests',
    r'--precision int8': 'refused, as the page says',
    WITH_WEIGHTS: 'needs --weights',
}
TRAINING = 'train_cfg.max_epochs=1 train_dataloader.batch_size=2'


def make_data(folder: Path, weights: str) -> None:
    """Make small images, a film and annotations by the names of the pages."""
    toy = ROOT / 'tools' / 'make_toy_coco.py'
    for name, flags in dict(
        COCO=[], COCO_MINI=[], DATA=['--joints', 'nose', 'left_wrist']
    ).items():
        size = ['--train', '8', '--val', '4', '--size', '128']
        command = [sys.executable, toy, '--out', folder / name, *size, *flags]
        subprocess.run(command, check=True)
    (folder / 'data').mkdir(exist_ok=True)
    (folder / 'data' / 'coco').symlink_to(folder / 'COCO')
    (folder / 'data' / 'coco_mini').symlink_to(folder / 'COCO_MINI')
    ann_file = folder / 'COCO/annotations/person_keypoints_train2017.json'
    (folder / 'mice').mkdir()
    for name in ('mice/a', 'mice/b', 'ANNOTATIONS'):
        shutil.copy(ann_file, folder / f'{name}.json')
    for name in ('FOLDER', 'mice/images'):
        (folder / name).symlink_to(folder / 'COCO' / 'train2017')
    images = sorted((folder / 'COCO' / 'train2017').iterdir())
    (folder / 'photos').mkdir()
    for name in ('photo.jpg', 'photos/astronaut.png', 'photos/camera.png'):
        cv2.imwrite(str(folder / name), cv2.imread(str(images[0])))
    write_video(folder / 'film.mp4', 8, (128, 128))
    if weights:
        shutil.copy(weights, folder / 'WEIGHTS')


def random_model(config: str, depth: int = 50) -> Config:
    """Return a config whose backbone starts from random weights."""
    cfg = Config.fromfile(ROOT / 'configs' / f'{config}.py')
    cfg.model.backbone.update(init_cfg=None, depth=depth)
    return cfg


def make_checkpoints(folder: Path) -> None:
    """Write random weights of ours, the authors, DETR, AE and torchvision."""
    release = 'poet_r50_release_coco'
    for name, cfg in {
        'CHECKPOINT': random_model('poet_r50_coco'),
        'poet.pth': random_model(release),
        'r101.pth': random_model(release, depth=101),
    }.items():
        cfg.dump(str(folder / 'no_start.py'))
        write_random_checkpoint(folder / name, folder / 'no_start.py')
    released, _ = convert_to_release(str(folder / 'poet.pth'))
    for name in ('RELEASED.pth', 'poet_ckpt.pth'):
        torch.save(released, folder / name)
    (folder / 'work_dirs' / 'poet').mkdir(parents=True)
    tool = [sys.executable, ROOT / 'tools' / 'convert_checkpoint.py', 'poet']
    files = [folder / 'RELEASED.pth', folder / 'work_dirs/poet/epoch_1.pth']
    subprocess.run([*tool, *files], check=True)  # with its config
    released, _ = convert_to_release(str(folder / 'r101.pth'))
    detr = as_detr(released['model'])
    torch.save(dict(model=detr), folder / 'DETR.pth')
    ours = MODELS.build(random_model('ae_r50_s4_512_coco').model).state_dict()
    theirs = {re.sub('^head', 'keypoint_head', k): ours[k] for k in ours}
    torch.save(dict(state_dict=theirs), folder / 'AE.pth')
    prefix = 'backbone.'
    backbone = [name for name in ours if name.startswith(prefix)]
    torch.save(
        {name[len(prefix) :]: ours[name] for name in backbone},
        folder / 'RESNET.pth',
    )


def as_detr(release: dict) -> dict:
    """Return weights of the release's names, with 100 queries and boxes."""
    shapes = {'class_embed.weight': (92, 256), 'class_embed.bias': (92,)}
    shapes['query_embed.weight'] = (100, 256)
    weights = {}
    for name, value in release.items():
        name = name.replace('kpt_embed', 'bbox_embed')
        shape = shapes.get(name, value.shape)
        if name.startswith('bbox_embed.layers.2'):
            shape = (4, *shape[1:])
        weights[name] = torch.randn(shape)
    return weights


def blocks_of(page: Path):
    """Yield the blocks of commands, without comments."""
    for block in re.findall(
        r'^ *```bash\n(.*?)```', page.read_text(), re.S | re.M
    ):
        yield re.sub(r'(^|\s\s)#.*', '', block.replace('\\\n', ' '))


def shrink(line: str) -> str:
    """Return the command, placeholders filled in, on one small epoch."""
    line = re.sub(r'epoch_\d+', 'epoch_1', line)
    line = line.replace('CONFIG CHECKPOINT', CARD)
    line = line.replace('CONFIG', 'configs/poet_r50_512_coco.py')
    line = line.replace('120,80 200,150', '60,50 90,100')
    line = re.sub(r'FILE_OR_ID|IMAGE\.\.\.', 'photo.jpg', line)
    line = re.sub(r'WORK_DIR( \[.*\])?$', 'work_dirs/poet_r50_coco', line)
    line = line.replace('epoch_N', 'epoch_1')
    if 'make_toy_coco' in line:
        line = re.sub(r'--train \d+ --val \d+', '--train 8 --val 4', line)
    if 'make_subset' in line:
        line = re.sub(r'--images \d+', '--images 1', line)
    if 'poet_r50' not in line:
        own = 'work_dirs/own/epoch_1.pth'
        given = own if 'work_dirs/own' in line else 'poet-fast-mobilenet'
        line = re.sub(r'\bCHECKPOINT\b', given, line)
    options = ''
    if re.search(r'train\.(py|sh)', line):
        options = TRAINING
    if 'compare_strides' in line:
        line += ' --epochs 1'
        options = 'train_dataloader.batch_size=2'
    if options and 'init_cfg' not in line and 'finetune' not in line:
        options += ' model.backbone.init_cfg=None'
    if options and '--cfg-options' in line:
        return line.replace('--cfg-options', f'--cfg-options {options}')
    return f'{line} --cfg-options {options}' if options else line


def run_block(lines: list, code: Path, log: Path) -> bool:
    """Run lines of bash in `code`, and return whether all went well."""
    paths = [str(code), os.environ.get('PYTHONPATH', '')]
    start = time.monotonic()
    with log.open('w') as file:
        done = subprocess.run(
            ['bash', '-euxo', 'pipefail', '-c', '\n'.join(lines)],
            cwd=code,
            stdout=file,
            stderr=subprocess.STDOUT,
            env=dict(os.environ, PYTHONPATH=os.pathsep.join(paths)),
        )
    state = 'FAILED' if done.returncode else 'ok'
    print(f'{state} ({time.monotonic() - start:.0f} s): {log}', flush=True)
    return done.returncode == 0


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('folder', type=Path)
    parser.add_argument('--page', nargs='+', default=[])
    parser.add_argument('--weights')
    args = parser.parse_args()
    code = args.folder.resolve() / 'code'
    if not code.exists():
        subprocess.run(['git', 'clone', '-q', ROOT, code], check=True)
        make_data(code, args.weights)
        make_checkpoints(code)
    if args.weights:
        del LEFT_OUT[WITH_WEIGHTS]
    docs = ROOT / 'docs'
    pages = dict.fromkeys([ROOT / 'README.md', docs / 'results.md'])
    pages.update(dict.fromkeys(sorted(docs.rglob('*.md'))))
    states, left_out = [], 0
    for page in pages:
        if args.page and page.name not in args.page:
            continue
        for number, block in enumerate(blocks_of(page), 1):
            lines = []
            for line in filter(str.strip, block.splitlines()):
                for key, why in LEFT_OUT.items():
                    if re.search(key, line):
                        left_out += 1
                        print(f'left out ({why}): {line.strip()[:80]}')
                        break
                else:
                    lines.append(shrink(line))
            if lines:
                log = code.parent / f'{page.stem}_{number}.log'
                states.append(run_block(lines, code, log))
    print(
        f'{states.count(True)} blocks of commands went well, '
        f'{states.count(False)} failed; {left_out} lines were left out'
    )
    sys.exit(not all(states))


if __name__ == '__main__':
    main()
