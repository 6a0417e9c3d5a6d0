"""What each part of the training is good for: one fold trained again without it."""
import numpy as np
import torch

from learn import features
from measure import counts, heads_of
from network import HEADS

MEASURED = ('modality', 'region', 'plane', 'sequence', 'mirror', 'effusion')


def variants(rows, index):
    """(what is left out, the copies that are learnt)."""
    named = lambda keep: np.array([i for i in index if keep(rows[i])])
    return [
        ('nothing', index),
        ('copies bent, cut, toned, worn, turned', named(lambda r: r['copy'] in ('shown', 'planted'))),
        ('packages and DICOM objects', named(lambda r: r.get('file', 'pairs/').startswith('pairs/'))),
        ('pictures of the pairs', named(lambda r: not r.get('file', '').startswith('pairs/'))),
    ]


def accuracy(copies, networks, held):
    """Share of held-out copies right, by head of MEASURED."""
    with torch.no_grad():
        logits = heads_of(networks)(features(networks, copies, held)[:, None])
    out, start = {}, 0
    for head, classes in HEADS.items():
        may = np.stack([copies.rows[i]['truth'][start:start + len(classes)] for i in held])
        start += len(classes)
        own = np.array([counts(head, copies.rows[i]) for i in held]) & ~may.all(1)
        guess = logits[head].argmax(1).numpy()
        out[head] = float(may[np.arange(len(held)), guess][own].mean()) if own.any() else None
    return [out[head] for head in MEASURED]
