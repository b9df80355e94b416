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

from poet_mm.analysis.plots.curves import draw_curves
from poet_mm.checkpoints.safe_load import safe_loading
from poet_mm.comparison.table import coco_metrics
from poet_mm.utils.logs import read_scalars
from poet_mm.visualization.predictions import draw_predictions

# What the faithful POET reaches with the same images, seen as often, on the
# same backbone
FAITHFUL = osp.join(
    osp.dirname(__file__), '..', 'docs', 'fast_toy', 'table.json')
FAITHFUL_ROW = 'POET, seed 0'
GOAL = 0.60  # AP on unseen images
METRICS = ('AP', 'AP50', 'AP75', 'APM', 'APL', 'AR')
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
        rows (dict): Name of a model -> metrics in [0, 1] by name as in
            ``AP50``, None where there is nobody of that size.
    """
    lines = [['on unseen images', *METRICS]]
    for name, metrics in rows.items():
        values = [metrics[key] for key in METRICS]
        lines.append(
            [name, *('-' if v is None else f'{v:.3f}' for v in values)])
    width = max(len(line[0]) for line in lines)
    lines.insert(1, ['-' * width, *('------:' for _ in METRICS)])
    return '\n'.join('| ' + ' | '.join([line[0].ljust(width), *(
        cell.rjust(7) for cell in line[1:])]) + ' |' for line in lines)


def as_shares(percent):
    """Metrics in percent -> in [0, 1]."""
    return {
        key: None if percent[key] is None else percent[key] / 100
        for key in METRICS
    }


def faithful_row():
    """Metrics of the faithful POET, measured once."""
    row, = (row for row in load(FAITHFUL)['rows']
            if row.get('name') == FAITHFUL_ROW)
    return as_shares(row)


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
    with safe_loading():
        model = init_model(cfg, checkpoint, device='cpu')
    paths = image_paths(cfg.test_dataloader.dataset, 12)
    poses = osp.join(args.work_dir, 'predictions.png')
    draw_predictions(
        [mmcv.imread(path, channel_order='rgb') for path in paths],
        [predict_people(model, path) for path in paths],
        ['unseen image'] * len(paths),
        model.dataset_meta,
        poses,
        columns=6)
    curves = osp.join(args.work_dir, 'curves.png')
    draw_curves({'fast POET': read_scalars(args.work_dir)}, curves,
                'AP on unseen images')
    found = as_shares(coco_metrics(load(args.unseen)))
    print('\n' + format_table({
        'fast POET, trained now': found,
        'faithful POET, same training (docs/fast_toy)': faithful_row()
    }))
    verdict = 'reached' if found['AP'] >= GOAL else 'NOT reached'
    print(f'\nAP >= {GOAL:.2f} on unseen images: {verdict}.')
    print(f'\nPredictions  {poses}\nCurves       {curves}\n'
          f'Checkpoint   {checkpoint}')


if __name__ == '__main__':
    main()
