"""Figures: accuracy by head with its controls, calibration, the guard, the threshold."""
import numpy as np
import torch
import torch.nn.functional as F

from learn import features, synthetic, targets
from network import HEADS, Score, fact_matrices, facts

PRECISION = 0.99      # wanted of the answers at the shipped threshold


def turned(row, rng):
    """The row mirrored, turned over or inverted at random, with the truth that follows."""
    mirror, turn, invert = rng.random(3) < 0.5
    pixels = row['pixels']
    pixels = pixels[:, ::-1] if mirror else pixels
    pixels = pixels[::-1, ::-1] if turn else pixels
    pixels = 255 - pixels if invert else pixels
    sided = row['region'] in ('chest', 'abdomen')
    return dict(row, pixels=pixels, upright='upside_down' if turn else 'upright',
                grey='inverted' if invert else 'normal',
                mirror=('mirrored' if mirror else 'plain') if sided else '?')


def as_shown(row):
    """The row as it came: upright and not inverted; mirrored only matters where sides differ."""
    if row.get('made') or row['modality'] not in ('xr', 'ct', 'mr'):
        return row
    sided = row['region'] in ('chest', 'abdomen')
    return dict(row, upright='upright', grey='normal', mirror='plain' if sided else '?')


@torch.no_grad()
def judge(vision, heads, rows):
    """Rows → features [n, d] and {head: logits}."""
    f = features(vision, rows)
    return f, heads(f[:, None])


def kind_of(row):
    return row['modality'], row['region'], row['plane']


def guard_of(f, kinds):
    """Whitening of the features and the means of the kinds of picture, to measure distance from."""
    names = sorted(set(kinds))
    number = torch.tensor([names.index(k) for k in kinds])
    means = torch.stack([f[number == i].mean(0) for i in range(len(names))])
    spread = f - means[number]
    covariance = spread.T @ spread / len(f)
    values, vectors = torch.linalg.eigh(covariance + 0.1 * covariance.diag().mean() * torch.eye(f.shape[1]))
    whiten, centre = vectors / values.sqrt(), f.mean(0)
    return {'centre': centre, 'whiten': whiten, 'means': (means - centre) @ whiten}


def distance(guard, f):
    z = (f - guard['centre']) @ guard['whiten']
    return ((z[:, None] - guard['means'][None]) ** 2).mean(2).amin(1).sqrt()


def guard_limits(distances):
    """Where 'unlike the known' begins: beyond the 99th percentile of held-out pictures, softly from the 90th."""
    limit = 1.1 * float(distances.quantile(0.99))
    return {'limit': limit, 'slope': 4 / (limit - float(distances.quantile(0.9)))}


def temperature(logits, truth):
    """The temperature with the least log loss over known truths, on a grid."""
    known = truth >= 0
    if not known.any():
        return 1.0
    grid = [0.6 + 0.05 * i for i in range(70)]
    return min(grid, key=lambda t: float(F.cross_entropy(logits[known] / t, truth[known])))


def fact_truth(row_targets):
    """Truth of each fact about a picture: 1 true, 0 false, -1 not known."""
    yes, no = fact_matrices()
    truth = torch.full((len(facts()),), -1)
    column = 0
    for head, target in zip(HEADS, row_targets):
        width = len(HEADS[head])
        for fact in range(1, len(facts())):
            own_yes, own_no = yes[fact, column:column + width], no[fact, column:column + width]
            if target < 0 or not (own_yes.any() or own_no.any()):
                continue
            if own_yes[target] or own_no[target]:
                truth[fact] = int(own_yes[target])
            elif own_yes.any() and (head, HEADS[head][target]) != ('sequence', 'flair'):
                truth[fact] = 0
        column += width
    return truth


@torch.no_grad()
def verdicts(score, f):
    """Probabilities (no, yes, maybe) of every fact alone: [n, facts, 3]; row 0 is padding."""
    count = len(f)
    index = torch.arange(count)
    return torch.stack([torch.softmax(score(f[:, None], index, torch.full((count, 1), fact)), 1)
                        for fact in range(len(facts()))], 1)


def answers(p, truth, threshold):
    """Answered share, right share of the answers, answers, over facts with a truth."""
    confidence, answer = p[..., :2].max(-1)
    said = (confidence >= threshold) & (truth >= 0) & (confidence > p[..., 2])
    right = (answer == truth) & said
    return float(said.sum() / max(1, (truth >= 0).sum())), float(right.sum() / max(1, said.sum())), int(said.sum())


def calibration_error(p, truth, bins=10):
    """Expected calibration error of the answers given, over facts with a truth."""
    confidence, answer = p[..., :2].max(-1)
    known = (truth >= 0) & (confidence > p[..., 2])
    confidence, right = confidence[known], (answer == truth)[known].float()
    place = (confidence * bins).long().clamp(max=bins - 1)
    return float(sum((place == b).float().mean() * (confidence[place == b].mean() - right[place == b].mean()).abs()
                     for b in range(bins) if (place == b).any()))


def shuffles(regions, rng):
    """Index of each picture's stand-in: any other picture, and one of the same region."""
    across = rng.permutation(len(regions))
    within = np.arange(len(regions))
    for region in set(regions):
        own = np.array([i for i, r in enumerate(regions) if r == region])
        within[own] = rng.permutation(own)
    return torch.from_numpy(across), torch.from_numpy(within)


