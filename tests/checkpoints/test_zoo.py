"""Weights by name, from a zoo whose server is on loopback."""

import hashlib
import io
import os
import re
import threading
from pathlib import Path

import pytest
import torch
import yaml
from helpers import ROOT
from loopback import write_zoo
from mmengine.config import Config
from random_release import assert_equal

from poet_mm.checkpoints import zoo
from poet_mm.checkpoints.convert import PROGRAMS, build_model
from poet_mm.checkpoints.files import read_checkpoint
from poet_mm.checkpoints.loading import load_weights, read_weights
from poet_mm.errors import DownloadFailed, MissingFile, UserError, WrongValue
from poet_mm.utils.config import find_config

SHIPPED = yaml.safe_load((ROOT / 'configs' / 'zoo.yml').read_text())['Models']


def add_entry(path, **changes):
    """Change the first entry of a zoo file; return it."""
    (entry,) = yaml.safe_load(Path(path).read_text())['Models']
    entry |= changes
    write_zoo(Path(path), {k: v for k, v in entry.items() if v is not None})
    return entry


@pytest.fixture
def zoo_path(tiny_zoo):
    return os.environ['POET_MM_ZOO']


def files():
    """Names of the files in the cache but locks, without digits of entries."""
    cache = Path(os.environ['XDG_CACHE_HOME']) / 'poet_mm' / 'models'
    return [
        re.sub('-[0-9a-f]{8}', '', path.relative_to(cache).as_posix())
        for path in cache.rglob('*')
        if path.is_file() and path.name != '.lock'
    ]


BY_NAME = dict(ids=lambda entry: entry['Name'])


@pytest.mark.parametrize('entry', SHIPPED, **BY_NAME)
def test_entries(entry):
    """They have what mim and we need, as their config says it."""
    find_config(Path(entry['Config']).stem)
    cfg = Config.fromfile(ROOT / entry['Config'])
    assert {'Size', 'Source', 'License', 'In Collection'} <= entry.keys()
    about = entry['Metadata']
    resize = cfg.test_dataloader.dataset.pipeline[1]
    assert about['Input'] == resize['max_size']
    assert about['Epochs'] == cfg.train_cfg.max_epochs
    assert about['Batch Size'] == cfg.auto_scale_lr.base_batch_size


@pytest.mark.parametrize(
    'entry', [e for e in SHIPPED if '://' in e['Weights']], **BY_NAME
)
def test_downloads(entry):
    """They are converted, and their hash is in the name."""
    assert entry['Convert'] in PROGRAMS
    assert re.fullmatch(r'https://[\w./-]+\.pth', entry['Weights'])
    assert ('Record' in entry) != ('Hash' in entry)
    if 'Hash' in entry:
        digits = re.search(r'-([0-9a-f]{8})_', entry['Weights'])[1]
        assert entry['Hash'] == f'sha256:{digits}'


@pytest.fixture
def shipped(monkeypatch):
    """The path of the default model, which is in the repository."""
    monkeypatch.delenv('POET_MM_ZOO', raising=False)
    return zoo.fetch(zoo.default_model())


def test_the_default_is_here(shipped):
    """Small, of plain data, named by its hash, without machine paths."""
    data = Path(shipped).read_bytes()
    assert len(data) <= 20e6
    assert hashlib.sha256(data).hexdigest()[:8] == Path(shipped).stem[-8:]
    checkpoint = torch.load(shipped, weights_only=True)
    assert {w.dtype for w in checkpoint['state_dict'].values()} == {
        torch.half,
        torch.long,  # num_batches_tracked
    }
    assert not re.search(r"""['"][/~]""", checkpoint['meta']['cfg'])


@pytest.mark.slow
def test_the_default_fits_its_config(shipped):
    """All weights, by the config of the zoo and by that of the file."""
    entry = zoo.find_entry(zoo.default_model())
    for cfg in (
        Config.fromfile(ROOT / entry['Config']),
        Config.fromstring(
            read_checkpoint(shipped)['meta']['cfg'], file_format='.py'
        ),
    ):
        cfg.model.backbone.init_cfg = None
        build_model(cfg).load_state_dict(read_weights(shipped))


def test_the_index_has_the_zoo():
    index = yaml.safe_load((ROOT / 'model-index.yml').read_text())
    assert 'configs/zoo.yml' in index['Import']


def test_release_becomes_a_published_file(tiny_zoo, conversion):
    """Plain data, the weights to the bit, asked for once."""
    path = zoo.fetch('tiny')
    assert files() == ['tiny.pth']
    checkpoint = torch.load(path, weights_only=True)
    assert_equal(checkpoint['state_dict'], conversion.checkpoint['state_dict'])
    assert 'num_queries=7' in checkpoint['meta']['cfg']
    assert checkpoint['meta']['source']['file'] == 'release.pth'
    asked = len(tiny_zoo.asked)
    assert zoo.fetch('tiny') == path
    assert len(tiny_zoo.asked) == asked


