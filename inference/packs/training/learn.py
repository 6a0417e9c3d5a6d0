"""Sampling, augmentation and the training of one network."""
import math

import numpy as np
import torch
import torch.nn.functional as F

import phantoms
from network import HEADS, Heads, Vision
from pictures import SIZE, normalise, prepare


def times(row):
    """How often a picture comes in an epoch: rare kinds more often."""
    if row['group'].startswith('dicom'):
        return 4
    scarce = row['sequence'] in ('t1', 'dwi') or (row['modality'], row['region']) == ('ct', 'head')
    return 3 if scarce else 1


def targets(row):
    """Class numbers by head, -1 where the truth is not known."""
    names = {h: row.get(h, '?') for h in HEADS}
    if row['modality'] in ('xr', 'ct', 'mr', 'us', 'other'):
        names.update(lesion='none', side='none', height='none')
    return [HEADS[h].index(names[h]) if names[h] in HEADS[h] else -1 for h in HEADS]


def synthetic(rng, maker, count):
    """Rows of made pictures."""
    rows = []
    for _ in range(count):
        row = dict(region='other', plane='other', view='none', sequence='none', made=True)
        if maker == 'phantom':
            picture, lesion, side, height = phantoms.phantom(rng)
            row.update(modality='phantom', lesion=lesion, side=side, height=height)
        elif maker == 'ultrasound':
            picture = phantoms.ultrasound(rng)
            row.update(modality='us', region='?', plane='?')
        else:
            picture = phantoms.stranger(rng)
            row.update(modality='other')
        rows.append(dict(row, pixels=prepare(picture), group='made:%s' % maker))
    return rows


class Batches:
    """An epoch: every real picture (rare ones more often), a share of the slices and of the made pictures."""
    def __init__(self, rows, rng):
        self.rows, self.rng = rows, rng
        self.images = torch.from_numpy(np.stack([normalise(r['pixels']) for r in rows]))
        self.labels = torch.tensor([targets(r) for r in rows])
        kind = lambda r: r['group'] if r.get('made') or r['group'].startswith('mricron') else 'real'
        self.pools = {}
        for i, r in enumerate(rows):
            self.pools.setdefault(kind(r), []).extend([i] * (times(r) if kind(r) == 'real' else 1))
        self.share = {'real': None, 'mricron:ch2': 40, 'made:phantom': 110, 'made:ultrasound': 20, 'made:stranger': 50}

    def epoch(self, size):
        picks = []
        for kind, pool in self.pools.items():
            share = self.share[kind]
            picks.extend(pool if share is None else self.rng.choice(pool, share, replace=False))
        picks = self.rng.permutation(picks)
        for start in range(0, len(picks) - size + 1, size):
            index = torch.from_numpy(picks[start:start + size].astype(np.int64))
            yield augment(self.images[index], self.labels[index].clone(),
                          [self.rows[int(i)] for i in index], self.rng)


