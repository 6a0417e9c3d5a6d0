"""The training of one network: of the facts on the maps of the backbone, of the findings on pixels as well."""
import math

import numpy as np
import torch
import torch.nn.functional as F

from copies import can_be_planted
from network import FACTS, HEADS, Heads, Lesions, Vision
from pictures import SIZE

BATCH = 64
# Steps from a high rate to none, and again; in the second cycle what is faint or small comes more often. A third overfits.
CYCLES = {'facts': (1400,), 'findings': (1400, 1000)}
HARD = ('opacity', 'nodule', 'renal_cyst')

# The share of an epoch that each kind of copy has, for the facts and for the findings.
SHARES = {
    'facts': {'real': 0.6, 'planted': 0.07, 'phantom': 0.14, 'volume': 0.1, 'other': 0.09},
    'findings': {'chest': 0.22, 'planted': 0.44, 'phantom': 0.26, 'real': 0.06, 'other': 0.02},
}


class Copies:
    """The copies that are learnt: their rows, the maps of the backbone and half the pixels, as small numbers."""
    def __init__(self, rows, maps, grey):
        self.rows, self.maps, self.grey = rows, maps, grey
        self.allowed = torch.from_numpy(np.stack([r['truth'] for r in rows]))

    def at(self, index):
        """(grey, maps) of some copies, as the networks take them."""
        grey = torch.from_numpy(self.grey[index].astype(np.float32))[:, None] / 127.5 - 1
        return grey, [torch.from_numpy(m[index].astype(np.float32)) for m in self.maps]


def kind_of(row, part='facts'):
    if row['group'].startswith('phantom:'):
        return 'phantom'
    if row['modality'] == 'other' or row['group'].startswith('ultrasound:'):
        return 'other'
    if row.get('planted'):
        return 'planted'
    if part == 'findings':
        return 'chest' if can_be_planted(row) else 'real'
    return 'volume' if row.get('file', '').endswith(('.gz', '.inv3')) else 'real'


def rarity(row, cycle):
    """Weight of a copy within its kind: what is rare among real pictures comes more often."""
    weight = 1.0
    if row['modality'] == 'us' and row['group'].startswith('grailbio'):
        weight *= 0.5
    if row['sequence'] in ('t1', 'dwi') or (row['modality'], row['region']) == ('ct', 'head'):
        weight *= 2
    if cycle > 0 and any(row.get(name, 'none') not in ('none', '?') for name in HARD):
        weight *= 2.5
    return weight


def chances(rows, part, cycle):
    """Probability of each copy to be drawn."""
    kinds = [kind_of(r, part) for r in rows]
    weights = np.array([rarity(r, cycle) for r in rows])
    for kind, share in SHARES[part].items():
        own = np.array([k == kind for k in kinds])
        if own.any():
            weights[own] *= share / weights[own].sum()
    return weights / weights.sum()


def loss_of(logits, allowed):
    """Minus the log of the probability of the classes that may be true, over heads of which something is known."""
    total = 0
    for head, may in zip(logits.values(), allowed.split([h.shape[1] for h in logits.values()], 1)):
        told = ~may.all(1)
        if told.any():
            log = F.log_softmax(head[told], 1)
            hit = torch.logsumexp(log.masked_fill(~may[told], -1e4), 1)
            total = total - (0.97 * hit + 0.03 * log.mean(1)).sum() / len(may)
    return total


def standardised(vision, copies, index):
    """The means over pictures get centre 0 and spread 1."""
    with torch.no_grad():
        raw = vision.means(copies.at(index[:: max(1, len(index) // 1500)])[1])
        vision.centre.copy_(raw.mean(0))
        vision.spread.copy_(raw.std(0).clamp(min=1e-3))
    return vision


def fresh(part, copies, index):
    """(network, its heads, columns of the truth that they answer), untrained."""
    facts = sum(map(len, FACTS.values()))
    if part == 'facts':
        return standardised(Vision(SIZE), copies, index), Heads(Vision.FEATURES, FACTS), slice(0, facts)
    names = {h: c for h, c in HEADS.items() if h not in FACTS}
    return Lesions(SIZE), Heads(Lesions.FEATURES, names), slice(facts, None)


def see(part, network, grey, maps):
    return network(maps) if part == 'facts' else network(grey, maps)


def train(part, copies, index, seed, cycles):
    """One network, for 'facts' or 'findings', on the copies that index names → (network, heads), in evaluation mode."""
    torch.manual_seed(seed)
    network, heads, columns = fresh(part, copies, index)
    for cycle, steps in enumerate(cycles):
        if cycle > 0:
            torch.manual_seed(seed + 1000 * cycle)
        picks = np.random.default_rng(seed + 1000 * cycle).choice(
            index, steps * BATCH, p=chances([copies.rows[i] for i in index], part, cycle)).reshape(steps, BATCH)
        anneal(part, network.train(), heads.train(), columns, copies, picks, '%s seed %d cycle %d' % (part, seed, cycle + 1))
    return network.eval(), heads.eval()


def anneal(part, network, heads, columns, copies, picks, name):
    """A step for each row of picks, at a rate that rises at once and falls to nothing."""
    parameters = list(network.parameters()) + list(heads.parameters())
    optimiser = torch.optim.AdamW(parameters, lr=2e-3, weight_decay=0.02)
    sums = 0.0
    for step, pick in enumerate(picks):
        for group in optimiser.param_groups:
            group['lr'] = 2e-3 * min(1, (step + 1) / 150) * 0.5 * (1 + math.cos(math.pi * step / len(picks)))
        loss = loss_of(heads(see(part, network, *copies.at(pick))), copies.allowed[torch.from_numpy(pick), columns])
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 2.0)
        optimiser.step()
        sums += float(loss.detach())
        if step % 250 == 249:
            print('  %s step %d of %d loss %.3f' % (name, step + 1, len(picks), sums / 250), flush=True)
            sums = 0.0


@torch.no_grad()
def features(networks, copies, index):
    """Copies → image_tokens without their middle axis, [n, Sight.FEATURES]."""
    (vision, _), (lesions, _) = networks
    parts = []
    for part in np.array_split(index, max(1, len(index) // 128)):
        grey, maps = copies.at(part)
        parts.append(torch.cat([vision(maps), lesions(grey, maps)], 2)[:, 0])
    return torch.cat(parts)
