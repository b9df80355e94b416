"""The comparison over strides: its file, its table, its process."""
import csv
import json
import os
import signal
import subprocess
import sys
import time
from argparse import Namespace
from pathlib import Path

import compare_strides
import numpy as np
import pytest
import torch
from helpers import tiny_head_cfg
from make_toy_coco import make_toy_coco
from mmengine.config import Config
from mmpose.registry import MODELS, TRANSFORMS

from poet_mm.cli import read_options
from poet_mm.comparison.convergence import draw_convergence
from poet_mm.comparison.cost import (
    count_gflops,
    feature_stride,
    time_inference,
)
from poet_mm.comparison.spec import (
    check_files,
    read_comparison,
    row_budget,
    row_config,
    row_folder,
    set_budget,
)
from poet_mm.comparison.strides import draw_strides
from poet_mm.comparison.table import METRICS, coco_metrics, write_table
from poet_mm.errors import UserError

ROOT = Path(__file__).parent.parent
TINY = {
    'model.backbone.base_channels': 8,
    'model.backbone.stem_channels': 8,
    'model.head.in_channels': 64,
    'train_dataloader.batch_size': 4,
    'default_hooks.logger.interval': 1
}
ROWS = [
    dict(config=str(ROOT / 'configs' / 'ae_r18_s32_toy.py'), name='ae'),
    dict(
        config=str(ROOT / 'configs' / 'poet_r18_s32_toy.py'),
        name='poet',
        backbone='R18',
        epochs=4),
]


@pytest.fixture(scope='module')
def toy(tmp_path_factory):
    folder = tmp_path_factory.mktemp('toy')
    make_toy_coco(folder, 24, 4, 64, 0)
    return folder


def write_comparison(path, toy, **changes):
    content = dict(
        title='tiny',
        data_root=str(toy),
        budget=dict(epochs=2),
        options=TINY,
        rows=ROWS)
    content.update(changes)
    path.write_text('\n'.join(
        f'{key} = {value!r}' for key, value in content.items()))
    return path


def start(comparison, work_dir, *flags):
    return subprocess.Popen([
        sys.executable, ROOT / 'tools' / 'compare_strides.py', comparison,
        '--work-dir', work_dir, *flags
    ],
                            stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT,
                            text=True)


def wait_for(condition, seconds=600):
    end = time.time() + seconds
    while not condition():
        assert time.time() < end
        time.sleep(0.05)


def row_processes(work_dir):
    """Command lines of the running rows of a comparison."""
    found = []
    for path in Path('/proc').glob('[0-9]*/cmdline'):
        try:
            line = path.read_text()
        except OSError:
            continue  # it has just ended
        if 'compare_row.py' in line and str(work_dir) in line:
            found.append(line)
    return found


def test_killed_and_resumed(toy, tmp_path):
    """Killed in the second row, and run again: the first is kept, the second
    goes on. A row that fails stops no other."""
    bad = dict(ROWS[0], name='bad', options={'model.head.in_channels': 3})
    start_from = tmp_path / 'start.pth'  # not what a row resumes from
    queries = {'head.query_embedding.weight': torch.zeros(10, 128)}
    torch.save(dict(state_dict=queries), start_from)
    poet = dict(ROWS[1], options=dict(load_from=str(start_from)))
    path = write_comparison(
        tmp_path / 'c.py', toy, rows=[ROWS[0], poet, bad])
    work = tmp_path / 'work'
    process = start(path, work)
    wait_for(lambda: [*work.glob('rows/poet-*/epoch_2.pth')]
             or process.poll() is not None)
    process.kill()
    process.wait()
    first, = work.glob('rows/ae-*/result.json')
    second, = work.glob('rows/poet-*')
    kept = first.stat().st_mtime_ns
    wait_for(lambda: not row_processes(work))  # it notices
    assert not (second / 'result.json').exists()

    process = start(path, work)
    output, _ = process.communicate()
    assert process.returncode == 1  # for the bad row
    assert first.stat().st_mtime_ns == kept
    assert 'resumed epoch' in (second / 'console.log').read_text()
    assert '[2/3] poet: AP' in output
    assert '[3/3] bad: AP -, failed: RuntimeError' in output
    table = json.loads((work / 'table.json').read_text())
    ae, poet, failed = table['rows'][:3]
    assert (ae['method'], ae['stride'], ae['sigma'], ae['epochs'],
            ae['images_seen'], ae['flip']) == ('AE', 32, 1, 2, 44, False)
    assert (poet['method'], poet['stride'], poet['sigma'], poet['epochs'],
            poet['input'], poet['init']) == ('POET', 32, None, 4, 128,
                                             'start.pth')
    assert (ae['name'], ae['batch'], ae['lr']) == ('ae', 4, 1.5e-3)
    for row in (ae, poet):
        for key in ('AP', 'AR50', 'gflops', 'network_ms', 'post_ms',
                    'memory_mb', 'minutes', 'step_ms', 'params'):
            assert np.isfinite(row[key]), key
        assert row['how'] == 'trained here'
    assert failed['how'].startswith('failed: RuntimeError')
    published = [row for row in table['rows'] if row['how'] == 'published']
    assert {(row['method'], row['stride']) for row in published} == {
        ('AE', 4), ('AE', 8), ('AE', 16), ('AE', 32), ('POET', 16),
        ('POET', 32)
    }
    markdown = (work / 'table.md').read_text()
    assert markdown.count('| published |') == 6
    lines = (work / 'table.csv').read_text().splitlines()
    assert len([*csv.reader(lines)]) == 1 + 9
    assert (work / 'figure1.png').stat().st_size > 10000


