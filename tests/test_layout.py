"""A newcomer finds the test of every file: under its name, or listed here."""

import re

from helpers import ROOT

# Files that are tested through another's, by the test file that does it.
TESTED_IN = {
    'analysis/result.py': 'tools/test_analyze.py',
    'checkpoints/release_model.py': 'checkpoints/test_convert.py',
    'checkpoints/safe_globals.py': 'checkpoints/test_safe_pickle.py',
    'comparison/row.py': 'tools/test_compare_strides.py',
    'datasets/inspection/plots.py': 'tools/test_check_dataset.py',
    'engine/hooks/incident.py': 'engine/hooks/test_non_finite.py',
    'engine/hooks/utils.py': 'engine/hooks/test_validation_loss.py',
    'evaluation/coco_arrays.py': 'evaluation/test_fast_coco_metric.py',
    'models/layers/precision.py': 'models/layers/test_decoding.py',
    'visualization/skeletons.py': 'tools/test_analyze.py',
    'visualization/strokes.py': 'visualization/test_pose_visualizer.py',
}
NOTHING_TO_TEST = {'version.py', 'engine/hooks/out_of_memory.py'}


def test_every_file_has_its_test():
    package, tests = ROOT / 'poet_mm', ROOT / 'tests'
    without = {
        path.relative_to(package).as_posix()
        for path in package.rglob('*.py')
        if path.name != '__init__.py'
        and not [
            *(tests / path.parent.relative_to(package)).glob(
                f'test_{path.stem}*.py'
            )
        ]
    }
    drawn = {name for name in without if name.startswith('analysis/plots/')}
    assert without - drawn == TESTED_IN.keys() | NOTHING_TO_TEST
    for name in (*TESTED_IN.values(), 'tools/test_analyze.py'):
        assert (tests / name).is_file(), name


def test_house():
    """There are few packages, and no other one imports ``apis``."""
    package = ROOT / 'poet_mm'
    parts = [path for path in package.iterdir() if path.name != '__pycache__']
    assert len(parts) <= 18
    for path in package.rglob('*.py'):
        if path.parent.name != 'apis':
            assert 'apis import' not in path.read_text(), path


def test_private_apis_are_listed():
    listed = re.findall(
        r'^\| `([\w/]+\.py)`', (ROOT / 'CONTRIBUTING.md').read_text(), re.M
    )
    package = ROOT / 'poet_mm'
    assert sorted(listed) == sorted(
        path.relative_to(package).as_posix()
        for path in package.rglob('*.py')
        if 'Private API (' in path.read_text()
    )
