"""Tools answer --help and mistakes before anything heavy is imported."""

import argparse
import importlib
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import analyze
import convert_checkpoint
import infer
import pytest

from poet_mm import cli
from poet_mm.analysis import calibration
from poet_mm.checkpoints import convert, safe_load
from poet_mm.datasets.inspection import check
from poet_mm.visualization import pose_visualizer

ROOT = Path(__file__).resolve().parents[2]
PAGES = (ROOT / 'README.md', *(ROOT / 'docs').rglob('*.md'))
parse_args = argparse.ArgumentParser.parse_args
HEAVY = ('torch', 'mmengine', 'mmcv', 'mmpose', 'mmdet', 'matplotlib')
# Tool: arguments that name missing files, message.
MISSING = dict(
    train=('none.py', 'none.py is neither a config file'),
    test=('none.py none.pth', 'none.py is neither a config file'),
    infer=(
        'x.jpg --weights none.pth --out out',
        'There is no checkpoint none.pth.',
    ),
    demo=('--weights none.pth', 'There is no checkpoint none.pth.'),
    download=('none', 'none is not a model of the zoo'),
    analyze=('layers none.py none.pth', 'none.py is neither a config file'),
    check_dataset=('none.json', 'There is no file none.json.'),
    compare_strides=('none.py', 'There is no comparison file none.py.'),
    convert_checkpoint=(
        'poet none.pth ours.pth',
        'There is no checkpoint none.pth.',
    ),
    export_onnx=(
        'none.py none.pth x.onnx',
        'none.py is neither a config file',
    ),
    estimate_sigmas=('none.json none.json', 'There is no file none.json.'),
    publish_model=('none.pth x.pth', 'There is no checkpoint none.pth.'),
    make_subset=('none out', 'there is no none/annotations'),
    make_toy_coco=('--out toy --size 31', 'size must be 32 or more, got'),
)
TOOLS = (*MISSING, 'benchmark', 'check_stack', 'gpu_check')


def run(tool, *args, folder=None):
    """Run a tool; return what it did, and the heavy modules it imported."""
    script = ROOT / 'tools' / f'{tool}.py'
    done = subprocess.run(
        [sys.executable, '-X', 'importtime', script, *args],
        capture_output=True,
        text=True,
        cwd=folder,
    )
    imported = re.findall(r'^import time: .*\| +(\S+)$', done.stderr, re.M)
    return done, set(HEAVY) & set(imported)


def stderr_of(done):
    """Lines on stderr without the times of imports."""
    lines = done.stderr.splitlines()
    return [line for line in lines if not line.startswith('import time:')]


def check_examples(text, command):
    """A help ends with two commands."""
    _, examples = text.split('\nExamples:\n')
    commands = examples.rstrip('\n').replace('\\\n', '').split('\n')
    assert len(commands) == 2
    for line in commands:
        assert re.match(rf'  python\S* tools/{re.escape(command)}', line)


@pytest.mark.slow
@pytest.mark.parametrize('tool', MISSING)
def test_missing_files_are_named_at_once(tool, tmp_path):
    args, message = MISSING[tool]
    done, heavy = run(tool, *args.split(), folder=tmp_path)
    assert (done.returncode, heavy) == (2, set())
    (line,) = stderr_of(done)
    assert line.startswith(f'{tool}.py: {message}')
    assert not [*tmp_path.iterdir()]


@pytest.mark.slow
@pytest.mark.parametrize('tool', sorted({*TOOLS} - {*MISSING}))
def test_mistyped_option(tool, tmp_path):
    done, heavy = run(tool, '--nonsense', folder=tmp_path)
    assert (done.returncode, heavy) == (2, set())
    assert stderr_of(done)[-1].startswith(f'{tool}.py')


class Captured(Exception):
    """Holds the parser of a tool."""


def parser_of(tool, monkeypatch):
    def capture(self, *_):
        raise Captured(self)

    monkeypatch.setattr(argparse.ArgumentParser, 'parse_args', capture)
    module = importlib.import_module(tool)
    function = getattr(module, 'parse_args', module.main)
    with pytest.raises(Captured) as captured:
        function(*([[]] if tool == 'make_toy_coco' else []))
    return captured.value.args[0]


