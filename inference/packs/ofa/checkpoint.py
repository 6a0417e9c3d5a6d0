"""Reads an OFA checkpoint, in the layout of HF and ModelScope or of fairseq, into the modules of model.py."""
import json
import os
import pickle
import re

import torch

from model import Score, Vision

# Constants and unused weights that real checkpoints carry.
IGNORED = re.compile(r'(rp_bucket|image_position_idx|num_batches_tracked|version|code_layernorm_embedding\.(weight|bias))$')

# fairseq's names, by side, for what HF calls otherwise.
FAIRSEQ = {
    'encoder': [('attn_ln', 'self_attn_mid_layer_norm'), ('ffn_layernorm', 'ffn_layer_norm')],
    'decoder': [('cross_attn_ln', 'cross_attn_mid_layer_norm'), ('self_attn_ln', 'self_attn_mid_layer_norm'),
                ('encoder_attn_layer_norm', 'cross_attn_layer_norm'), ('encoder_attn', 'cross_attn'),
                ('ffn_layernorm', 'ffn_layer_norm')],
}


class Blank:
    """Stands for every object of a checkpoint that is no tensor; nothing of it is run."""
    def __init__(self, *_, **__):
        pass

    def __setstate__(self, state):
        pass


class Unpickler(pickle.Unpickler):
    """Builds tensors and plain containers only."""
    ALLOWED = {('collections', 'OrderedDict'), ('torch._utils', '_rebuild_tensor_v2'), ('torch._utils', '_rebuild_parameter')}

    def find_class(self, module, name):
        if (module, name) in self.ALLOWED or module == 'torch' and name.endswith('Storage'):
            return super().find_class(module, name)
        return Blank


class Restricted:
    """What torch.load needs of a pickle module."""
    Unpickler = Unpickler
    load = staticmethod(lambda file, **options: Unpickler(file, **options).load())


def load_restricted(path):
    """torch.load with our unpickler; torch 1.13's own torch.load ignores its argument pickle_module."""
    from torch import serialization
    with open(path, 'rb') as f:
        if not serialization._is_zipfile(f):
            return serialization._legacy_load(f, 'cpu', Restricted, encoding='utf-8')
        with serialization._open_zipfile_reader(f) as archive:
            if serialization._is_torchscript_zip(archive):
                raise SystemExit('%s is TorchScript, not a checkpoint' % path)
            return serialization._load(archive, 'cpu', Restricted, encoding='utf-8')


def read(folder):
    """Folder with pytorch_model.bin, or a fairseq .pt file → {name: tensor} in HF's names."""
    path = os.path.join(folder, 'pytorch_model.bin') if os.path.isdir(folder) else folder
    state = load_restricted(path)
    if isinstance(state.get('model'), dict):
        state = {rename(k): v for k, v in state['model'].items()}
    return {k: v.float() for k, v in state.items() if torch.is_tensor(v) and not IGNORED.search(k)}


def rename(key):
    side, _, rest = key.partition('.')
    for old, new in FAIRSEQ.get(side, []):
        replaced = re.sub(r'^(layers\.\d+\.)%s(?=\.)' % old, r'\g<1>' + new, rest)
        if replaced != rest:
            return side + '.' + replaced
    return key


def shape_of(state, heads):
    """Sizes, read off the tensors; the number of heads from the gates of the first layer."""
    count = lambda pattern: 1 + max(int(m.group(1)) for k in state if (m := re.match(pattern, k)))
    words, d = state['encoder.embed_tokens.weight'].shape
    return {
        'words': words, 'd': d, 'heads': heads or len(state['encoder.layers.0.self_attn.c_attn']),
        'inner': state['encoder.layers.0.fc1.weight'].shape[0],
        'encoder': count(r'encoder\.layers\.(\d+)\.'), 'decoder': count(r'decoder\.layers\.(\d+)\.'),
        'blocks': [count(r'encoder\.embed_images\.layer%d\.(\d+)\.' % i) for i in (1, 2, 3)],
    }


def fold(state, shape):
    """The q scale, 1 / √(2 · head size), into every projection of q, and c_attn into the projection behind it."""
    scale = (2 * shape['d'] // shape['heads']) ** -0.5
    size = shape['d'] // shape['heads']
    for key in list(state):
        if re.search(r'(q_proj|pos_q_linear)\.(weight|bias)$', key):
            state[key] = state[key] * scale
        elif key.endswith('.c_attn'):
            out = key[:-len('c_attn')] + 'out_proj.weight'
            state[out] = state[out] * state.pop(key).repeat_interleave(size)[None]


def check_config(folder):
    path = os.path.join(folder, 'config.json')
    config = json.load(open(path)) if os.path.isdir(folder) and os.path.exists(path) else {}
    for key, wanted in (('interpolate_position', False), ('entangle_position_embedding', False), ('share_attn_bias', False),
                        ('scale_embedding', False), ('image_bucket_size', 42), ('token_bucket_size', 256),
                        ('attn_scale_factor', 2.0), ('sync_bn', False), ('use_ofasys', False)):
        if config.get(key, wanted) != wanted:
            raise SystemExit('config.json: %s is %r; only %r can be exported' % (key, config[key], wanted))


def load(folder, answers, prompt):
    """Checkpoint → (vision, score, sizes). Names and shapes that do not fit are an error that lists them."""
    check_config(folder)
    state = read(folder)
    shape = shape_of(state, None)
    fold(state, shape)
    vision, score = Vision(shape['blocks'], shape['d']), Score(shape, answers, prompt)
    used = set()

    def take(module, own, key):
        if key not in state or state[key].shape != own.shape:
            raise SystemExit('%s: the checkpoint has %s; wanted %s' % (
                key, tuple(state[key].shape) if key in state else 'nothing', tuple(own.shape)))
        used.add(key)
        own.data.copy_(state[key])

    buffers = {'answers', 'buckets'}
    for name, own in vision.state_dict(keep_vars=True).items():
        if name == 'image_type':
            own.data.copy_(state['encoder.type_embedding.weight'][1])
        elif not name.endswith('num_batches_tracked'):
            take(vision, own, 'encoder.' + name)
    for name, own in score.state_dict(keep_vars=True).items():
        if name not in buffers:
            take(score, own, 'encoder.embed_tokens.weight' if name == 'embed_tokens.weight' else name)
    # The same matrix serves three places; the decoder holds image positions that it never uses.
    spare = {'decoder.embed_tokens.weight', 'decoder.output_projection.weight'}
    unused = re.compile(r'decoder\.(embed_image_positions|image_pos_ln|image_rel_pos_table_list\.\d+)\.')
    left = sorted(k for k in state if k not in used and k not in spare and not unused.match(k))
    if left:
        raise SystemExit('the checkpoint has weights that this exporter does not know: %s' % ', '.join(left[:10]))
    for key in spare & set(state):
        if not torch.equal(state[key], state['encoder.embed_tokens.weight']):
            raise SystemExit('%s differs from encoder.embed_tokens.weight; one matrix must serve both' % key)
    return vision.eval(), score.eval(), shape
