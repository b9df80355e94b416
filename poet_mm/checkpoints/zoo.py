"""Find weights by name: download them once, convert them, keep them.

The zoo is ``configs/zoo.yml``, which describes its keys, or the file that the
environment variable ``POET_MM_ZOO`` names. Reading it needs no torch. Weights
with a URL are kept in ``${XDG_CACHE_HOME:-~/.cache}/poet_mm/models``, as a
file that :func:`~poet_mm.checkpoints.publish.publish` could have written. The
downloaded file is in a folder of the same name, and is removed after its
conversion.
"""

import difflib
import hashlib
import json
import os
import os.path as osp
import sys
from contextlib import contextmanager
from typing import Any, Dict, Iterator, List, Optional, Tuple

import yaml

from ..errors import DownloadFailed, MissingFile, UserError, WrongValue
from ..utils.config import CONFIGS, read_config
from ..utils.download import check_digest, download, read_url
from ..utils.files import write_whole

VARIABLE = 'POET_MM_ZOO'
NEEDED = ('Name', 'Config', 'Weights')
Entry = Dict[str, Any]


def zoo_file() -> str:
    """Return the path of the zoo."""
    default = osp.normpath(osp.join(CONFIGS, 'zoo.yml'))
    return os.environ.get(VARIABLE) or default


def read_zoo() -> Dict[str, Entry]:
    """Return the entries of the zoo by name.

    Raises:
        UserError: The file does not exist or is not a zoo.
    """
    path = zoo_file()
    try:
        with open(path, encoding='utf-8') as file:
            entries = yaml.safe_load(file)['Models']
        for entry in entries:
            if not all(isinstance(entry[key], str) for key in NEEDED):
                raise TypeError
            algorithm = str(entry.get('Hash', 'md5:')).partition(':')[0]
            if algorithm not in hashlib.algorithms_available:
                raise TypeError
        return {entry['Name']: entry for entry in entries}
    except OSError as error:
        raise MissingFile(
            f'There is no zoo {path} ({error.strerror}). Correct or unset '
            f'{VARIABLE}.'
        ) from error
    except (yaml.YAMLError, UnicodeError, KeyError, TypeError) as error:
        raise UserError(
            f'{path} is not a zoo: expected YAML with a list Models of '
            f'entries with {", ".join(NEEDED)} (a URL, or a file beside the '
            'zoo) and, if there is one, Hash (algorithm:digits). See '
            'configs/zoo.yml.'
        ) from error


def is_model(name: Any) -> bool:
    """Return whether a name is one of the zoo, and not a file."""
    if not isinstance(name, str) or osp.isfile(name):
        return False
    return osp.basename(name) == name and name in read_zoo()


def nearest(name: str, cutoff: float = 0.6) -> str:
    """Return the question after the nearest names of the zoo, or ''."""
    names = difflib.get_close_matches(name, read_zoo(), n=3, cutoff=cutoff)
    return f' Did you mean {" or ".join(names)}?' if names else ''


def find_entry(name: str) -> Entry:
    """Return the entry of a name.

    Raises:
        WrongValue: There is none. The message has the nearest names.
    """
    zoo = read_zoo()
    if name not in zoo:
        raise WrongValue(
            f'{name} is not a model of the zoo {zoo_file()}.{nearest(name, 0)}'
        )
    return zoo[name]


def default_model() -> str:
    """Return the name of the model that ``tools/infer.py`` uses.

    Raises:
        UserError: The zoo does not have exactly one.
    """
    names = [n for n, entry in read_zoo().items() if entry.get('Default')]
    if len(names) != 1:
        raise UserError(
            f'{zoo_file()} has {len(names)} models with `Default: true`, '
            'expected 1. Give one with --model.'
        )
    return names[0]


def shipped_path(entry: Entry) -> Optional[str]:
    """Return the path of weights that are beside the zoo, None for a URL."""
    if '://' in entry['Weights']:
        return None
    return osp.join(osp.dirname(zoo_file()), entry['Weights'])


def cache_paths(entry: Entry) -> Tuple[str, str]:
    """Return the paths of the downloaded file and of the one to use.

    Both have digits of the entry in their names, so that entries of the same
    name in other zoos do not meet.
    """
    cache = os.environ.get('XDG_CACHE_HOME') or osp.expanduser('~/.cache')
    keys = ('Config', 'Weights', 'Hash', 'Convert')
    text = json.dumps([entry.get(key) for key in keys])
    digits = hashlib.sha256(text.encode()).hexdigest()[:8]
    name = f'{entry["Name"]}-{digits}'
    folder = osp.join(cache, 'poet_mm', 'models', name)
    source = osp.join(folder, entry['Weights'].rpartition('/')[2])
    return source, f'{folder}.pth'