def test_a_row_is_tested_with_the_weights_of_its_file(toy, tmp_path,
                                                      monkeypatch):
    """The mean of EMAHook, not what it is the mean of."""
    import compare_row

    from poet_mm.comparison import training
    hook = dict(type='EMAHook', momentum=0.5)
    path = write_comparison(
        tmp_path / 'x.py', toy, rows=[dict(ROWS[1], epochs=1)],
        options=dict(TINY, custom_hooks=[hook]))
    tested = {}

    def test(runner):
        tested.update(runner.model.state_dict())
        return {}

    monkeypatch.setattr(training.Runner, 'test', test)
    monkeypatch.setattr(training, 'coco_metrics', lambda _: {})
    monkeypatch.setattr(training, 'describe', lambda *_: {})
    monkeypatch.setattr(
        sys, 'argv',
        ['compare_row.py', str(path), 'poet', '--work-dir', str(tmp_path),
         '--progress', 'x', '--rows-left', '0', '--watch', str(os.getpid())])
    compare_row.run_row(compare_row.parse_args())
    file, = tmp_path.glob('rows/*/epoch_1.pth')
    saved = torch.load(file)
    name = 'head.input_proj.weight'
    assert torch.equal(tested[name], saved['state_dict'][name])
    assert not torch.equal(
        tested[name], saved['ema_state_dict'][f'module.{name}'])


def test_rows_for_a_time(toy, tmp_path):
    """Minutes become epochs once, which a resumed row keeps; a checkpoint is
    only evaluated."""
    path = write_comparison(
        tmp_path / 'c.py',
        toy,
        rows=ROWS[:1],
        budget=dict(minutes=0.02),
        val_interval=1)
    output, _ = start(path, tmp_path / 'work').communicate()
    result, = (tmp_path / 'work').glob('rows/*/result.json')
    epochs = json.loads(result.with_name('epochs.json').read_text())
    content = json.loads(result.read_text())
    assert content['epochs'] == epochs >= 1
    curve = content['curve']
    assert [point['epoch'] for point in curve] == list(range(1, epochs + 1))
    assert curve[-1]['AP'] == pytest.approx(content['AP'], abs=1e-3)
    assert curve[-1]['ARM'] == pytest.approx(content['ARM'], abs=1e-3)
    assert all(point['losses']['loss'] > 0 for point in curve)
    assert 'ae: trains for 0.02 minutes' in output
    checkpoint = str(result.with_name(f'epoch_{epochs}.pth'))
    path = write_comparison(
        tmp_path / 'd.py', toy, rows=[dict(ROWS[0], checkpoint=checkpoint)])
    start(path, tmp_path / 'other').communicate()
    again, = (tmp_path / 'other').glob('rows/*/result.json')
    old, new = (json.loads(file.read_text()) for file in (result, again))
    assert new['how'] == f'epoch_{epochs}.pth'
    assert new['init'] is None
    for name in METRICS:
        assert old[name] == new[name]


@pytest.mark.parametrize(('changes', 'said'), [
    (dict(data_root='/nowhere'), '/nowhere does not exist'),
    (dict(rows=[dict(config='none.py')]), 'There is no config'),
    (dict(rows=[dict(ROWS[0], colour='red')]), r"unknown keys \['colour'\]"),
    (dict(rows=[ROWS[0], ROWS[0]]), 'give each a name'),
    (dict(rows=[dict(ROWS[0], checkpoint='x.pth')]), 'no checkpoint x.pth'),
    (dict(budget=dict(hours=3)), 'The budget is'),
    (dict(budget=dict(epochs=1.5)), 'The budget is'),
    (dict(val_interval=0), 'val_interval is 0'),
    (dict(val_interval=1.5), 'val_interval is 1.5'),
    (dict(data_root=''), 'has no data_root'),
    (dict(rows=[]), 'no rows'),
])
def test_mistakes_are_one_sentence(toy, tmp_path, changes, said, monkeypatch):
    path = write_comparison(tmp_path / 'c.py', toy, **changes)
    monkeypatch.setattr(
        sys, 'argv', ['', str(path), '--work-dir',
                      str(tmp_path / 'work')])
    with pytest.raises(UserError, match=said):
        compare_strides.main()
    assert not (tmp_path / 'work').exists()


