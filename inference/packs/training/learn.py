"""The training of one network on the maps of the backbone."""
import math

import numpy as np
import torch
import torch.nn.functional as F

from network import HEADS, Heads, Vision
from pictures import SIZE

BATCH = 64
WIDTHS = [len(classes) for classes in HEADS.values()]

# The share of an epoch that each kind of copy has.
SHARES = {'real': 0.52, 'planted': 0.17, 'phantom': 0.17, 'volume': 0.07, 'other': 0.07}


def kind_of(row):
    if row['group'].startswith('phantom:'):
        return 'phantom'
    if row['modality'] == 'other' or row['group'].startswith('ultrasound:'):
        return 'other'
    if row.get('planted'):
        return 'planted'
    return 'volume' if row.get('file', '').endswith(('.gz', '.inv3')) else 'real'


def rarity(row):
    """Weight of a copy within its kind: what is rare among real pictures comes more often."""
    weight = 1.0
    if row['modality'] == 'us' and row['group'].startswith('grailbio'):
        weight *= 0.5
    if row['sequence'] in ('t1', 'dwi') or (row['modality'], row['region']) == ('ct', 'head'):
        weight *= 2
    return weight


def chances(rows):
    """Probability of each copy to be drawn."""
    kinds = [kind_of(r) for r in rows]
    weights = np.array([rarity(r) for r in rows])
    for kind, share in SHARES.items():
        own = np.array([k == kind for k in kinds])
        if own.any():
            weights[own] *= share / weights[own].sum()
    return weights / weights.sum()


def loss_of(logits, allowed):
    """Minus the log of the probability of the classes that may be true, over heads of which something is known."""
    total = 0
    for head, may in zip(logits.values(), allowed.split(WIDTHS, 1)):
        told = ~may.all(1)
        if told.any():
            log = F.log_softmax(head[told], 1)
            hit = torch.logsumexp(log.masked_fill(~may[told], -1e4), 1)
            total = total - (0.97 * hit + 0.03 * log.mean(1)).sum() / len(may)
    return total


def tensors(maps, index):
    return [torch.from_numpy(m[index].astype(np.float32)) for m in maps]


def standardise(vision, maps, index):
    """The means over pictures get centre 0 and spread 1."""
    sample = index[:: max(1, len(index) // 1500)]
    with torch.no_grad():
        raw = vision.means(tensors(maps, sample))
        vision.centre += raw.mean(0)
        vision.spread.mul_(((torch.cat([m.mean((2, 3)) for m in tensors(maps, sample)[:1]] + [raw[:, 40:]], 1)) - vision.centre).std(0).clamp(min=1e-3))
    return vision


def train(rows, maps, index, seed, epochs, log=print):
    """One network on the copies that index names → (vision, heads), in evaluation mode."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    vision, heads = standardise(Vision(SIZE), maps, index), Heads()
    parameters = list(vision.parameters()) + list(heads.parameters())
    optimiser = torch.optim.AdamW(parameters, lr=2e-3, weight_decay=0.02)
    allowed = torch.from_numpy(np.stack([r['truth'] for r in rows]))
    chance = chances([rows[i] for i in index])
    steps, done, sums = epochs * 5500 // BATCH, 0, 0.0
    while done < steps:
        rate = 2e-3 * min(1, (done + 1) / 200) * 0.5 * (1 + math.cos(math.pi * done / steps))
        for group in optimiser.param_groups:
            group['lr'] = rate
        pick = rng.choice(index, BATCH, p=chance)
        loss = loss_of(heads(vision(tensors(maps, pick))), allowed[torch.from_numpy(pick)])
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 2.0)
        optimiser.step()
        sums, done = sums + float(loss.detach()), done + 1
        if done % 250 == 0:
            log('  seed %d step %d of %d loss %.3f' % (seed, done, steps, sums / 250), flush=True)
            sums = 0.0
    return vision.eval(), heads.eval()


@torch.no_grad()
def features(vision, maps, index):
    """Copies → features [n, FEATURES]."""
    return torch.cat([vision(tensors(maps, part))[:, 0] for part in np.array_split(index, max(1, len(index) // 128))])
