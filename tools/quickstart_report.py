"""What ``tools/quickstart.sh`` ends with: a table and two pictures.

    python tools/quickstart_report.py CONFIG WORK_DIR UNSEEN_METRICS.json
"""
import argparse
import os.path as osp

import mmcv
from mmengine.config import Config
from mmengine.fileio import load
from mmengine.runner.checkpoint import find_latest_checkpoint
from mmpose.apis import inference_bottomup, init_model
from mmpose.registry import DATASETS

from poet_mm.visualization import draw_curves, draw_predictions, read_scalars

TRAINED, UNSEEN = 'images it trains on', 'unseen images'
GOAL = 0.90  # AP on the images it trains on, of the config
METRICS = ('AP', 'AP .5', 'AP .75', 'AP (M)', 'AP (L)', 'AR')
PERSON_THR = 0.5  # a query below this probability is not drawn


def parse_args():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('config', help='config it was trained with')
    parser.add_argument('work_dir', help='its work dir; pictures go there')
    parser.add_argument('unseen', help='metrics of test.py --out')
    return parser.parse_args()


def format_table(rows):
    """A Markdown table of COCO metrics.

    Args:
        rows (dict): Name of the images -> metrics by name, as in
            ``coco/AP .5``.
    """
    lines = [['POET on', *METRICS]]
    for name, metrics in rows.items():
        values = [metrics[f'coco/{key}'] for key in METRICS]
        # COCO's -1: nobody of that size
        lines.append([name, *(f'{v:.3f}' if v >= 0 else '-' for v in values)])
    width = max(len(line[0]) for line in lines)
    lines.insert(1, ['-' * width, *('------:' for _ in METRICS)])
    return '\n'.join('| ' + ' | '.join([line[0].ljust(width), *(
        cell.rjust(7) for cell in line[1:])]) + ' |' for line in lines)


def image_paths(dataset_cfg, count):
    """The first images with people of a data set."""
    dataset = DATASETS.build(dataset_cfg)
    samples = (dataset.get_data_info(i) for i in range(len(dataset)))
    paths = [info['img_path'] for info in samples if len(info['keypoints'])]
    return paths[:count]


def predict_people(model, path):
    """Keypoints (N, K, 2) of the people found, in pixels of the image."""
    found = inference_bottomup(model, path)[0].pred_instances
    return found.keypoints[found.bbox_scores > PERSON_THR]


def main():
    args = parse_args()
    cfg = Config.fromfile(args.config)
    checkpoint = find_latest_checkpoint(args.work_dir)
    model = init_model(cfg, checkpoint, device='cpu')
    paths, titles = [], []
    for name, loader in ((TRAINED, cfg.val_dataloader),
                         (UNSEEN, cfg.test_dataloader)):
        some = image_paths(loader.dataset, 6)
        paths += some
        titles += [name] * len(some)
    poses = osp.join(args.work_dir, 'predictions.png')
    draw_predictions(
        [mmcv.imread(path, channel_order='rgb') for path in paths],
        [predict_people(model, path) for path in paths],
        titles,
        model.dataset_meta,
        poses,
        columns=6)
    curves = osp.join(args.work_dir, 'curves.png')
    records = read_scalars(args.work_dir)
    draw_curves({'POET': records}, curves, f'AP on {TRAINED}')
    trained = [r for r in records if 'coco/AP' in r][-1]
    print('\n' + format_table({TRAINED: trained, UNSEEN: load(args.unseen)}))
    verdict = 'reached' if trained['coco/AP'] >= GOAL else 'NOT reached'
    print(f'\nAP >= {GOAL:.2f} on {TRAINED}: {verdict}. The row of {UNSEEN} '
          'tells how far it\ngeneralises; learned queries need many images '
          'and epochs for that.')
    print(f'\nPredictions  {poses}\nCurves       {curves}\n'
          f'Checkpoint   {checkpoint}')


if __name__ == '__main__':
    main()
