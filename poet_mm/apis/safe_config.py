"""Configs that came inside of a checkpoint, and so from whoever made it.

mmengine runs a config as Python, imports what its ``custom_imports`` name, and
calls what a ``type`` names, be it ``os.system``.
"""
import ast
from typing import Iterator

from mmengine.runner import CheckpointLoader

from .launch import UserError

LIBRARIES = ('mmpose', 'mmdet', 'mmcv', 'mmengine', 'mmpretrain')
IMPORTS = ('poet_mm', 'mmpretrain', 'mmpretrain.models')
NODES = (ast.Module, ast.Assign, ast.Name, ast.Load, ast.Store, ast.Constant,
         ast.List, ast.Tuple, ast.Dict, ast.keyword, ast.UnaryOp, ast.USub)


def check_config_of(checkpoint: str) -> None:
    """:func:`check_config_text` of the config that mmengine takes from a
    checkpoint."""
    content = CheckpointLoader.load_checkpoint(checkpoint, map_location='cpu')
    runtime = content.get('message_hub', {}).get('runtime_info', {})
    text = runtime.get('cfg', content.get('meta', {}).get('cfg'))
    if text is None:
        raise UserError(f'There is no config inside of {checkpoint}: give the '
                        'one that it was trained with (--config).')
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
        tree = ast.parse(text)
    except SyntaxError as error:
        problem = f'is no Python: {error}'
    else:
        problem = next(_find_problems(tree), None)
    if problem:
        raise UserError(
            f'The config inside of {checkpoint} {problem}. Building a model '
            'from it could run any code: give the config that you trust '
            '(--config), or trust the checkpoint (--trust-pickle).')


def _find_problems(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = getattr(node.func, 'id', None)
            if name != 'dict' or node.args:
                yield f'calls {ast.unparse(node.func)}'
        elif not isinstance(node, NODES):
            yield f'has a {type(node).__name__} in it'
        for key, value in _items(node):
            if key == '_base_':
                yield 'is built on other files'
            if key in ('default_scope', '_scope_'):
                yield from _check_scope(value)
            if key == 'type':
                yield from _check_type(value)
            if key == 'custom_imports':
                yield from _check_imports(value)


def _items(node: ast.AST) -> Iterator[tuple]:
    """Keys and values of a ``dict(...)``, a ``{...}`` or an assignment."""
    if isinstance(node, ast.Call):
        yield from ((word.arg, word.value) for word in node.keywords)
    if isinstance(node, ast.Dict):
        for key, value in zip(node.keys, node.values):
            yield getattr(key, 'value', None), value
    if isinstance(node, ast.Assign):
        yield getattr(node.targets[0], 'id', None), node.value


def _check_type(node: ast.AST) -> Iterator[str]:
    """A registered name, maybe with its library."""
    name = getattr(node, 'value', None)
    scope = str(name).rpartition('.')[0]
    if not isinstance(name, str) or (scope and scope not in LIBRARIES):
        yield f'has the type {ast.unparse(node)}'


def _check_scope(node: ast.AST) -> Iterator[str]:
    if getattr(node, 'value', None) not in (None, *LIBRARIES):
        yield f'has the scope {ast.unparse(node)}'


def _check_imports(node: ast.AST) -> Iterator[str]:
    for part in ast.walk(node):
        if isinstance(part, ast.Constant) and isinstance(
                part.value, str) and part.value not in ('imports', *IMPORTS):
            yield f'imports {part.value}'
