"""Lower the precision of an ONNX graph with onnxruntime's own converters."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Iterable, Tuple

import numpy as np

from ..errors import UserError
from .runtimes import INPUTS

if TYPE_CHECKING:
    from onnx import ModelProto


# Number of the first convolutions that stay fp32. In int8 they cost the
# shipped model a sixth of its AP (docs/export.md).
FIRST = 9


def to_fp16(graph: 'ModelProto') -> 'ModelProto':
    """Return a graph with fp16 weights and values, and fp32 outputs."""
    from onnxruntime.transformers.float16 import convert_float_to_float16

    return convert_float_to_float16(graph, keep_io_types=True)


def to_int8(
    graph: 'ModelProto', images: Iterable[Tuple[np.ndarray, ...]]
) -> 'ModelProto':
    """Return a graph whose convolutions compute in int8, but the first ones.

    The weights are quantised by channel, the values by the range that they
    have in the images. The transformer stays fp32: its matrix products in int8
    move scores and poses (docs/export.md).

    Args:
        graph (ModelProto): fp32.
        images (iterable[tuple]): Inputs of the graph, see :func:`pad_image`,
            to calibrate it with.
    """
    import onnx
    from onnxruntime import quantization

    inputs = (dict(zip(INPUTS, arrays)) for arrays in images)

    class Images(quantization.CalibrationDataReader):
        def get_next(self):
            return next(inputs, None)

    with TemporaryDirectory() as folder:
        source, path = (str(Path(folder) / name) for name in ('fp32', 'int8'))
        onnx.save(graph, source)
        quantization.quant_pre_process(
            source, source, skip_symbolic_shape=True
        )
        nodes = onnx.load(source).graph.node
        convolutions = [node.name for node in nodes if node.op_type == 'Conv']
        if len(convolutions) <= FIRST:
            raise UserError(
                f'The model has {len(convolutions)} convolutions, and int8 '
                f'leaves the first {FIRST} in fp32. Take --precision fp16.'
            )
        quantization.quantize_static(
            source,
            path,
            Images(),
            op_types_to_quantize=['Conv'],
            nodes_to_exclude=convolutions[:FIRST],
            per_channel=True,
            activation_type=quantization.QuantType.QUInt8,  # for x86
            weight_type=quantization.QuantType.QInt8,
        )
        return onnx.load(path)
