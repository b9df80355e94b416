"""Metafiles, migration page and licence agree with configs and results."""

import json
import re
from pathlib import Path

import pytest
import yaml
from mmengine.config import Config

ROOT = Path(__file__).parent.parent
CONFIGS = sorted((ROOT / 'configs').glob('*.py'))
INDEX = yaml.safe_load((ROOT / 'model-index.yml').read_text())
METAFILES = [
    yaml.safe_load((ROOT / path).read_text()) for path in INDEX['Import']
]
MODELS = [
    model
    for file in METAFILES
    for model in file['Models']
    if 'Weights' not in model  # those are in tests/checkpoints/test_zoo.py
]
RESULTS = [
    (model['Name'], result)
    for model in MODELS
    for result in model.get('Results', [])
]
COLUMNS = {
    'AP': 'AP',
    'AP50': 'AP@0.5',
    'AP75': 'AP@0.75',
    'AR': 'AR',
    'AR50': 'AR@0.5',
}


def test_every_config_is_a_model_once():
    assert sorted(model['Config'] for model in MODELS) == [
        path.relative_to(ROOT).as_posix() for path in CONFIGS
    ]
    for model in MODELS:
        assert Path(model['Config']).stem == model['Name']
    collections = {
        one['Name']
        for file in METAFILES
        for one in file.get('Collections', [])
    }
    assert {model['In Collection'] for model in MODELS} == collections


@pytest.mark.parametrize('model', MODELS, ids=lambda model: model['Name'])
def test_backbone_is_that_of_the_config(model):
    backbone = Config.fromfile(ROOT / model['Config']).model.backbone.type
    named = model['Metadata']['Architecture'][1]
    assert backbone.startswith(named)


def rows_of(source, name):
    """Measured numbers, in the metafile's names, of a model in a source."""
    text = (ROOT / source).read_text()
    if source.endswith('.md'):  # a row of three numbers
        found = re.findall(
            r'\| (\d+\.\d) ' * 3 + r'\| (?:trained here|the same run)', text
        )
        return [
            {
                to: round(float(value) / 100, 3)
                for to, value in zip(COLUMNS.values(), row)
            }
            for row in found
        ]
    if source.endswith('table.json'):
        return [
            {to: round(row[of] / 100, 3) for of, to in COLUMNS.items()}
            for row in json.loads(text)['rows']
            if row.get('name') == name
        ]
    lines = [json.loads(line) for line in text.splitlines()]
    keys = {
        f'coco/{name.replace("@0.", " .")}': name for name in COLUMNS.values()
    }
    return [
        {to: round(line[of], 3) for of, to in keys.items()}
        for line in lines
        if 'coco/AP' in line
    ]


@pytest.mark.parametrize(
    ('name', 'result'),
    RESULTS,
    ids=[f'{name}-{result["Dataset"]}' for name, result in RESULTS],
)
def test_result_is_measured(name, result):
    assert result['How'] == 'trained here'
    assert result['Metrics'] in rows_of(result['Source'], name)


def config_keys(text):
    """`a.b.c` and `a.b.c=value` in backticks."""
    return re.findall(r'`([a-z_]+(?:\.\w+)+)(?:=[^`]*)?`', text)


# keys of arguments that the configs leave at their defaults
UNSET = {
    'model.backbone.dilations',
    'model.backbone.init_cfg.prefix',
    'model.backbone.strides',
    'randomness.seed',
    'test_dataloader.dataset.images',
    'test_evaluator.outfile_prefix',
    'train_dataloader.dataset.images',
    'val_dataloader.dataset.images',
}


def has_key(cfg, key):
    """Whether a config has `a.b.0.c`; FIELD stands for any field."""
    for name in key.replace('FIELD', 'keypoints').split('.'):
        try:
            cfg = cfg[int(name) if name.isdigit() else name]
        except (KeyError, IndexError):
            return False
    return True


@pytest.mark.parametrize('page', ['migration', 'paper_vs_code'])
def test_page_names_keys_and_files_that_exist(page):
    text = (ROOT / 'docs' / f'{page}.md').read_text()
    cfgs = [
        Config.fromfile(ROOT / 'configs' / f'{name}.py')
        for name in ('poet_r50_coco', 'poet_r50_release_coco')
    ]
    keys = {
        key
        for key in config_keys(text)
        if not key.endswith(('.py', '.md', '.txt', '.json'))
    }
    assert len(keys) > 10
    for key in keys - UNSET - {'PREFIX.keypoints.json'}:
        assert any(has_key(cfg, key) for cfg in cfgs), key
    for name in re.findall(r'`(?:configs/)?((?:poet|ae)_\w+\.py)`', text):
        assert (ROOT / 'configs' / name).is_file(), name
    for name in re.findall(r'tools/\w+\.(?:py|sh)', text):
        assert (ROOT / name).is_file(), name


# of main.py of the authors' release, commit 080d78c
RELEASE_FLAGS = """
backbone batch_size chkpt_save clip_max_norm coco_filter coco_path
ctrs_loss_coef dataset_file dec_layers deltas_loss_coef device dilation4
dilation5 dim_feedforward dist_url downsampling dropout enc_layers eos_coef
epochs eval fp16 freeze_backbone hidden_dim kpts_center kpts_class_loss_coef
kpts_loss_coef lr lr_backbone lr_drop macaquepose max_size mmpose_pre nheads
no_aux_loss num_queries num_workers output_dir overfit position_embedding
pre_norm resume resume_bb_only resume_model_only seed set_cost_class
set_cost_ctrs set_cost_deltas set_cost_kpts set_cost_kpts_class start_epoch
weight_decay world_size
"""


def test_migration_has_the_flags_of_the_release():
    """The left column of the tables has all of them and no other."""
    text = (ROOT / 'docs' / 'migration.md').read_text()
    left = re.findall(r'^\| (`--[^|]+)\|', text, re.MULTILINE)
    flags = re.findall(r'--(\w+)', ' '.join(left))
    assert sorted(set(flags)) == RELEASE_FLAGS.split()


def test_one_version_and_one_licence():
    version = re.search(
        "'(.+)'", (ROOT / 'poet_mm' / 'version.py').read_text()
    )[1]
    citation = yaml.safe_load((ROOT / 'CITATION.cff').read_text())
    assert citation['version'] == version
    assert citation['license'] == 'Apache-2.0'
    assert f'## {version}' in (ROOT / 'CHANGELOG.md').read_text()
    licence = (ROOT / 'LICENSE').read_text()
    assert 'Apache License' in licence
    assert 'Version 2.0' in licence
