"""Downloads against a server on loopback that misbehaves."""

import hashlib
import socket
from urllib.request import install_opener

import pytest
from loopback import serve

from poet_mm.errors import DownloadFailed
from poet_mm.utils import download as module
from poet_mm.utils.download import check_digest, download

DATA = bytes(range(256)) * 20
MD5 = f'md5:{hashlib.md5(DATA).hexdigest()}'


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    """No waiting, small chunks, no proxy of the machine."""
    monkeypatch.setattr(module.time, 'sleep', lambda seconds: None)
    monkeypatch.setattr(module, 'CHUNK', 500)
    for name in ('http_proxy', 'https_proxy', 'all_proxy', 'no_proxy'):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    install_opener(None)  # or it keeps the proxies of its first use


@pytest.fixture
def server():
    with serve({'a.pth': DATA}) as server:
        yield server


@pytest.fixture
def get(server, tmp_path):
    """Download the file; return the path, and check what is left."""

    def get(path='/a.pth', url=None, **expected):
        target = tmp_path / 'a.pth'
        expected = dict(size=len(DATA), digest=MD5) | expected
        download(url or server.url + path, str(target), **expected)
        assert target.read_bytes() == DATA
        assert [*tmp_path.iterdir()] == [target]

    return get


def ranges(server):
    return [asked for _, asked in server.asked]


def test_whole_file(server, get):
    get()
    assert ranges(server) == [None]


def test_redirect_keeps_the_range(server, get, tmp_path):
    (tmp_path / 'a.pth.partial').write_bytes(DATA[:7])
    get('/api/records/7/files/a.pth/content')
    assert server.asked[1] == ('/blobs/a.pth', 'bytes=7-')


def test_cut_connections_are_resumed(server, get):
    """More often in all than it retries without progress."""
    server.cuts = [0, 600, 0, 0, 500, 0, 1, 0, 0, 0]
    with pytest.raises(DownloadFailed, match='0 of 5120 bytes'):
        get()
    get()
    starts = [f'bytes={n}-' for n in (600, 600, 600, 1100, 1100)]
    assert ranges(server)[:2] == [None, None]
    assert ranges(server)[2:7] == starts


def test_retries_end(server, get):
    server.cuts = [10] + [0] * module.RETRIES
    with pytest.raises(DownloadFailed, match='10 of 5120 bytes'):
        get()
    assert len(server.asked) == 1 + module.RETRIES
    get()
    assert ranges(server)[-1] == 'bytes=10-'


def test_server_without_range_starts_again(server, get):
    server.ranges, server.cuts = False, [700, 800]
    get()
    assert ranges(server) == [None, 'bytes=700-', 'bytes=800-']


@pytest.mark.parametrize('left', [DATA, DATA + b'more', b'x' * 99])
def test_partial_file_of_an_earlier_call(server, get, tmp_path, left):
    """Whole, too long or of something else: the result is right."""
    (tmp_path / 'a.pth.partial').write_bytes(left)
    get()
    assert len(server.asked) == (1 if left == DATA else 2)


@pytest.mark.parametrize(
    ('wrong', 'said'),
    [
        (dict(size=99), '5120 bytes, expected 99'),
        (dict(digest='md5:0123'), f'{MD5[4:]}, expected 0123'),
        (dict(digest='sha256:abc'), 'sha256 [0-9a-f]{64}, expected abc'),
    ],
)
def test_wrong_files_are_removed(server, get, tmp_path, wrong, said):
    with pytest.raises(DownloadFailed, match=said):
        get(**wrong)
    assert [*tmp_path.iterdir()] == []
    get()


@pytest.mark.parametrize('status', [403, 404, 500, 503])
def test_errors_of_the_server(server, get, tmp_path, status):
    server.status = status
    with pytest.raises(DownloadFailed, match=f'a.pth .HTTP {status} '):
        get()
    assert (len(server.asked), [*tmp_path.iterdir()]) == (1, [])


def test_no_network(get, tmp_path):
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        closed = f'http://127.0.0.1:{free.getsockname()[1]}/a.pth'
    with pytest.raises(DownloadFailed, match=rf'{closed} \(.*refused'):
        get(url=closed)
    with pytest.raises(DownloadFailed, match=r'no\.invalid/a \(.*\)'):
        get(url='http://no.invalid/a')
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize('status', [407, 502])
@pytest.mark.parametrize('scheme', ['http', 'https'])
def test_proxy(server, get, monkeypatch, scheme, status):
    """Its error is that of the proxy; the password is not printed."""
    server.status = status
    place = server.url.removeprefix('http://')
    monkeypatch.setenv(f'{scheme}_proxy', f'http://me:secret@{place}')
    with pytest.raises(DownloadFailed, match=f'[P:] {status} ') as caught:
        get(url=f'{scheme}://example.org/a.pth')
    assert f'proxy {place}' in str(caught.value)
    assert 'secret' not in str(caught.value)


def test_full_disk(server, get, tmp_path, monkeypatch):
    """The part that was written is removed, and makes room."""
    real_open = open

    def full(path, mode, *args):
        file = real_open(path, mode, *args)
        if 'b' in mode and ('a' in mode or 'w' in mode):
            file.write = fail
        return file

    def fail(data):
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr(module, 'open', full, raising=False)
    (tmp_path / 'a.pth.partial').write_bytes(DATA[:7])
    with pytest.raises(OSError, match='No space'):
        get()
    assert [*tmp_path.iterdir()] == []


def test_hash_of_a_file(tmp_path):
    path = tmp_path / 'x'
    path.write_bytes(DATA)
    check_digest(str(path), None, 'x')
    sha = hashlib.sha256(DATA).hexdigest()
    check_digest(str(path), f'sha256:{sha[:8].upper()}', 'x')
    with pytest.raises(DownloadFailed, match=f'y has the sha256 {sha}'):
        check_digest(str(path), f'sha256:{sha[:8][::-1]}', 'y')
