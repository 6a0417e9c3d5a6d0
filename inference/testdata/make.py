#!/usr/bin/python3
"""Makes the test data of this folder: Pillow's BICUBIC on formula pictures, and tiny graphs, good and bad.

Needs Debian's python3-pil, python3-numpy and python3-onnx."""
import hashlib
import json
import os

import numpy as np
import onnx
import PIL
from onnx import TensorProto, external_data_helper, helper
from PIL import Image


def formula(width, height, channels):
    """The picture that resize_test.go makes too."""
    y, x = np.mgrid[0:height, 0:width]
    planes = [(x * x * 3 + y * 7 + x * y) % 256, (x * 5 + y * y) % 251, ((x // 3 + y // 5) % 2) * 255]
    pixels = np.stack(planes[:channels], -1).astype(np.uint8)
    return Image.fromarray(pixels[:, :, 0] if channels == 1 else pixels)


def resizes():
    out = []
    for channels in (1, 3):
        for (w, h), (tw, th) in [((1, 1), (5, 3)), ((7, 5), (3, 2)), ((64, 48), (64, 17)), ((64, 48), (13, 48)),
                                 ((100, 75), (128, 96)), ((333, 251), (128, 96)), ((640, 31), (384, 19)), ((2, 900), (1, 384))]:
            data = formula(w, h, channels).resize((tw, th), Image.BICUBIC).tobytes()
            out.append({'channels': channels, 'from': [w, h], 'to': [tw, th], 'sha256': hashlib.sha256(data).hexdigest()})
    json.dump({'pillow': PIL.__version__, 'resizes': out}, open('resize.json', 'w'), indent=1)


def graph(name, nodes, inputs, outputs, constants=()):
    proto = helper.make_model(helper.make_graph(nodes, name, inputs, outputs, list(constants)),
                              opset_imports=[helper.make_opsetid('', 17)], ir_version=8)
    onnx.checker.check_model(proto)
    onnx.save(proto, name + '.onnx')


def f32(name, *shape):
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def i64(name, *shape):
    return helper.make_tensor_value_info(name, TensorProto.INT64, shape)


def constant(name, values, kind=TensorProto.FLOAT):
    values = np.asarray(values, helper.mapping.TENSOR_TYPE_TO_NP_TYPE[kind])
    return helper.make_tensor(name, kind, values.shape, values.tobytes(), raw=True)


def visions():
    """image_tokens[b, 0, 0] is the mean of the picture's values."""
    pixels = f32('pixel_values', 'B', 1, 8, 8)
    graph('vision', [helper.make_node('ReduceMean', ['pixel_values'], ['mean'], axes=[1, 2, 3], keepdims=0),
                     helper.make_node('Reshape', ['mean', 'shape'], ['image_tokens'])],
          [pixels], [f32('image_tokens', 'B', 1, 1)], [constant('shape', [-1, 1, 1], TensorProto.INT64)])
    graph('vision_flat', [helper.make_node('ReduceMean', ['pixel_values'], ['image_tokens'], axes=[1, 2, 3], keepdims=0)],
          [pixels], [f32('image_tokens', 'B')])
    graph('vision_nan', [helper.make_node('ReduceMean', ['pixel_values'], ['mean'], axes=[1, 2, 3], keepdims=0),
                         helper.make_node('Reshape', ['mean', 'shape'], ['flat']),
                         helper.make_node('Sub', ['flat', 'flat'], ['zero']),
                         helper.make_node('Div', ['zero', 'zero'], ['image_tokens'])],
          [pixels], [f32('image_tokens', 'B', 1, 1)], [constant('shape', [-1, 1, 1], TensorProto.INT64)])


def slow():
    """Counts to a thousand million before it answers: a run to be stopped."""
    body = helper.make_graph(
        [helper.make_node('Identity', ['go_on'], ['go_on_out']), helper.make_node('Add', ['v', 'step'], ['v_out'])], 'body',
        [i64('n'), helper.make_tensor_value_info('go_on', TensorProto.BOOL, []), f32('v', 'B')],
        [helper.make_tensor_value_info('go_on_out', TensorProto.BOOL, []), f32('v_out', 'B')], [constant('step', [1.0])])
    graph('vision_slow', [helper.make_node('ReduceMean', ['pixel_values'], ['mean'], axes=[1, 2, 3], keepdims=0),
                          helper.make_node('Loop', ['count', 'true', 'mean'], ['end'], body=body),
                          helper.make_node('Reshape', ['end', 'shape'], ['image_tokens'])],
          [f32('pixel_values', 'B', 1, 8, 8)], [f32('image_tokens', 'B', 1, 1)],
          [constant('count', 10**9, TensorProto.INT64), constant('true', True, TensorProto.BOOL),
           constant('shape', [-1, 1, 1], TensorProto.INT64)])


def external():
    """The score graph with its weights in a file of its own, as large models have them."""
    proto = onnx.load('score.onnx')
    os.makedirs('external', exist_ok=True)
    for tensor in proto.graph.initializer:
        if tensor.name == 'sides':
            external_data_helper.set_external_data(tensor, 'score.data')
    onnx.save(proto, 'external/score.onnx')


def scores():
    """logits = (−s, s, 0) with s = token · Σ ids: yes for bright pictures and positive ids."""
    inputs = [f32('image_tokens', 'M', 1, 1), i64('image_index', 'B'), i64('input_ids', 'B', 'L')]
    start = [helper.make_node('Gather', ['image_tokens', 'image_index'], ['own'], axis=0),
             helper.make_node('Reshape', ['own', 'column'], ['token']),
             helper.make_node('Cast', ['input_ids'], ['ids'], to=TensorProto.FLOAT),
             helper.make_node('ReduceSum', ['ids', 'one'], ['sum'], keepdims=1),
             helper.make_node('Mul', ['token', 'sum'], ['s'])]
    constants = [constant('column', [-1, 1], TensorProto.INT64), constant('one', [1], TensorProto.INT64),
                 constant('sides', [[-1.0, 1.0, 0.0]])]
    graph('score', start + [helper.make_node('Mul', ['s', 'sides'], ['logits'])], inputs, [f32('logits', 'B', 3)], constants)
    graph('score_two', start + [helper.make_node('Concat', ['s', 's'], ['logits'], axis=1)],
          inputs, [f32('logits', 'B', 2)], constants)
    graph('score_nan', start + [helper.make_node('Mul', ['s', 'sides'], ['scaled']),
                                helper.make_node('Log', ['scaled'], ['logits'])], inputs, [f32('logits', 'B', 3)], constants)


resizes()
visions()
scores()
slow()
external()