def head_table(logits, truth, rows, rng):
    """Accuracy by head of held-out pictures, with both shuffles and the most frequent class."""
    across, within = shuffles([r['region'] for r in rows], rng)
    out = []
    for i, head in enumerate(HEADS):
        known = truth[:, i] >= 0
        real = truth[known, i]
        if len(real) == 0:
            continue
        right = lambda order: float((logits[head][order][known].argmax(1) == real).float().mean())
        out.append({'head': head, 'n': len(real), 'right': right(torch.arange(len(rows))),
                    'within': right(within), 'across': right(across),
                    'text_only': float(real.bincount().max() / len(real))})
    return out


def held_out(held, seed):
    """Everything the fold networks say about pictures they never saw, pooled."""
    rng = np.random.default_rng(seed + 7)
    pool = {'rows': [], 'f': [], 'd': [], 'logits': {h: [] for h in HEADS}, 'fold': []}
    for number, (vision, heads, rows, trained) in enumerate(held):
        rows = [as_shown(r) for r in rows]
        rows += [turned(r, rng) for r in rows if r['modality'] in ('xr', 'ct', 'mr')]
        rows += synthetic(rng, 'phantom', 150) + synthetic(rng, 'stranger', 80)
        f, logits = judge(vision, heads, rows)
        guard = guard_of(features(vision, trained), [kind_of(r) for r in trained])
        pool['rows'] += rows
        pool['f'].append((heads, guard, f))
        pool['d'].append(distance(guard, f))
        for head in HEADS:
            pool['logits'][head].append(logits[head])
    pool['logits'] = {h: torch.cat(v) for h, v in pool['logits'].items()}
    pool['d'] = torch.cat(pool['d'])
    pool['targets'] = torch.tensor([targets(r) for r in pool['rows']])
    return pool


def study(held, final, trained, tests, seed):
    """The figures of the card, and what the shipped score graph needs: temperatures, guard, threshold."""
    pool = held_out(held, seed)
    temperatures = {h: temperature(pool['logits'][h], pool['targets'][:, i]) for i, h in enumerate(HEADS)}
    known_kind = torch.tensor([r['modality'] != 'other' and 'dicom' not in r['group'] for r in pool['rows']])
    limits = guard_limits(pool['d'][known_kind])
    p = torch.cat([verdicts(Score(heads, temperatures, dict(guard, **limits)), f) for heads, guard, f in pool['f']])
    truth = torch.stack([fact_truth(t) for t in pool['targets'].tolist()])
    thresholds = [0.5 + 0.01 * i for i in range(46)]
    threshold = next((t for t in thresholds if answers(p, truth, t)[1] >= PRECISION), thresholds[-1])
    vision, heads = final
    guard = dict(guard_of(features(vision, trained), [kind_of(r) for r in trained]), **limits)
    score = Score(heads, temperatures, guard).eval()
    real = torch.tensor([not r.get('made') for r in pool['rows']])
    stranger = torch.tensor([bool(r.get('made')) and r['modality'] == 'other' for r in pool['rows']])
    return {
        'score': score, 'temperatures': temperatures, 'threshold': threshold, 'limits': limits,
        'heads': head_table(pool['logits'], pool['targets'], pool['rows'], np.random.default_rng(seed)),
        'facts': by_fact(p, truth, threshold),
        'real': answers(p[real], truth[real], threshold), 'all': answers(p, truth, threshold),
        'curve': [(t,) + answers(p, truth, t) for t in (0.5, 0.6, 0.7, 0.8, 0.9, 0.95)],
        'ece': calibration_error(p, truth),
        'strangers': float((p[stranger][:, 1:8, 1] >= threshold).any(1).float().mean()),
        'tests': test_table(vision, heads, score, tests, threshold),
    }


def by_fact(p, truth, threshold):
    out = []
    for i, name in enumerate(facts()):
        known = truth[:, i] >= 0
        if i and known.any():
            share, right, count = answers(p[:, i:i + 1], truth[:, i:i + 1], threshold)
            out.append({'fact': name, 'n': int(known.sum()), 'true': int((truth[:, i] == 1).sum()),
                        'answered': share, 'right': right if count else None})
    return out


def test_table(vision, heads, score, tests, threshold):
    """Each held-out DICOM object under the shipped network."""
    rows = [as_shown(r) for r in tests]
    f, logits = judge(vision, heads, rows)
    p = verdicts(score, f)
    out = []
    for i, row in enumerate(rows):
        truth = fact_truth(targets(row))[None]
        share, right, count = answers(p[i:i + 1], truth, threshold)
        guess = [HEADS[h][int(logits[h][i].argmax())] for h in ('modality', 'region', 'plane', 'view')]
        wrong = [name for k, name in enumerate(facts()) if truth[0, k] >= 0 and p[i, k, :2].max() >= threshold
                 and int(p[i, k, :2].argmax()) != int(truth[0, k])]
        out.append({'file': row['file'], 'truth': '/'.join(kind_of(row)), 'guess': '/'.join(guess),
                    'guard': float(score.distance(f[i:i + 1])[0]), 'answered': share, 'right': right if count else None,
                    'wrong': wrong})
    return out
