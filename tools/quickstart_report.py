"""Print a table and draw two figures of a finished quickstart.

tools/quickstart.sh ends with this.

Examples:
  python tools/quickstart_report.py CONFIG WORK_DIR METRICS.json
  python tools/quickstart_report.py configs/poet_fast_r18_toy.py \\
      work_dirs/quickstart work_dirs/quickstart/unseen.json
"""
import argparse
import json
import os.path as osp

__parse_first__ = True

from poet_mm import cli
from poet_mm.errors import UserError
from poet_mm.utils.config import read_config

METRICS = ('AP', 'AP50', 'AP75', 'APM', 'APL', 'AR')
# What the paper's POET reaches with the same images, seen as often, on the
# same backbone: 'POET, seed 0' of docs/fast_toy.
PAPERS_POET = dict(
    AP=0.00047, AP50=0.00200, AP75=0.0, APM=0.00058, APL=None, AR=0.00859)
GOAL = 0.60  # AP on unseen images
PERSON_THR = 0.5  # a query below this probability is not drawn


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(**cli.about(__doc__))
    parser.add_argument(
        'config', metavar='CONFIG', help='config of the training')
    parser.add_argument(
        'work_dir', metavar='WORK_DIR', help='its work dir; figures go there')
    parser.add_argument(
        'unseen', metavar='METRICS', help='file of test.py --out, JSON')
    args = parser.parse_args()
    cli.check_file(args.config, 'config')
    cli.check_file(args.unseen, 'file of metrics')
    if not osp.isdir(args.work_dir):
        raise UserError(f'There is no work dir {args.work_dir}.')
    return args


def format_table(rows):
    """Write a Markdown table of COCO metrics.

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
    """Divide metrics in percent by 100."""
    return {
        key: None if percent[key] is None else percent[key] / 100
        for key in METRICS
    }


def image_paths(dataset_cfg, count):
    """Return the first images with people of a data set."""
    from mmpose.registry import DATASETS
    dataset = DATASETS.build(dataset_cfg)
    samples = (dataset.get_data_info(i) for i in range(len(dataset)))
    paths = [info['img_path'] for info in samples if len(info['keypoints'])]
    return paths[:count]


def predict_people(model, path):
    """Return keypoints (N, K, 2) of the people found, in pixels of the image.
    """
    from mmpose.apis import inference_bottomup
    found = inference_bottomup(model, path)[0].pred_instances
    return found.keypoints[found.bbox_scores > PERSON_THR]


def main() -> None:
    args = cli.start(parse_args())
    import mmcv
    from mmengine.runner.checkpoint import find_latest_checkpoint
    from mmpose.apis import init_model

    from poet_mm.analysis.plots.curves import draw_curves
    from poet_mm.checkpoints.safe_load import safe_loading
    from poet_mm.comparison.table import coco_metrics
    from poet_mm.utils.logs import read_scalars
    from poet_mm.visualization.predictions import draw_predictions
    cfg = read_config(args.config)
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
    with open(args.unseen) as file:
        found = as_shares(coco_metrics(json.load(file)))
    print('\n' + format_table({
        'fast POET, trained now': found,
        'faithful POET, same training (docs/fast_toy)': PAPERS_POET
    }))
    verdict = 'reached' if found['AP'] >= GOAL else 'NOT reached'
    print(f'\nAP >= {GOAL:.2f} on unseen images: {verdict}.')
    print(f'\nPredictions  {poses}\nCurves       {curves}\n'
          f'Checkpoint   {checkpoint}')


if __name__ == '__main__':
    cli.run(main)