def test_missing_images_and_weights_are_said_first(toy, tmp_path,
                                                   monkeypatch):
    row = dict(
        config=str(ROOT / 'configs' / 'ae_r50_s4_512_coco.py'),
        options={'model.backbone.init_cfg.checkpoint': 'w.pth'})
    path = write_comparison(tmp_path / 'c.py', toy, rows=[row])
    args = ['', str(path), '--work-dir', str(tmp_path / 'work')]
    monkeypatch.setattr(sys, 'argv', args)
    with pytest.raises(UserError, match=r'There is no w\.pth'):
        compare_strides.main()
    write_comparison(path, toy)
    (toy / 'val2017').rename(toy / 'elsewhere')
    try:
        with pytest.raises(UserError, match='val2017/, which row ae needs'):
            compare_strides.main()
    finally:
        (toy / 'elsewhere').rename(toy / 'val2017')
    monkeypatch.setattr(sys, 'argv', [*args, '--gpus', '99'])
    with pytest.raises(UserError, match='--gpus 99: there are'):
        compare_strides.main()


def test_a_change_of_config_is_another_row(toy, tmp_path):
    folders = set()
    for changes in (dict(), dict(budget=dict(epochs=3)),
                    dict(options={**TINY, 'optim_wrapper.optimizer.lr': 1})):
        path = write_comparison(tmp_path / 'c.py', toy, **changes)
        comparison = read_comparison(str(path))
        row = comparison.rows[0]
        for _ in range(2):
            cfg = row_config(comparison, row)
            folders.add(row_folder('w', comparison, row, cfg, 1))
    assert len(folders) == 3
    assert row_folder('w', comparison, row, cfg, 2) not in folders


def test_whose_epochs_count(toy, tmp_path):
    """The command line's, then the row's, then the file's."""
    rows = [*ROWS, dict(ROWS[0], name='given', checkpoint=__file__, epochs=7)]
    path = str(write_comparison(tmp_path / 'c.py', toy, rows=rows))
    budgets = [[row_budget(comparison, row) for row in comparison.rows]
               for comparison in (read_comparison(path),
                                  read_comparison(path, budget=dict(epochs=9)))
               ]
    assert budgets == [[dict(epochs=2), dict(epochs=4), {}],
                       [dict(epochs=9), dict(epochs=9), {}]]
    assert read_comparison(path).rows[2].epochs == 7


@pytest.mark.parametrize(
    'path', [*(ROOT / 'configs' / 'comparisons').glob('*.py')],
    ids=lambda path: path.stem)
def test_shipped_comparisons_build(path, toy):
    comparison = read_comparison(str(path), str(toy))
    for row in comparison.rows:
        cfg = row_config(comparison, row)
        check_files(cfg, row)
        set_budget(cfg, row_budget(comparison, row)['epochs'])
        cfg.model.backbone.init_cfg = None
        MODELS.build(cfg.model)
        for loader in (cfg.train_dataloader, cfg.test_dataloader):
            for step in loader.dataset.pipeline:
                TRANSFORMS.build(step)


def test_budget_stretches_the_schedule():
    cfg = Config.fromfile(ROOT / 'configs' / 'ae_r50_s4_512_coco.py')
    set_budget(cfg, 30)
    warm_up, steps = cfg.param_scheduler
    assert cfg.train_cfg.max_epochs == 30
    assert (warm_up.begin, warm_up.end) == (0, 500)  # iterations
    assert steps.milestones == [20, 26]
    cfg = Config.fromfile(ROOT / 'configs' / 'poet_r18_toy.py')
    set_budget(cfg, 32, val_interval=2)
    assert cfg.train_cfg.val_interval == 2
    assert cfg.param_scheduler[1].T_max == 32
    assert cfg.default_hooks.checkpoint.interval == 3


def test_command_of_a_row_on_several_gpus():
    args = Namespace(
        comparison='c.py', work_dir='w', data_root='d', epochs=3,
        minutes=None, gpus=2, trust_pickle=True,
        cfg_options=['a.b=1', 'c=[1,2]'])
    row = Namespace(name='ae')
    command = compare_strides.row_command(args, row, '[1/2] ae', 1)
    assert command[1:3] == ['-m', 'torch.distributed.run']
    assert '--nproc_per_node=2' in command
    assert '--standalone' in command  # a port of its own
    assert '--trust-pickle' in command
    assert command[-3:] == ['--cfg-options', 'a.b=1', 'c=[1,2]']
    assert read_options(command[-2:]) == {
        'a.b': 1, 'c': [1, 2]}
    assert '--launcher' in command
    assert '--launcher' not in compare_strides.row_command(
        Namespace(**{
            **vars(args), 'gpus': 1
        }), row, '', 0)


