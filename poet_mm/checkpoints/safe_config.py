"""Check the config inside a checkpoint, without running it.

mmengine runs a config as Python, imports the modules of its
``custom_imports``, and calls whatever a ``type`` names, for example
``os.system``. So a config from a stranger could run any code.
"""

import ast
from typing import Any, Iterator, Tuple

import mmengine.registry
import mmpose.registry
from mmengine.registry import Registry
from mmengine.runner import CheckpointLoader

from ..errors import UserError

SCOPES = (None, 'mmpose', 'mmdet', 'mmcv', 'mmengine', 'mmpretrain')
IMPORTS = ('poet_mm', 'mmpretrain', 'mmpretrain.models')
KEYPOINT_TYPES = ('', 'upper', 'lower')  # types in a metainfo, not of objects


class NotPlain(ValueError):
    """The text of a config is more than data; the message is a predicate."""


def check_config_of(checkpoint: str) -> None:
    """Check the config that mmengine would take from a checkpoint file.

    Raises:
        UserError: There is none, or see :func:`check_config_text`.
    """
    content = CheckpointLoader.load_checkpoint(checkpoint, map_location='cpu')
    runtime = content.get('message_hub', {}).get('runtime_info', {})
    text = runtime.get('cfg', content.get('meta', {}).get('cfg'))
    if text is None:
        raise UserError(
            f'There is no config inside of {checkpoint}: give the '
            'one that it was trained with (--config).'
        )
    check_config_text(text, checkpoint)


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
    """Yield a predicate for every value that could run code."""
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
            yield from (f'imports {x}' for x in names if x not in IMPORTS)
        yield from _find_problems(value)


def _is_registered(name: Any) -> bool:
    """Return whether a registry has a class of this name.

    The name may begin with a library, as in ``'mmdet.L1Loss'``. mmengine would
    import any other name that has a dot.
    """
    if not isinstance(name, str):
        return False
    if name in KEYPOINT_TYPES:
        return True
    scope, _, key = name.rpartition('.')
    registries = [
        registry
        for module in (mmengine.registry, mmpose.registry)
        for root in vars(module).values()
        if isinstance(root, Registry)
        for registry in (root, *root.children.values())
        if scope in ('', registry.scope)
    ]
    if not any(key in registry.module_dict for registry in registries):
        for registry in registries:  # its modules may not be imported yet
            registry.import_from_location()
    return any(key in registry.module_dict for registry in registries)