def all_actions(parser):
    """Every argument of a parser and its subcommands, with its parser."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for sub in action.choices.values():
                yield from all_actions(sub)
        else:
            yield parser, action


@pytest.mark.parametrize('tool', TOOLS)
def test_every_argument_has_help_with_its_default(tool, monkeypatch):
    monkeypatch.setattr('sys.argv', [f'{tool}.py'])
    for parser, action in all_actions(parser_of(tool, monkeypatch)):
        if action.dest == 'help':
            check_examples(parser.format_help(), parser.prog)
        text = parser._get_formatter()._expand_help(action)
        assert text.strip(), action
        if action.option_strings and not action.required:
            assert 'default:' in text or action.dest == 'help', action


def commands_of_pages(tool):
    """Yield the arguments of a tool in each command of each page."""
    for page in PAGES:
        for block in re.findall(r'```bash\n(.*?)```', page.read_text(), re.S):
            for line in block.replace('\\\n', ' ').splitlines():
                _, script, args = line.partition(f'tools/{tool}.py ')
                if script:
                    yield page, shlex.split(args, comments=True)


@pytest.mark.parametrize('tool', TOOLS)
def test_commands_of_pages_parse(tool, monkeypatch):
    """Options, choices and numbers; files are placeholders."""
    monkeypatch.setattr('sys.argv', [f'{tool}.py'])
    parser = parser_of(tool, monkeypatch)
    monkeypatch.undo()  # subcommands parse, too
    assert tool != 'infer' or len([*commands_of_pages(tool)]) > 5
    for page, args in commands_of_pages(tool):
        try:
            parse_args(parser, args)
        except SystemExit:
            pytest.fail(f'{page.name}: {tool}.py {shlex.join(args)}')


def test_malformed_options():
    with pytest.raises(cli.UserError, match='--cfg-options got b'):
        cli.check_options(['a=1', 'b'])
    with pytest.raises(cli.UserError, match='--cfg-options'):
        cli.read_options(['a=[1,2'])


def test_options_are_those_of_mmengine():
    pairs = ['a.b=1', 'c=[1,(2,x)]', 'd=None', 'e=f=g', 'h="1,2"', 'i=True']
    assert cli.read_options(pairs) == {
        'a.b': 1,
        'c': [1, (2, 'x')],
        'd': None,
        'e': 'f=g',
        'h': [1, 2],
        'i': True,
    }


def test_parsers_repeat_constants_of_heavy_modules():
    """Their choices and defaults are those of the code that is run."""
    assert infer.PARTS == pose_visualizer.PARTS
    assert all(map(analyze.analysis_class, analyze.ANALYSES))
    assert {*convert_checkpoint.LAYOUTS, 'ours'} == {
        *convert.PROGRAMS,
        'to-release',
    }
    assert check.NUM_QUERIES == 25
    assert analyze.PRECISIONS == calibration.PRECISIONS
    parser = argparse.ArgumentParser()
    cli.add_trust_argument(parser)
    assert parser.parse_args([safe_load.FLAG]).trust_pickle


def test_papers_poet_of_the_quickstart():
    """The number of the script is that of the published table."""
    table = json.loads(
        (ROOT / 'docs' / 'results' / 'peers_toy' / 'table.json').read_text()
    )
    (row,) = (row for row in table['rows'] if row.get('name') == 'POET')
    script = (ROOT / 'tools' / 'quickstart.sh').read_text()
    assert f'has {row["AP"] / 100:.3f} after {row["epochs"]} ' in script


@pytest.mark.slow
def test_any_import_registers_in_other_programs():
    code = (
        'import poet_mm.errors; from mmpose.registry import MODELS; '
        'assert MODELS.get("POETHead")'
    )
    subprocess.run([sys.executable, '-c', code], check=True)


@pytest.mark.parametrize('tool', TOOLS)
def test_no_tool_imports_a_tool_or_a_test(tool):
    text = (ROOT / 'tools' / f'{tool}.py').read_text()
    names = re.findall(r'^ *(?:import|from) (\w+)', text, re.M)
    others = {*TOOLS, *(path.stem for path in (ROOT / 'tests').rglob('*.py'))}
    assert not {*names} & others
