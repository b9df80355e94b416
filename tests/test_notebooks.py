"""The notebooks run, on small settings, and are kept with their outputs."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from mmengine.config import Config

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / 'docs' / 'notebooks'
NAMES = ['photo', 'own_data', 'compare']
SMALL = dict(train_images=16, epochs=2)  # replaces the parameters
# In place of Jupyter: `!` lines run in bash, and nothing is displayed.
JUPYTER = """\
import subprocess

def Image(path):
    open(path).close()  # it is there

def bash(line):
    subprocess.run(['bash', '-eo', 'pipefail', '-c', line], check=True)
"""
SHELL = re.compile(r'^( *)!((?:.*\\\n)*.*)$', re.M)


def cells_of(name):
    return json.loads((FOLDER / f'{name}.ipynb').read_text())['cells']


def as_python(cells):
    """Return a program that does what the code cells do."""
    parts = [JUPYTER]
    for cell in cells:
        if cell['cell_type'] == 'code':
            source = ''.join(cell['source'])
            source = source.replace('from IPython.display import Image', '')
            parts.append(SHELL.sub(r'\1bash(rf"""\2""")', source))
            if 'parameters' in cell['metadata'].get('tags', []):
                parts.append(f'globals().update({SMALL})')
    return '\n\n'.join(parts)


@pytest.fixture
def folder(tmp_path):
    """A root of the repository in which a notebook may write."""
    for name in ('configs', 'tools'):
        (tmp_path / name).symlink_to(ROOT / name)
    here = tmp_path / 'docs' / 'notebooks'
    here.mkdir(parents=True)
    return here


@pytest.fixture
def zoo(model_files, tmp_path):
    """A zoo whose default model is tiny."""
    config, weights = model_files
    checkpoint = torch.load(weights)
    checkpoint['meta']['cfg'] = Config.fromfile(config).pretty_text
    torch.save(checkpoint, tmp_path / 'tiny.pth')
    entry = dict(Name='tiny', Config=config, Weights='tiny.pth', Default=True)
    path = tmp_path / 'zoo.yml'
    path.write_text(json.dumps(dict(Models=[entry])))
    return str(path)


@pytest.mark.slow
@pytest.mark.parametrize('name', NAMES)
def test_notebook_runs(name, folder, zoo):
    env = dict(
        os.environ,
        PATH=f'{Path(sys.executable).parent}:{os.environ["PATH"]}',
        PYTHONPATH=f'{ROOT}:{os.environ.get("PYTHONPATH", "")}',
        POET_MM_ZOO=zoo,
    )
    done = subprocess.run(
        [sys.executable, '-c', as_python(cells_of(name))],
        cwd=folder,
        env=env,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert [*(folder.parents[1] / 'work_dirs').rglob('*.jpg')]


@pytest.mark.parametrize('name', NAMES)
def test_notebook_is_whole(name):
    """It has run from top to bottom, and names no folder of its author."""
    path = FOLDER / f'{name}.ipynb'
    cells = cells_of(name)
    counts = [cell['execution_count'] for cell in cells if 'outputs' in cell]
    assert counts == [*range(1, len(counts) + 1)]
    outputs = [out for cell in cells for out in cell.get('outputs', [])]
    assert any('image/jpeg' in out.get('data', {}) for out in outputs)
    assert not any(out['output_type'] == 'error' for out in outputs)
    assert str(ROOT) not in path.read_text()
    assert path.stat().st_size < 500_000
    setups = [''.join(one[1]['source']) for one in map(cells_of, NAMES)]
    assert len({*setups}) == 1
