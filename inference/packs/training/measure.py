"""Figures: accuracy by head with its controls, calibration, the guard, the threshold."""
import numpy as np
import torch
import torch.nn.functional as F

from learn import features, synthetic, targets
from network import HEADS, Score, fact_matrices, facts, head_of

PRECISION = 0.99        # wanted of all answers at the shipped threshold
HEAD_PRECISION = 0.98   # wanted of the answers about one head above its bar
FEWEST = 30             # answers that a precision must rest on
NEVER = 2.0             # the bar of a head that did not reach it
PLANTED = ('lesion', 'side', 'height')
FLIPS = ('mirror', 'upright', 'grey')


def turned(row, rng):
    """The row mirrored, turned over or inverted at random, with the truth that follows."""
    mirror, turn, invert = rng.random(3) < 0.5
    pixels = row['pixels']
    pixels = pixels[:, ::-1] if mirror else pixels
    pixels = pixels[::-1, ::-1] if turn else pixels
    pixels = 255 - pixels if invert else pixels
    sided = row['region'] in ('chest', 'abdomen')
    return dict(row, pixels=pixels, turned=True, upright='upside_down' if turn else 'upright',
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
    return row['modality'], row['region'], row['plane'], row.get('upright', 'upright'), row.get('grey', 'normal')


def known_pictures(rows, seed):
    """Training pictures that 'known' means: real ones, as shown and turned, and phantoms."""
    rng = np.random.default_rng(seed + 3)
    rows = [as_shown(r) for r in rows if r['modality'] == 'phantom' or r['modality'] != 'other' and not r.get('made')]
    return rows + [turned(r, rng) for r in rows if r['modality'] in ('xr', 'ct', 'mr')]


def guard_of(vision, trained, seed):
    """Whitening of the features and the means of the kinds of picture, to measure distance from."""
    rows = known_pictures(trained, seed)
    f, kinds = features(vision, rows), [kind_of(r) for r in rows]
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
    """Where 'unlike the known' begins: at the 97th percentile of held-out pictures, softly from the 90th."""
    limit = float(distances.quantile(0.97))
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


def subject(row):
    """What a picture can be asked about: 'real', 'turned', 'phantom', or None."""
    if row['modality'] == 'phantom':
        return 'phantom'
    if row.get('made') or row['modality'] == 'other':
        return None
    return 'turned' if row.get('turned') else 'real'


def eligible(head, row):
    """Whether a held-out picture counts for a head: no figure profits from what is not asked."""
    kind = subject(row)
    if head in PLANTED:
        return kind == 'phantom'
    if head in FLIPS:
        return kind in ('real', 'turned') and row['modality'] != 'us'
    if head == 'view':
        return kind == 'real' and row['modality'] == 'xr'
    if head == 'sequence':
        return kind == 'real' and row['modality'] == 'mr'
    return kind == 'real'


def head_table(logits, truth, rows, rng):
    """Accuracy by head of held-out pictures, with both shuffles and the most frequent class."""
    out = []
    for i, head in enumerate(HEADS):
        own = [j for j, r in enumerate(rows) if truth[j, i] >= 0]
        across, within = shuffles([rows[j]['region'] for j in own], rng)
        guess, real = logits[head][own].argmax(1), truth[own, i]
        right = lambda order: float((guess[order] == real).float().mean())
        out.append({'head': head, 'n': len(real), 'right': right(torch.arange(len(own))), 'within': right(within),
                    'across': right(across), 'text_only': float(real.bincount().max() / len(real))})
    return out


def held_out(held, seed):
    """Everything the fold networks say about pictures they never saw, pooled."""
    rng = np.random.default_rng(seed + 7)
    pool = {'rows': [], 'parts': [], 'd': [], 'logits': {h: [] for h in HEADS}}
    for vision, heads, rows, trained in held:
        rows = [as_shown(r) for r in rows]
        rows += [turned(r, rng) for r in rows if r['modality'] in ('xr', 'ct', 'mr')]
        rows += synthetic(rng, 'phantom', 150) + synthetic(rng, 'stranger', 100)
        f, logits = judge(vision, heads, rows)
        guard = guard_of(vision, trained, seed)
        pool['rows'] += rows
        pool['parts'].append((heads, guard, f))
        pool['d'].append(distance(guard, f))
        for head in HEADS:
            pool['logits'][head].append(logits[head])
    pool['logits'] = {h: torch.cat(v) for h, v in pool['logits'].items()}
    pool['d'] = torch.cat(pool['d'])
    pool['targets'] = torch.tensor([[t if eligible(h, r) else -1 for h, t in zip(HEADS, targets(r))] for r in pool['rows']])
    return pool


def choose_bars(p, truth):
    """By head, the lowest probability above which its answers are right often enough."""
    bars = {}
    for head in HEADS:
        own = [i for i, fact in enumerate(facts()) if head_of(fact) == head]
        good = [t for t in [0.5 + 0.01 * i for i in range(50)]
                if (a := answers(p[:, own], truth[:, own], t))[1] >= HEAD_PRECISION and a[2] >= FEWEST]
        bars[head] = good[0] if good else NEVER
    return bars


def choose_threshold(p, truth):
    """The lowest threshold at which all answers are right often enough."""
    return next((t for t in [0.7 + 0.01 * i for i in range(30)] if answers(p, truth, t)[1] >= PRECISION), 0.99)


def study(held, final, trained, tests, seed):
    """The figures of the card, and what the shipped score graph needs: temperatures, guard, threshold."""
    pool = held_out(held, seed)
    temperatures = {h: temperature(pool['logits'][h], pool['targets'][:, i]) for i, h in enumerate(HEADS)}
    limits = guard_limits(pool['d'][[i for i, r in enumerate(pool['rows']) if subject(r) and 'dicom' not in r['group']]])
    ask = lambda bars: torch.cat([verdicts(Score(heads, temperatures, dict(guard, **limits), bars), f)
                                  for heads, guard, f in pool['parts']])
    truth = torch.stack([fact_truth(t) for t in pool['targets'].tolist()])
    bars = choose_bars(ask({}), truth)
    p = ask(bars)
    threshold = choose_threshold(p, truth)
    vision, heads = final
    score = Score(heads, temperatures, dict(guard_of(vision, trained, seed), **limits), bars).eval()
    of = lambda kind: [i for i, r in enumerate(pool['rows']) if subject(r) == kind]
    strangers = p[[i for i, r in enumerate(pool['rows']) if r.get('made') and r['modality'] == 'other']]
    modalities = [i for i, name in enumerate(facts()) if name in ('ct', 'mr', 'us', 'xr')]
    return {
        'score': score, 'temperatures': temperatures, 'threshold': threshold, 'limits': limits, 'bars': bars,
        'heads': head_table(pool['logits'], pool['targets'], pool['rows'], np.random.default_rng(seed)),
        'facts': by_fact(p, truth, threshold),
        'kinds': [(kind, len(of(kind))) + answers(p[of(kind)], truth[of(kind)], threshold) for kind in ('real', 'turned', 'phantom')],
        'curve': [(t,) + answers(p, truth, t) for t in (0.5, 0.6, 0.7, 0.8, 0.9, 0.95)],
        'ece': calibration_error(p, truth),
        'strangers': (len(strangers), float((strangers[:, modalities, 1] >= threshold).any(1).float().mean())),
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
    """Each object that was in no training set, under the shipped network."""
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
        out.append({'file': row['file'], 'truth': '/'.join(kind_of(row)[:3]), 'guess': '/'.join(guess),
                    'guard': float(score.distance(f[i:i + 1])[0]), 'answered': share, 'right': right if count else None,
                    'wrong': wrong})
    return out