def fetch(name: str) -> str:
    """Return the checkpoint file of a model; download it at the first call.

    Several processes can call this at once: one of them downloads. A file
    beside the zoo is used where it is.

    Raises:
        UserError: The name is not in the zoo, the file does not arrive, is not
            there or cannot be converted, or the cache cannot be written.
    """
    entry = find_entry(name)
    shipped = shipped_path(entry)
    if shipped is not None:
        if not osp.isfile(shipped):
            raise MissingFile(
                f'There is no {shipped}, the weights of {name}. Restore the '
                'file, for example with git.'
            )
        return shipped
    source, target = cache_paths(entry)
    if osp.isfile(target):
        return target
    try:
        os.makedirs(osp.dirname(source), exist_ok=True)
        with _locked(osp.join(osp.dirname(source), '.lock')):
            if not osp.isfile(target):
                _provide(entry, source)
                if entry.get('Convert'):
                    write_whole(_convert(entry, source), target)
                    os.remove(source)
                else:
                    os.replace(source, target)
    except OSError as error:
        if isinstance(error, UserError):
            raise
        raise UserError(
            f'Cannot write to {osp.dirname(source)} ({error}). Make room or '
            'set XDG_CACHE_HOME to another folder.'
        ) from error
    return target


@contextmanager
def _locked(path: str) -> Iterator[None]:
    """Wait until no other process holds a lock file, and hold it."""
    import fcntl  # not on Windows

    with open(path, 'w') as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _provide(entry: Entry, path: str) -> None:
    """Download the file of an entry, or check the one that somebody put here.

    Raises:
        DownloadFailed: It does not arrive, or its hash is another one. The
            message says where to put it.
    """
    if osp.isfile(path):
        known = entry.get('Hash') or 'not known, so not compared'
        print(f'{path}: used as it is (hash: {known})', file=sys.stderr)
        check_digest(path, entry.get('Hash'), f'{path} (replace it)')
        return
    try:
        url, size, digest = _locate(entry)
        print(f'{entry["Name"]}: {url} -> {path}', file=sys.stderr)
        download(url, path, size, digest)
    except DownloadFailed as error:
        raise DownloadFailed(
            f'{error} Without a network, get {entry["Weights"]} elsewhere and '
            f'put it at {path}'
        ) from error


def _locate(entry: Entry) -> Tuple[str, Optional[int], Optional[str]]:
    """Return address, size in bytes and hash of the file of an entry.

    A Zenodo record has a file of the name in ``Weights``, or one checkpoint.

    Raises:
        DownloadFailed: The record cannot be read, or has no such file.
    """
    url, record = entry['Weights'], entry.get('Record')
    if not record:
        return url, None, entry.get('Hash')
    text = read_url(record)
    try:
        content = json.loads(text)
        files = {file['key']: file for file in content['files']}
        file = _choose(files, url.rpartition('/')[2])
        license_ = (content.get('metadata') or {}).get('license') or {}
        print(f'{record}: license {license_.get("id")}', file=sys.stderr)
        digest = entry.get('Hash') or file['checksum']
        return file['links']['self'], file['size'], digest
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DownloadFailed(
            f'{record} is not the JSON of a Zenodo record with the file of '
            f'{entry["Name"]}.'
        ) from error


def _choose(files: Dict[str, dict], name: str) -> dict:
    """Return the file of a name, or the only checkpoint."""
    checkpoints = [key for key in files if key.endswith(('.pth', '.pt'))]
    if name not in files and len(checkpoints) == 1:
        name = checkpoints[0]
    return files[name]


def _convert(entry: Entry, source: str) -> bytes:
    """Return the published file of a downloaded one."""
    import poet_mm

    poet_mm.register()
    from .convert import convert, largest_difference
    from .publish import published_bytes
    from .safe_load import safe_loading

    config = osp.join(osp.dirname(zoo_file()), entry['Config'])
    if not osp.isfile(config):  # of the repository or of the wheel
        config = _config_name(entry)
    with safe_loading():
        conversion = convert(entry['Convert'], source, read_config(config))
    if entry['Convert'] == 'poet':
        largest_difference(conversion)
    return published_bytes(conversion.checkpoint, source)


def table() -> List[Dict[str, Any]]:
    """Return a row for each model: what it is, and whether it is here."""
    rows = []
    for name, entry in read_zoo().items():
        about = entry.get('Metadata', {})
        row = dict(
            name=name,
            config=_config_name(entry),
            backbone=about.get('Architecture', [None])[-1],
            input=about.get('Input'),
        )
        if 'Epochs' in about:
            row['epochs x batch'] = (
                f'{about["Epochs"]} x {about["Batch Size"]}'
            )
        for how in ('published', 'measured here'):
            found = [
                r for r in entry.get('Results', ()) if r.get('How') == how
            ]
            row[f'AP ({how})'] = (
                round(100 * found[0]['Metrics']['AP'], 1) if found else None
            )
        times = about.get('inference time (ms/im)', [{}])
        row['ms'] = times[0].get('value')
        for key in ('Size', 'License', 'Source'):
            row[key.lower()] = entry.get(key)
        path = shipped_path(entry) or cache_paths(entry)[1]
        row['here'] = 'yes' if osp.isfile(path) else 'no'
        rows.append(row)
    return rows


def _config_name(entry: Entry) -> str:
    """Return the name of the config of an entry, without folder and .py."""
    return osp.splitext(osp.basename(entry['Config']))[0]