def test_checkpoints_are_found_by_name(tiny_zoo, conversion):
    """Everything that reads a checkpoint knows the names."""
    state = read_checkpoint('tiny')['state_dict']
    model = build_model(conversion.cfg)
    load_weights(model, 'tiny')
    assert torch.equal(
        model.head.class_embed.weight, state['head.class_embed.weight']
    )
    with pytest.raises(MissingFile, match=r'mean tiny\?'):
        read_checkpoint('tinny')


def test_a_file_of_the_name_goes_first(tiny_zoo, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save(dict(a=torch.ones(1)), 'tiny')
    assert list(read_checkpoint('tiny')) == ['a']
    assert tiny_zoo.asked == []


@pytest.mark.parametrize('config', ['ae_r18_s4_toy', 'ae_r18_s16_toy'])
def test_ae_of_mmpose(tiny_zoo, zoo_path, config):
    """With and without deconvolutions, to the bit."""
    cfg = Config.fromfile(ROOT / 'configs' / f'{config}.py')
    ours = build_model(cfg).state_dict()
    theirs = {
        re.sub('^head', 'keypoint_head', name): value
        for name, value in ours.items()
    }
    file = io.BytesIO()
    torch.save(dict(meta=dict(CLASSES=None), state_dict=theirs), file)
    tiny_zoo.files = {'ae.pth': file.getvalue()}
    add_entry(
        zoo_path,
        Config=f'configs/{config}.py',
        Weights=f'{tiny_zoo.url}/ae.pth',
        Record=None,
        Convert='mmpose-ae',
    )
    checkpoint = torch.load(zoo.fetch('tiny'), weights_only=True)
    assert_equal(checkpoint['state_dict'], ours)
    assert "type='AEHead'" in checkpoint['meta']['cfg']
    assert tiny_zoo.asked == [('/ae.pth', None)]


def test_own_files_need_no_conversion(tiny_zoo, zoo_path):
    """Then the download is the result, whatever is in it."""
    add_entry(zoo_path, Convert=None)
    path = Path(zoo.fetch('tiny'))
    assert path.read_bytes() == tiny_zoo.files['release.pth']
    assert files() == ['tiny.pth']


def test_a_file_beside_the_zoo(tiny_zoo, zoo_path, conversion, tmp_path):
    """It is used where it is, and nothing is downloaded."""
    shipped = Path(zoo_path).with_name('shipped.pth')
    torch.save(conversion.checkpoint, shipped)
    add_entry(zoo_path, Convert=None, Record=None, Weights='shipped.pth')
    assert Path(zoo.fetch('tiny')) == shipped
    assert read_checkpoint('tiny')['state_dict'].keys()
    assert [row['here'] for row in zoo.table()] == ['yes']
    shipped.unlink()
    with pytest.raises(
        MissingFile, match=r'shipped\.pth, the weights of tiny'
    ):
        zoo.fetch('tiny')
    assert files() == tiny_zoo.asked == []


def test_without_a_network(tiny_zoo, zoo_path, release_file, capsys):
    """The message says which file goes where; there it is used."""
    tiny_zoo.status = 503
    with pytest.raises(DownloadFailed, match='HTTP 503') as caught:
        zoo.fetch('tiny')
    assert files() == []
    url, path = re.search(
        r'get (\S+) elsewhere and put it at (\S+)', str(caught.value)
    ).groups()
    assert url == f'{tiny_zoo.url}/files/release.pth'
    Path(path).write_bytes(Path(release_file).read_bytes())
    zoo.fetch('tiny')
    assert 'not known' in capsys.readouterr().err
    assert files() == ['tiny.pth']


def test_file_put_there_is_compared(tiny_zoo, zoo_path):
    tiny_zoo.status = 503
    add_entry(zoo_path, Hash='sha256:0123')
    with pytest.raises(DownloadFailed) as caught:
        zoo.fetch('tiny')
    path = str(caught.value).split()[-1]
    Path(path).write_text('something else')
    with pytest.raises(DownloadFailed, match=f'{path} .*has .* expected 0123'):
        zoo.fetch('tiny')


@pytest.mark.parametrize(
    ('record', 'said'),
    [
        (dict(checksum='md5:00ff'), 'expected 00ff'),
        (dict(size=12), 'expected 12'),
        (dict(key='notes.txt'), 'not the JSON of a Zenodo record'),
        (dict(links={}), 'not the JSON of a Zenodo record'),
    ],
)
def test_wrong_record(tiny_zoo, record, said):
    tiny_zoo.record = record
    with pytest.raises(DownloadFailed, match=said):
        zoo.fetch('tiny')
    assert files() == []


def test_record_is_cut(tiny_zoo, zoo_path):
    add_entry(zoo_path, Record=f'{tiny_zoo.url}/release.pth')
    tiny_zoo.cuts = [9]
    with pytest.raises(DownloadFailed, match=r'release\.pth \(Incomplete'):
        zoo.fetch('tiny')


def test_record_is_a_page(tiny_zoo, zoo_path):
    add_entry(zoo_path, Record=f'{tiny_zoo.url}/release.pth')
    with pytest.raises(DownloadFailed, match=r'release\.pth is not the JSON'):
        zoo.fetch('tiny')


def test_record_with_another_name(tiny_zoo):
    """Its only checkpoint is meant; of two, none."""
    data = tiny_zoo.files.pop('release.pth')
    tiny_zoo.files |= {'README.md': b'', 'poet.pth': data, 'b.pth': data}
    with pytest.raises(DownloadFailed, match='not the JSON'):
        zoo.fetch('tiny')
    del tiny_zoo.files['b.pth']
    zoo.fetch('tiny')


class Evil:
    def __reduce__(self):
        return os.mkdir, (os.environ['XDG_CACHE_HOME'] + '/evil',)


def test_pickles_with_code_are_refused(tiny_zoo, tmp_path):
    file = io.BytesIO()
    torch.save(dict(model=dict(a=torch.ones(1)), args=Evil()), file)
    tiny_zoo.files['release.pth'] = file.getvalue()
    with pytest.raises(UserError, match=r'more than data: .*mkdir'):
        zoo.fetch('tiny')
    assert not (tmp_path / 'cache' / 'evil').exists()
    assert 'tiny.pth' not in files()


def test_second_process_waits(tiny_zoo, zoo_path):
    """And finds the file of the first."""
    add_entry(zoo_path, Convert=None)
    path = zoo.cache_paths(zoo.find_entry('tiny'))[0]
    os.makedirs(os.path.dirname(path))
    second = threading.Thread(target=zoo.fetch, args=['tiny'])
    with zoo._locked(f'{os.path.dirname(path)}/.lock'):
        second.start()
        second.join(0.2)
        assert second.is_alive()
        assert tiny_zoo.asked == []
        Path(path).write_text('of the first')
    second.join()
    assert files() == ['tiny.pth']
    assert tiny_zoo.asked == []


def test_full_disk(tiny_zoo, monkeypatch):
    def fail(*_):
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr(zoo, 'write_whole', fail)
    with pytest.raises(UserError, match=r'tiny-\w+ .*No space left'):
        zoo.fetch('tiny')
    assert files() == ['tiny/release.pth']


def test_cache_that_cannot_be(tiny_zoo, tmp_path, monkeypatch):
    (tmp_path / 'file').write_text('')
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'file'))
    with pytest.raises(UserError, match=r'file/poet_mm.*XDG_CACHE_HOME'):
        zoo.fetch('tiny')