@pytest.mark.parametrize(('code', 'text', 'said'), [
    (1, 'Traceback\nValueError: so\n', 'ValueError: so'),
    (1, '', 'no output'),
    (-signal.SIGKILL, 'x', 'ended by SIGKILL'),
])
def test_reason_of_a_failure(tmp_path, code, text, said):
    log = tmp_path / 'log'
    log.write_text(text)
    assert compare_strides.reason(str(log), code) == said


def test_table_and_figure_of_nothing_yet(tmp_path):
    """COCO's -1 and what is not known are dashes."""
    metrics = {
        f'coco/{name}': -1.0 if 'L' in name else 0.5
        for name in ('AP', 'AP .5', 'AP .75', 'AP (M)', 'AP (L)', 'AR',
                     'AR .5', 'AR .75', 'AR (M)', 'AR (L)')
    }
    numbers = coco_metrics(metrics)
    assert numbers['AP'] == 50
    crowd = coco_metrics({'crowdpose/AP': 0.25, 'crowdpose/AP(M)': 0.3})
    assert (crowd['AP'], crowd['APM']) == (25, None)
    assert numbers['APL'] is None
    rows = [
        dict(method='AE', how='failed: a | b'),
        dict(method='POET', stride=32, how='trained here', **numbers)
    ]
    write_table(rows, tmp_path, 'title', ['note'], None)
    lines = (tmp_path / 'table.md').read_text().splitlines()
    assert lines[4].startswith('| - | AE | - | - |')
    assert lines[4].count('|') == lines[5].count('|')
    assert '| 50.0 | - |' in lines[5]
    draw_strides(rows, tmp_path / 'one.png', 'title')
    draw_strides([], tmp_path / 'none.png', 'title')
    assert (tmp_path / 'none.png').is_file()


def test_convergence_needs_a_curve(tmp_path):
    out = tmp_path / 'convergence.png'
    row = dict(method='AE', epochs=2, images_seen=10, minutes=1.0)
    end = dict(epoch=2, AP=5.0)
    assert not draw_convergence([dict(method='AE', how='waiting'),
                                 dict(row, curve=[end])], out, 'title')
    assert not out.exists()
    curve = [dict(epoch=1, AP=2.0), end]
    assert draw_convergence([dict(row, curve=curve)] * 2, out, 'title')
    assert out.is_file()


class FeatureMap(torch.nn.Module):
    """An estimator whose backbone is one convolution of stride 8."""

    def __init__(self, head):
        super().__init__()
        self.conv = torch.nn.Conv2d(3, 8, 8, stride=8)
        self.head = MODELS.build(head)

    def extract_feat(self, inputs):
        return (self.conv(inputs), )


def test_flops_equal_the_arithmetic():
    """Counted by hand for POET: attention included."""
    model = FeatureMap(tiny_head_cfg()).eval()
    tokens, queries, width, ffn = 64, 6, 16, 32
    square = width**2

    def attention(t, s):
        return 2 * t * square + 2 * s * square + 2 * t * s * width

    expected = tokens * 8 * 3 * 64 + tokens * 8 * width
    expected += 2 * (attention(tokens, tokens) + 2 * tokens * width * ffn)
    expected += 2 * (
        attention(queries, queries) + attention(queries, tokens) +
        2 * queries * width * ffn)
    # all layers' outputs go through the predictors
    expected += 2 * queries * (2 * square + width * (2 + 3 * 5) + width * 2)
    assert count_gflops(model, 64) * 1e9 == pytest.approx(expected)
    assert feature_stride(model, 64) == 8


def test_time_is_split_and_the_model_left_as_it_was(toy):
    from mmpose.registry import DATASETS
    cfg = Config.fromfile(ROOT / 'configs' / 'ae_r18_s16_toy.py')
    cfg.test_dataloader.dataset.data_root = str(toy)
    model = MODELS.build(cfg.model)
    before = set(vars(model)), set(vars(model.head))
    dataset = DATASETS.build(cfg.test_dataloader.dataset)
    cost = time_inference(model, dataset, 2)
    assert cost['network_ms'] > 0
    assert cost['post_ms'] > 0
    assert cost['input'] == 128
    assert (set(vars(model)), set(vars(model.head))) == before


def test_own_process_is_watched():
    from poet_mm.comparison.training import is_alive
    assert is_alive(os.getpid())
    child = subprocess.Popen(['true'])
    child.wait()
    assert not is_alive(child.pid)
