"""README and the pages of docs name what is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / 'README.md', *sorted((ROOT / 'docs').rglob('*.md'))]


def anchors(page):
    """The names of the headings in links."""
    return {
        re.sub(r'[^\w -]', '', line.lstrip('# ')).lower().replace(' ', '-')
        for line in re.sub(
            r'```.*?```', '', page.read_text(), flags=re.S
        ).split('\n')
        if line.startswith('#')
    }


@pytest.mark.parametrize('page', PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    links = re.findall(r'\]\((?!http)([^)#]*)#?([^)]*)\)', page.read_text())
    for link, anchor in links:
        target = page.parent / link if link else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), (link, anchor)


def test_readme_is_short():
    lines = (ROOT / 'README.md').read_text().splitlines()
    assert len(lines) <= 200
    assert max(len(line) for line in lines if line[:1] != '|') <= 100


@pytest.mark.parametrize('page', PAGES, ids=lambda page: page.name)
def test_tools_and_configs_exist(page):
    text = page.read_text()
    for name in re.findall(
        r'(?<![\w/])(?:tools|configs|examples)/[\w/.-]+\.(?:py|sh)', text
    ):
        assert (ROOT / name).is_file(), name