def test_zoos_do_not_share_files(tiny_zoo, zoo_path):
    before = zoo.cache_paths(zoo.find_entry('tiny'))
    add_entry(zoo_path, Weights='https://elsewhere/release.pth')
    after = zoo.cache_paths(zoo.find_entry('tiny'))
    assert not {*before} & {*after}


def test_unknown_names(monkeypatch):
    monkeypatch.delenv('POET_MM_ZOO', raising=False)
    with pytest.raises(WrongValue, match='Did you mean poet-r50 or '):
        zoo.find_entry('poet_r50')
    assert not zoo.is_model('poet_r50')
    assert not zoo.is_model(None)


@pytest.mark.parametrize(
    ('text', 'said'),
    [
        (None, 'There is no zoo'),
        ('a: [', 'is not a zoo'),
        ('a: 1', 'is not a zoo'),
        ('Models: [{Name: a}]', 'is not a zoo'),
        ('Models: [{Name: a, Config: b, Weights: 1}]', 'is not a zoo'),
        (
            "Models: [{Name: a, Config: b, Weights: 'http://c', Hash: 12}]",
            'is not a zoo',
        ),
        ('Models: []', '0 models with'),
    ],
)
def test_wrong_zoo_files(tmp_path, monkeypatch, text, said):
    path = tmp_path / 'zoo.yml'
    monkeypatch.setenv('POET_MM_ZOO', str(path))
    if text is not None:
        path.write_text(text)
    with pytest.raises(UserError, match=rf'{path}.*|{said}') as caught:
        zoo.default_model()
    assert said in str(caught.value)
