#!/usr/bin/python3
"""Writes an OFA checkpoint with random weights of a true size, to try an export and measure a machine without weights.

    /usr/bin/python3 random_checkpoint.py large FILE.bin

Layout and names are those of HF and ModelScope. What such a checkpoint answers means nothing.
"""
import sys

import torch

from model import Score, Vision

WORDS = 59457
SHAPES = {
    'tiny': {'d': 256, 'inner': 1024, 'heads': 4, 'encoder': 4, 'decoder': 4, 'blocks': [3, 4, 6]},
    'base': {'d': 768, 'inner': 3072, 'heads': 12, 'encoder': 6, 'decoder': 6, 'blocks': [3, 4, 23]},
    'large': {'d': 1024, 'inner': 4096, 'heads': 16, 'encoder': 12, 'decoder': 12, 'blocks': [3, 8, 36]},
}


def state_of(shape):
    """Sizes as in SHAPES, with words → {HF name: tensor}. The embeddings share one tensor."""
    torch.manual_seed(1)
    vision, score = Vision(shape['blocks'], shape['d']), Score(shape, [0, 0, 0], 'none')
    state = {'encoder.' + k: v for k, v in vision.state_dict().items() if k != 'image_type'}
    state.update((k, v) for k, v in score.state_dict().items() if k not in ('answers', 'buckets', 'embed_tokens.weight'))
    for key in [k for k in state if k.endswith('attn.out_proj.weight')]:
        state[key.replace('out_proj.weight', 'c_attn')] = torch.rand(shape['heads']) + 0.5
    for name in ('encoder.embed_tokens', 'decoder.embed_tokens', 'decoder.output_projection'):
        state[name + '.weight'] = score.embed_tokens.weight.data.normal_(std=shape['d'] ** -0.5)
    # A decoder carries the image positions, too, and never uses them.
    for key in [k for k in state if 'image_rel_pos_table_list' in k or 'embed_image_positions' in k or 'image_pos_ln' in k]:
        state[key.replace('encoder', 'decoder')] = state[key].clone()
    for name in ('weight', 'bias'):
        state['decoder.code_layernorm_embedding.' + name] = torch.ones(shape['d'])   # of OFA's picture generation
    return state


def parameters(state):
    """How many there are: each shared tensor once, and no running statistics."""
    counted = {v.data_ptr(): v.numel() for k, v in state.items() if 'running_' not in k and 'num_batches' not in k}
    return sum(counted.values())


def main():
    if len(sys.argv) != 3 or sys.argv[1] not in SHAPES:
        raise SystemExit('usage: random_checkpoint.py %s FILE.bin' % '|'.join(SHAPES))
    state = state_of(dict(SHAPES[sys.argv[1]], words=WORDS))
    torch.save(state, sys.argv[2])
    print('wrote %s: %d parameters, all random' % (sys.argv[2], parameters(state)))


if __name__ == '__main__':
    main()
