#!/usr/bin/python3
"""Trains the built-in pack and writes it: networks, manifest, terms, goldens, card.

    /usr/bin/python3 train.py --data ../../../../shared/data --modules $(go env GOMODCACHE) --out ../builtin

Needs Debian's python3-torch, python3-onnx, python3-pil, python3-pydicom, and mricron-data for its head volume.
No network. Split by picture (by patient where the source names one); figures are of pictures that the
judging network never saw; the shipped network is trained on all pictures marked 'train'.
"""
import argparse
import os
import pickle
import sys
import time

import numpy as np
import torch

import export
import measure
from learn import synthetic, targets, train
from network import HEADS, Score
from pictures import read_list

HERE = os.path.dirname(os.path.abspath(__file__))


def arguments():
    p = argparse.ArgumentParser()
    p.add_argument('--data', required=True)
    p.add_argument('--modules', required=True, help="Go's module cache, for the test data of two modules that go.mod names")
    p.add_argument('--mricron', default='/usr/share/mricron/templates')
    p.add_argument('--out', required=True)
    p.add_argument('--seed', type=int, default=20261)
    p.add_argument('--epochs', type=int, default=120)
    p.add_argument('--folds', type=int, default=3)
    p.add_argument('--threads', type=int, default=2)
    p.add_argument('--keep', help='keep the trained networks in this file, and start from it when it is there')
    return p.parse_args()


def made(seed):
    rng = np.random.default_rng(seed)
    return synthetic(rng, 'phantom', 900) + synthetic(rng, 'ultrasound', 250) + synthetic(rng, 'stranger', 400)


def fold_of(rows, folds, seed):
    """Fold number of each row; rows of one group share it; made pictures and the volume are in every training set."""
    rng = np.random.default_rng(seed)
    groups = sorted({r['group'] for r in rows})
    number = dict(zip(groups, rng.permutation(len(groups)) % folds))
    return [number[r['group']] for r in rows]


def cross_validate(real, extra, args):
    """Networks by fold and, for each held-out picture, its features and logits."""
    fold = fold_of(real, args.folds, args.seed)
    held = []
    for k in range(args.folds):
        rows = [r for r, f in zip(real, fold) if f != k] + extra
        vision, heads = train(rows, args.seed + k, args.epochs)
        held.append((vision, heads, [r for r, f in zip(real, fold) if f == k], rows))
    return held


def main():
    args = arguments()
    torch.set_num_threads(args.threads)
    start = time.time()
    rows, missing = read_list(os.path.join(HERE, 'data.tsv'), {
        'pairs': os.path.join(args.data, 'pairs'), 'dicom': os.path.join(args.data, 'dicom'),
        'mricron': args.mricron,
        'suyashkumar': os.path.join(args.modules, 'github.com/suyashkumar/dicom@v1.1.0/testdata'),
        'grailbio': os.path.join(args.modules, 'github.com/grailbio/go-dicom@v0.0.0-20190117035129-c30d9eaca591/examples')})
    if missing:
        sys.exit('not found: %s' % ', '.join(missing))
    learnt = [r for r in rows if r['use'] == 'train']
    real = [r for r in learnt if not r['group'].startswith('mricron')]
    extra = [r for r in learnt if r['group'].startswith('mricron')] + made(args.seed)
    if args.keep and os.path.exists(args.keep):
        held, final = pickle.load(open(args.keep, 'rb'))
    else:
        held = cross_validate(real, extra, args)
        final = train(real + extra, args.seed + 100, args.epochs)
        if args.keep:
            pickle.dump((held, final), open(args.keep, 'wb'))
    figures = measure.study(held, final, real + extra, [r for r in rows if r['use'] == 'test'], args.seed)
    figures['minutes'] = (time.time() - start) / 60
    export.write(args.out, final, figures, args, rows)


if __name__ == '__main__':
    main()
