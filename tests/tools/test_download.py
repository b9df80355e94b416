"""tools/download.py: the zoo in a table, and files in the cache."""

import sys
from pathlib import Path

import download
import pytest
from helpers import ROOT
from tabulate import tabulate

from poet_mm import cli
from poet_mm.checkpoints import zoo


@pytest.fixture
def run(monkeypatch, capsys):
    """Run the tool; return its exit code and what it said."""

    def run(*args):
        monkeypatch.setattr(sys, 'argv', ['download.py', *args])
        return cli.run(download.main, code=2), *capsys.readouterr()

    return run


def test_list_says_what_is_here(tiny_zoo, run):
    for here in ('no', 'yes'):
        code, out, _ = run()
        words = out.splitlines()[-1].split()
        assert (code, words[0], words[-1]) == (0, 'tiny', here)
        zoo.fetch('tiny')


def test_download_prints_the_file(tiny_zoo, run):
    code, out, err = run('tiny')
    assert code == 0
    assert Path(out.strip()).is_file()
    assert 'license cc-by-4.0' in err


def test_mistakes(tiny_zoo, run):
    code, _, err = run('tiny', 'tinny')
    assert (code, tiny_zoo.asked) == (2, [])
    assert 'tinny is not a model' in err
    tiny_zoo.status = 404
    code, _, err = run('tiny')
    assert code == 2
    assert 'HTTP 404' in err


def test_ctrl_c(tiny_zoo, run, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(zoo, 'download', stop)
    code, _, err = run('tiny')
    assert code == 130
    assert (
        err.splitlines()[-1] == 'download.py: stopped; the next call continues'
    )


@pytest.mark.parametrize('page', ['README.md', 'docs/inference.md'])
def test_table_of_page(page, monkeypatch):
    """It is the zoo; replace it by what is printed here."""
    monkeypatch.delenv('POET_MM_ZOO', raising=False)
    rows = zoo.table()
    for row in rows:
        del row['here']
    lines = tabulate(rows, headers='keys', tablefmt='github')
    print(lines)
    text = (ROOT / page).read_text()
    (table,) = text.split('<!-- zoo -->\n')[1:]
    assert table.split('\n<!-- /zoo -->')[0] == lines
