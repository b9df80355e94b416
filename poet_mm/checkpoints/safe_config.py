"""Configs that came inside of a checkpoint, and so from whoever made it.

mmengine runs a config as Python, imports what its ``custom_imports`` name, and
calls what a ``type`` names, be it ``os.system``.
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
OF_JOINTS = ('', 'upper', 'lower')  # in a metainfo, where nothing is built


class NotPlain(ValueError):
    """What the text of a config has in it beside data, as a predicate."""


def check_config_of(checkpoint: str) -> None:
    """:func:`check_config_text` of the config that mmengine takes from a
    checkpoint.
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
    """See that a config is plain data, made of parts that are registered.

    Args:
        text (str): As mmengine writes it into checkpoints.
        checkpoint (str): Where it is from, in words.

    Raises:
        UserError: It is something else.
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
    """Return what a config assigns to names, read without running it.

    Raises:
        NotPlain: It is more than data.
    """
    if '{{' in text:  # mmengine puts other text there before it runs it
        raise NotPlain('has a {{ in it')
    try:
        return dict(map(_read_assignment, ast.parse(text).body))
    except NotPlain:
        raise
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise NotPlain(f'is no Python: {error}') from error


def _read_assignment(statement: ast.stmt) -> Tuple[str, Any]:
    """Return name and value."""
    if not isinstance(statement, ast.Assign):
        raise NotPlain(f'has a {type(statement).__name__} in it')
    name = getattr(statement.targets[0], 'id', None)
    if len(statement.targets) > 1 or name in (None, 'dict'):
        raise NotPlain(f'assigns {ast.unparse(statement.targets[0])}')
    return name, _read_value(statement.value)


def _read_value(node: ast.AST) -> Any:
    """Return a literal, or what a call of ``dict`` with literals gives."""
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.List):
        return list(map(_read_value, node.elts))
    if isinstance(node, ast.Tuple):
        return tuple(map(_read_value, node.elts))
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        value = _read_value(node.operand)
        if isinstance(value, (int, float)):
            return -value
    if isinstance(node, ast.Dict):
        return _read_items(zip(node.keys, node.values))
    if isinstance(node, ast.Call):
        if getattr(node.func, 'id', None) != 'dict' or node.args:
            raise NotPlain(f'calls {ast.unparse(node.func)}')
        return _read_items(
            (
                word.arg if word.arg is None else ast.Constant(word.arg),
                word.value,
            )
            for word in node.keywords
        )
    raise NotPlain(f'has a {type(node).__name__} in it')


def _read_items(items: Iterator[tuple]) -> dict:
    """Return a dict of keys and values, both nodes; ``**`` has no key."""
    data = {}
    for key, value in items:
        if key is None and isinstance(value, (ast.Dict, ast.Call)):
            data.update(_read_value(value))
        elif isinstance(key, ast.Constant):
            data[key.value] = _read_value(value)
        else:
            raise NotPlain('has keys that are not constant')
    return data


def _find_problems(data: Any) -> Iterator[str]:
    """Yield what in the data would run code."""
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
            yield from _check_imports(value)
        yield from _find_problems(value)


def _is_registered(name: Any) -> bool:
    """Whether a registry knows the name, maybe with its library before it;
    what it does not know, mmengine imports.
    """
    if not isinstance(name, str):
        return False
    scope, _, key = name.rpartition('.')
    roots = [
        *vars(mmengine.registry).values(),
        *vars(mmpose.registry).values(),
    ]  # codecs have no root
    registries = [
        registry
        for root in roots
        if isinstance(root, Registry)
        for registry in (root, *root.children.values())
        if scope in ('', registry.scope)
    ]
    if any(key in registry.module_dict for registry in registries):
        return True
    for registry in registries:  # that may not have been asked before
        registry.import_from_location()
    return name in OF_JOINTS or any(
        key in registry.module_dict for registry in registries
    )


def _check_imports(value: Any) -> Iterator[str]:
    wanted = value.get('imports') if isinstance(value, dict) else value
    wanted = wanted if isinstance(wanted, (list, tuple)) else [wanted]
    yield from (f'imports {name}' for name in wanted if name not in IMPORTS)
