"""What each part of the training is good for: one fold trained again without it."""
import numpy as np
import torch

from learn import features, train
from measure import counts
from network import HEADS

MEASURED = ('modality', 'region', 'plane', 'sequence', 'mirror', 'opacity', 'effusion')


def variants(rows, index):
    """(what is left out, the copies that are learnt)."""
    named = lambda keep: np.array([i for i in index if keep(rows[i])])
    return [
        ('nothing', index),
        ('copies bent, cut, toned, worn, turned', named(lambda r: r['copy'] in ('shown', 'planted'))),
        ('packages and DICOM objects', named(lambda r: not r.get('file', '').startswith(('packages/', 'dicom/', 'grailbio/', 'suyashkumar/')))),
        ('pictures of the pairs', named(lambda r: not r.get('file', '').startswith('pairs/'))),
    ]


def accuracy(rows, maps, net, held):
    """Share of held-out copies right, by head."""
    vision, heads = net
    out = {}
    with torch.no_grad():
        logits = heads(features(vision, maps, held)[:, None])
    start = 0
    for head, classes in HEADS.items():
        may = np.stack([rows[i]['truth'][start:start + len(classes)] for i in held])
        start += len(classes)
        own = np.array([counts(head, rows[i]) for i in held]) & ~may.all(1)
        guess = logits[head].argmax(1).numpy()
        out[head] = float(may[np.arange(len(held)), guess][own].mean()) if own.any() else None
    return out


def study(rows, maps, fold, args):
    """Rows of the card's table: what was left out, and the accuracy of the heads of MEASURED on the first fold."""
    learnt, held = np.flatnonzero(fold != 0), np.flatnonzero(fold == 0)
    found = []
    for name, index in variants(rows, learnt):
        right = accuracy(rows, maps, train(rows, maps, index, args.seed, args.epochs), held)
        found.append([name] + [right[h] for h in MEASURED])
    return found