def augment(x, labels, rows, rng):
    """Turns, shifts, scales, tints, blurs; mirrors, turns over and inverts with the labels that follow."""
    n = len(x)
    column = {h: i for i, h in enumerate(HEADS)}
    real = np.array([r['modality'] in ('xr', 'ct', 'mr') and not r.get('made') for r in rows])
    sided = np.array([r.get('region') in ('chest', 'abdomen') for r in rows]) & real
    mirror, turn = real & (rng.random(n) < 0.3), real & (rng.random(n) < 0.2)
    invert = real & (rng.random(n) < 0.12)
    mirrored = mirror ^ turn                        # turned over top to bottom is mirrored as well
    turn_round = turn & (rng.random(n) < 0.5)       # half of them as a half turn: not mirrored
    mirror, mirrored = mirror ^ turn_round, mirrored ^ turn_round
    for head, value, known in (('mirror', mirrored, sided), ('upright', turn, real), ('grey', invert, real)):
        labels[:, column[head]] = torch.from_numpy(np.where(known, value.astype(np.int64), -1))
    angle = rng.normal(0, 5, n) * math.pi / 180
    cut = real & (rng.random(n) < 0.12)             # a part of the picture: region and plane are then unknown
    for head in ('region', 'plane', 'view', 'mirror', 'upright'):
        labels[torch.from_numpy(cut), column[head]] = -1
    zoom = np.where(cut, rng.uniform(0.3, 0.6, n), 1)
    sx, sy = np.exp(rng.normal(0, 0.07, n)) * zoom, np.exp(rng.normal(0, 0.07, n)) * zoom
    fx, fy = np.where(mirror, -1, 1), np.where(turn, -1, 1)
    theta = np.zeros((n, 2, 3), np.float32)
    theta[:, 0, 0], theta[:, 0, 1] = np.cos(angle) * sx * fx, -np.sin(angle) * sy
    theta[:, 1, 0], theta[:, 1, 1] = np.sin(angle) * sx, np.cos(angle) * sy * fy
    theta[:, :, 2] = rng.normal(0, 0.05, (n, 2)) + np.where(cut, rng.uniform(-0.3, 0.3, (2, n)), 0).T
    x = x - x.new_tensor(-2.0)                      # outside the picture is black (0 before normalising)
    x = F.grid_sample(x, F.affine_grid(torch.from_numpy(theta), x.shape, align_corners=False), align_corners=False)
    x = x / 4                                       # 0..1
    x = torch.where(torch.from_numpy(invert)[:, None, None, None], 1 - x, x)
    power = np.exp(rng.normal(0, 0.25, (n, 1, 1, 1))).astype(np.float32)
    gain = np.exp(rng.normal(0, 0.12, (n, 1, 1, 1))).astype(np.float32)
    tint = np.exp(rng.normal(0, 0.03, (n, 3, 1, 1))).astype(np.float32)
    x = x.clamp(1e-4, 1) ** torch.from_numpy(power) * torch.from_numpy(gain * tint)
    if rng.random() < 0.3:
        x = F.avg_pool2d(x, 3, 1, 1)
    x = x + torch.randn(n, 1, SIZE, SIZE) * float(rng.uniform(0, 0.04))
    return x.clamp(0, 1) * 4 - 2, labels


def loss_of(logits, labels):
    total = 0
    for i, head in enumerate(HEADS):
        if (labels[:, i] >= 0).any():
            total = total + F.cross_entropy(logits[head], labels[:, i], ignore_index=-1, label_smoothing=0.02)
    return total


def train(rows, seed, epochs, log=print):
    """One network on these rows → (vision, heads), in evaluation mode."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    vision, heads = Vision(SIZE), Heads()
    parameters = list(vision.parameters()) + list(heads.parameters())
    optimiser = torch.optim.AdamW(parameters, lr=2e-3, weight_decay=0.02)
    batches = Batches(rows, rng)
    for epoch in range(epochs):
        rate = 2e-3 * min(1, (epoch + 1) / 5) * 0.5 * (1 + math.cos(math.pi * epoch / epochs))
        for group in optimiser.param_groups:
            group['lr'] = rate
        sums, count = 0.0, 0
        for x, labels in batches.epoch(32):
            loss = loss_of(heads(vision(x)), labels)
            optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(parameters, 2.0)
            optimiser.step()
            sums, count = sums + float(loss), count + 1
        if epoch % 10 == 9 or epoch == epochs - 1:
            log('  seed %d epoch %d loss %.3f' % (seed, epoch + 1, sums / count), flush=True)
    return vision.eval(), heads.eval()


@torch.no_grad()
def features(vision, rows):
    """Rows → features [n, FEATURES]."""
    parts = []
    for start in range(0, len(rows), 64):
        x = np.stack([normalise(r['pixels']) for r in rows[start:start + 64]])
        parts.append(vision(torch.from_numpy(x))[:, 0])
    return torch.cat(parts)
