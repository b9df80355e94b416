"""The words of STYLE.md, by the hook in .pre-commit-config.yaml."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope='module')
def hook():
    config = yaml.safe_load((ROOT / '.pre-commit-config.yaml').read_text())
    hooks = [hook for repo in config['repos'] for hook in repo['hooks']]
    return next(hook for hook in hooks if hook['id'] == 'words')


def test_no_file_has_a_banned_word(hook):
    listed = subprocess.run(
        ['git', 'ls-files', '*.py', '*.sh', '*.md', '*.html'],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    names = [
        name
        for name in listed
        if re.search(hook['files'], name)
        and not re.search(hook['exclude'], name)
    ]
    assert len(names) > 300
    found = [
        f'{name}:{number}: {line}'
        for name in names
        for number, line in enumerate(
            (ROOT / name).read_text(encoding='utf-8').splitlines(), 1
        )
        if re.search(hook['entry'], line)
    ]
    assert not found, '\n'.join(found)


@pytest.mark.parametrize(
    ('line', 'banned'),
    [
        ('# so many people', True),
        ('Nobody', True),
        ('nobody_weight=0.4', False),
        ('no object', False),
    ],
)
def test_hook_knows_a_banned_word(hook, line, banned):
    assert bool(re.search(hook['entry'], line)) == banned
