"""Check the config inside a checkpoint, without running it.

mmengine runs a config as Python, imports the modules of its
``custom_imports``, and calls whatever a ``type`` names, for example
``os.system``. So a config from a stranger could run any code.
"""

import ast
import os.path as osp
from typing import Any, Iterator, Tuple

import mmengine.registry
import mmpose.registry
from mmengine.registry import Registry
from mmengine.runner import CheckpointLoader

from ..errors import UserError
from ..stack import is_importable
from ..utils.config import CONFIGS

# not mmpretrain: its AutoModelForCausalLM can download and run code
SCOPES = (None, 'mmpose', 'mmdet', 'mmcv', 'mmengine')
REFUSED = (  # classes of mmdet and mmcv
    'BertModel',  # downloads from the Hugging Face hub
    'RandomSamplingNegPos',  # likewise
    'CameraMotionCompensation',  # evaluates an argument as Python
    'RFSearchHook',  # likewise
)
CONFIG_FILES = ('from_file', 'teacher_config', 'teacher_cfg', 'student_cfg')
DATASETS = [  # folders of metainfo files that are safe to run
    osp.join(folder, '_base_', 'datasets')
    for folder in (
        CONFIGS,
        osp.join(osp.dirname(mmpose.__file__), '.mim', 'configs'),
    )
]
# In a metainfo, 'type' is a part of the body, not a class.
KEYPOINT_TYPES = ('', 'upper', 'lower')


class NotPlain(ValueError):
    """Signal a config that is more than data.

    The message continues 'The config ...'.
    """


def check_config_of(checkpoint: str) -> str:
    """Check the config in a checkpoint file, and return its text.

    It is looked up as mmengine's Inferencer does: ``message_hub`` first, then
    ``meta``.

    Raises:
        UserError: There is none, or see :func:`check_config_text`.
    """
    content = CheckpointLoader.load_checkpoint(
        checkpoint, map_location='cpu', logger='silent'
    )
    try:
        try:
            text = content['message_hub']['runtime_info']['cfg']
        except KeyError:
            text = content['meta']['cfg']
    except (KeyError, TypeError) as error:  # absent, or no dict
        raise UserError(
            f'There is no config inside of {checkpoint}: give the '
            'one that it was trained with (--config).'
        ) from error
    check_config_text(text, checkpoint)
    return text


def check_config_text(text: str, checkpoint: str) -> None:
    """Check that a config is plain data and names registered parts only.

    Args:
        text (str): Config as mmengine writes it into checkpoints.
        checkpoint (str): Name of the checkpoint for the message.

    Raises:
        UserError: The config is anything else.
    """
    try:
        problem = next(_find_problems(read_plain(text)), None)
    except NotPlain as error:
        problem = str(error)
    if problem:
        raise UserError(
            f'The config inside of {checkpoint} {problem}. Building a model '
            'from it could run any code: give the config that you trust '
            '(--config), or trust the checkpoint (--trust-pickle).'
        )


def read_plain(text: str) -> dict:
    """Return the values that a config assigns to names, without running it.

    Raises:
        NotPlain: The config is more than literals and ``dict(...)``.
    """
    if not isinstance(text, str):
        raise NotPlain(f'is a {type(text).__name__}')
    if '{{' in text:  # mmengine replaces it by other text before running
        raise NotPlain('has a {{ in it')
    try:
        return dict(map(_read_assignment, ast.parse(text).body))
    except NotPlain:
        raise
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise NotPlain(f'is not valid Python: {error}') from error


def _read_assignment(statement: ast.stmt) -> Tuple[str, Any]:
    """Return name and value of a statement."""
    where = f'in line {statement.lineno}'
    if not isinstance(statement, ast.Assign):
        raise NotPlain(f'has a {type(statement).__name__} {where}')
    name = getattr(statement.targets[0], 'id', None)
    if len(statement.targets) > 1 or name in (None, 'dict'):
        raise NotPlain(f'assigns {ast.unparse(statement.targets[0])}')
    value = _DictCalls().visit(statement.value)
    try:
        return name, ast.literal_eval(value)
    except (ValueError, TypeError) as error:
        raise NotPlain(f'has more than literals {where}') from error


class _DictCalls(ast.NodeTransformer):
    """Replace ``dict(a=1)`` and ``dict({'a': 1})`` by ``{'a': 1}``.

    mmengine writes both, and ``ast.literal_eval`` reads neither.
    """

    def visit_Call(self, node: ast.Call) -> ast.AST:
        """Replace one call, or raise NotPlain."""
        if getattr(node.func, 'id', None) != 'dict':
            raise NotPlain(f'calls {ast.unparse(node.func)}')
        self.generic_visit(node)
        if [*map(type, node.args)] == [ast.Dict] and not node.keywords:
            return node.args[0]
        if node.args or any(word.arg is None for word in node.keywords):
            raise NotPlain('calls dict with more than names and literals')
        return ast.Dict(
            keys=[ast.Constant(word.arg) for word in node.keywords],
            values=[word.value for word in node.keywords],
        )


def _find_problems(data: Any) -> Iterator[str]:
    """Yield the end of the message for each value that could run code."""
    if isinstance(data, (list, tuple)):
        for item in data:
            yield from _find_problems(item)
    if not isinstance(data, dict):
        return
    for key, value in data.items():
        if key == '_base_':
            yield 'is built on other files'
        if key in ('default_scope', '_scope_') and value not in SCOPES:
            yield f'has the scope {value!r}'
        if key == 'type' and not _is_registered(value):
            yield f'has the type {value!r}'
        if key == 'custom_imports':
            names = value.get('imports') if isinstance(value, dict) else value
            names = names if isinstance(names, (list, tuple)) else [names]
            yield from (f'imports {x}' for x in names if x != 'poet_mm')
        if key in CONFIG_FILES and _is_foreign_file(value):
            yield f'reads the Python file {value} ({key})'
        yield from _find_problems(value)


def _is_foreign_file(path: Any) -> bool:
    """Return whether a path is a file other than our and MMPose's metainfo.

    A file that does not exist is allowed: MMPose then takes its own of that
    name.
    """
    if not isinstance(path, str) or not osp.isfile(osp.expanduser(path)):
        return False
    folder = osp.dirname(osp.realpath(osp.expanduser(path)))
    return folder not in map(osp.realpath, DATASETS)


def _is_registered(name: Any) -> bool:
    """Return whether a registry has a class of this name.

    The name may begin with a library, as in ``'mmdet.L1Loss'``. mmengine would
    import any other name as a module. It also imports a name of another
    registry than the one it builds from, so no module may have that name.
    """
    if not isinstance(name, str):
        return False
    if name in KEYPOINT_TYPES:
        return True
    scope, _, key = name.rpartition('.')
    if key in REFUSED or (not scope and is_importable(key)):
        return False
    registries = [
        registry
        for module in (mmengine.registry, mmpose.registry)
        for root in vars(module).values()
        if isinstance(root, Registry)
        for registry in (root, *root.children.values())
        if registry.scope in SCOPES and scope in ('', registry.scope)
    ]
    if not any(key in registry.module_dict for registry in registries):
        for registry in registries:  # its modules may not be imported yet
            registry.import_from_location()
    return any(key in registry.module_dict for registry in registries)
