#!/usr/bin/python3
"""Writes a transformer encoder of 50 M parameters with a head of three classes and random weights, opset 17.

    /usr/bin/python3 make_onnx.py OUT.onnx        ids i64[B,S] → logits f32[B,3]
"""
import sys

import numpy as np
from onnx import TensorProto, checker, helper, numpy_helper, save

LAYERS, WIDTH, INNER, HEADS, WORDS, LONGEST = 12, 512, 2048, 8, 24000, 512
rng = np.random.default_rng(0)
constants, nodes = [], []


def constant(name, value, kind=np.int64):
    constants.append(numpy_helper.from_array(np.asarray(value, kind), name))
    return name


def weight(name, *shape, scale=None):
    values = rng.standard_normal(shape, dtype=np.float32) * np.float32(scale or 1 / np.sqrt(shape[0]))
    return constant(name, values, np.float32)


def op(kind, inputs, output, **attributes):
    nodes.append(helper.make_node(kind, inputs, [output], **attributes))
    return output


def norm(x, name):
    gain, bias = constant(name + '.g', np.ones(WIDTH), np.float32), constant(name + '.b', np.zeros(WIDTH), np.float32)
    return op('LayerNormalization', [x, gain, bias], name, axis=-1, epsilon=1e-5)


def linear(x, name, n, m):
    product = op('MatMul', [x, weight(name + '.w', n, m)], name + '.product')
    return op('Add', [product, weight(name + '.bias', m, scale=.01)], name)


def attention(x, name):
    def heads(part, order):
        split = op('Reshape', [linear(x, name + part, WIDTH, WIDTH), 'split'], name + part + '.split')
        return op('Transpose', [split], name + part + '.heads', perm=order)
    q, k, v = heads('.q', [0, 2, 1, 3]), heads('.k', [0, 2, 3, 1]), heads('.v', [0, 2, 1, 3])
    scores = op('Mul', [op('MatMul', [q, k], name + '.qk'), 'scale'], name + '.scores')
    mixed = op('MatMul', [op('Softmax', [scores], name + '.softmax', axis=-1), v], name + '.mixed')
    joined = op('Reshape', [op('Transpose', [mixed], name + '.back', perm=[0, 2, 1, 3]), 'join'], name + '.joined')
    return linear(joined, name + '.o', WIDTH, WIDTH)


def gelu(x, name):
    erf = op('Erf', [op('Div', [x, 'root2'], name + '.d')], name + '.e')
    return op('Mul', [op('Mul', [x, 'half'], name + '.h'), op('Add', [erf, 'one'], name + '.a')], name)


constant('split', [0, 0, HEADS, WIDTH // HEADS])
constant('join', [0, 0, WIDTH])
for name, value in ('scale', 1 / np.sqrt(WIDTH // HEADS)), ('half', .5), ('one', 1), ('root2', np.sqrt(2)):
    constant(name, value, np.float32)
for name, value in ('first', 0), ('second', 1), ('third', 2):
    constant(name, [value])
op('Slice', [op('Shape', ['ids'], 'shape'), 'second', 'third'], 'length')
positions = op('Slice', [weight('positions', LONGEST, WIDTH, scale=.02), 'first', 'length', 'first'], 'used')
x = op('Add', [op('Gather', [weight('words', WORDS, WIDTH, scale=.02), 'ids'], 'embedded'), positions], 'start')
for i in range(LAYERS):
    x = op('Add', [x, attention(norm(x, f'{i}.n1'), f'{i}.attention')], f'{i}.r1')
    inner = gelu(linear(norm(x, f'{i}.n2'), f'{i}.f1', WIDTH, INNER), f'{i}.gelu')
    x = op('Add', [x, linear(inner, f'{i}.f2', INNER, WIDTH)], f'{i}.r2')
pooled = op('ReduceMean', [norm(x, 'last')], 'pooled', axes=[1], keepdims=0)
op('Identity', [linear(pooled, 'head', WIDTH, 3)], 'logits')

graph = helper.make_graph(nodes, 'encoder', [helper.make_tensor_value_info('ids', TensorProto.INT64, ['B', 'S'])],
                          [helper.make_tensor_value_info('logits', TensorProto.FLOAT, ['B', 3])], constants)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 17)], ir_version=8)
checker.check_model(model)
save(model, sys.argv[1])
