"""Turns a float32 ONNX graph into one that computes in float16.

Weights and arithmetic become float16; what goes in and out of the graph stays float32, and so do the reductions of
LayerNormalization, whose squares would overflow.
"""
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

KEPT = {'LayerNormalization'}       # operators that go on in float32
LARGEST = 65504                     # of float16


def halve(model):
    """Changes the model in place."""
    graph = model.graph
    if any(a.HasField('g') or a.graphs for node in graph.node for a in node.attribute):
        raise SystemExit('a graph with branches or loops cannot be turned into float16 here')
    wide = {tensor.name: TensorProto.FromString(tensor.SerializeToString()) for tensor in kept_weights(graph)}
    for tensor in graph.initializer:
        if tensor.data_type == TensorProto.FLOAT:
            tensor.CopyFrom(half(tensor))
    for name, tensor in wide.items():
        tensor.name = name + '_wide'
        graph.initializer.append(tensor)
    for node in graph.node:
        halve_attributes(node)
    nodes, renamed = borders(graph)
    for node in graph.node:
        node.input[:] = [renamed.get(name, name) for name in node.input]
        nodes += around(node, wide) if node.op_type in KEPT else [node]
    nodes += ends(graph, nodes)
    del graph.node[:], graph.value_info[:]
    graph.node.extend(nodes)


def kept_weights(graph):
    """The weights that go into an operator of KEPT; equal ones are shared with others, so that each needs a copy."""
    names = {name for node in graph.node if node.op_type in KEPT for name in node.input}
    return [tensor for tensor in graph.initializer if tensor.name in names]


def half(tensor):
    values = numpy_helper.to_array(tensor)
    if np.abs(values).max(initial=0) > LARGEST:
        raise SystemExit('%s has a value beyond float16' % (tensor.name or 'a constant'))
    return numpy_helper.from_array(values.astype(np.float16), tensor.name)


def halve_attributes(node):
    for attribute in node.attribute:
        if attribute.type == onnx.AttributeProto.TENSOR and attribute.t.data_type == TensorProto.FLOAT:
            attribute.t.CopyFrom(half(attribute.t))
        if node.op_type == 'Cast' and attribute.name == 'to' and attribute.i == TensorProto.FLOAT:
            attribute.i = TensorProto.FLOAT16


def cast(source, target, kind):
    return helper.make_node('Cast', [source], [target], name=target + '_cast', to=kind)


def borders(graph):
    """Casts behind the float inputs → (nodes, {old name: new name})."""
    nodes, renamed = [], {}
    for value in graph.input:
        if value.type.tensor_type.elem_type == TensorProto.FLOAT:
            renamed[value.name] = value.name + '_half'
            nodes.append(cast(value.name, renamed[value.name], TensorProto.FLOAT16))
    return nodes, renamed


def around(node, wide):
    """The node with casts to float32 before it and one back behind it; weights that are kept need none."""
    before, target = [], node.output[0]
    for i, name in enumerate(node.input):
        if name in wide:
            node.input[i] = wide[name].name
            continue
        node.input[i] = '%s_wide_in%d' % (target, i)
        before.append(cast(name, node.input[i], TensorProto.FLOAT))
    node.output[0] = target + '_wide'
    return before + [node, cast(node.output[0], target, TensorProto.FLOAT16)]


def ends(graph, nodes):
    """Casts before the float outputs; renames what made them."""
    renamed = {v.name: v.name + '_half' for v in graph.output if v.type.tensor_type.elem_type == TensorProto.FLOAT}
    for node in nodes:
        node.input[:] = [renamed.get(name, name) for name in node.input]
        node.output[:] = [renamed.get(name, name) for name in node.output]
    return [cast(inner, name, TensorProto.FLOAT) for name, inner in renamed.items()]
