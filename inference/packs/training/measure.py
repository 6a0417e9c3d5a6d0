"""Figures: accuracy by head with its controls, calibration, the guard, bars and threshold.

What turns logits into verdicts (temperatures, bars, guard, threshold) is chosen for each fold on the held-out pictures of the
other folds, so no figure is of pictures that helped to choose it; the shipped pack has what all folds together give.
"""
import numpy as np
import torch
import torch.nn.functional as F

from copies import GREY
from learn import features, kind_of
from network import FINDINGS, HEADS, AllHeads, Score, Sight, Vision, fact_matrices, facts, head_of

PRECISION = 0.985       # wanted of the answers about a kind of picture at the threshold, and of those about one head above its bar
FEWEST = 30             # answers that a precision must rest on
NEVER = 2.0             # the bar of a head that did not reach it
FLIPS = ('mirror', 'upright', 'grey')
SUBJECTS = ('pictures with text', 'DICOM objects', 'slices of volumes', 'turned', 'planted lesions', 'phantoms')
STRICT = ('pictures with text', 'DICOM objects', 'planted lesions', 'phantoms')  # on each of which the threshold is precise
SAMPLES = 400           # of a bootstrap


def subject(row):
    """What a measured copy counts as; None: only trained on."""
    if row['group'].startswith('phantom:'):
        return 'phantoms' if row['copy'] == 'shown' else None
    if row['copy'] == 'planted':
        return 'planted lesions'
    if row['modality'] == 'other' or row.get('made') or row['copy'] == 'changed':
        return None
    if row['copy'] == 'turned':
        return 'turned'
    if kind_of(row) == 'volume':
        return 'slices of volumes'
    return 'pictures with text' if row['file'].startswith('pairs/') else 'DICOM objects'


def counts(head, row):
    """Whether a copy counts for a head: no figure profits from what is not asked."""
    kind = subject(row)
    if head in FINDINGS:
        return kind in ('planted lesions', 'phantoms')
    if head in FLIPS:
        return kind in ('pictures with text', 'DICOM objects', 'turned') and row['modality'] in GREY
    real = kind in ('pictures with text', 'DICOM objects')
    return real and {'view': row['modality'] == 'xr', 'sequence': row['modality'] == 'mr', 'quality': False}.get(head, True)


def split():
    """(head, first column, end) of each head in the row of all classes."""
    start = 0
    for head, classes in HEADS.items():
        yield head, start, start + len(classes)
        start += len(classes)


def fact_truth(allowed):
    """Truth of each fact about a copy: 1 true, 0 false, -1 not known."""
    yes, no = (m.bool().numpy() for m in fact_matrices())
    truth = np.full(len(facts()), -1)
    for head, start, end in split():
        may = allowed[start:end]
        if may.all():
            continue
        for fact in range(1, len(truth)):
            right, wrong = yes[fact, start:end], no[fact, start:end]
            if not (right.any() or wrong.any()):
                continue
            if not (may & ~right).any():
                truth[fact] = 1
            elif not (may & right).any() and (not (may & ~wrong).any() or head not in FINDINGS and head != 'sequence'):
                truth[fact] = 0
    return truth


@torch.no_grad()
def verdicts(score, f):
    """Probabilities (no, yes, maybe) of every fact alone: [n, facts, 3]; row 0 is padding."""
    index = torch.arange(len(f))
    return torch.stack([torch.softmax(score(f[:, None], index, torch.full((len(f), 1), fact)), 1) for fact in range(len(facts()))], 1)


def said(p, truth, threshold):
    """Which facts were answered, and which of the answers are right; both [n, facts], over facts with a truth."""
    confidence, answer = p[..., :2].max(-1)
    done = (confidence >= threshold) & (truth >= 0) & (confidence > p[..., 2])
    return done, (answer == truth) & done


def temperature(logits, allowed):
    """The temperature with the least log loss over known truths, on a grid."""
    if len(logits) == 0:
        return 1.0
    def loss(t):
        return float(-torch.logsumexp(F.log_softmax(logits / t, 1).masked_fill(~allowed, -1e4), 1).mean())
    return min([0.6 + 0.05 * i for i in range(70)], key=loss)


def guard_of(copies, networks, index):
    """Whitening of the means over pictures, and their centres by kind of picture, to measure distance from."""
    rows = copies.rows
    known = [i for i in index if rows[i]['copy'] in ('shown', 'turned') and (rows[i]['group'].startswith('phantom:')
             or rows[i]['modality'] in GREY + ('us',) and not rows[i]['group'].startswith('ultrasound:'))]
    f = features(networks, copies, np.array(known))[:, :Vision.MEANS]
    kinds = [tuple(str(rows[i].get(k, '')) for k in ('modality', 'region', 'plane', 'kind', 'upright', 'grey')) for i in known]
    names = sorted(set(kinds))
    number = torch.tensor([names.index(k) for k in kinds])
    means = torch.stack([f[number == i].mean(0) for i in range(len(names))])
    spread = f - means[number]
    values, vectors = torch.linalg.eigh(spread.T @ spread / len(f))
    values, vectors = values[-64:], vectors[:, -64:]
    whiten = vectors / (values + 0.1 * values.mean()).sqrt()
    return {'centre': f.mean(0), 'whiten': whiten, 'means': (means - f.mean(0)) @ whiten}


def distance(guard, f):
    z = (f[:, :Vision.MEANS] - guard['centre']) @ guard['whiten']
    return ((z[:, None] - guard['means'][None]) ** 2).mean(2).amin(1).sqrt()


def guard_limits(distances):
    """Where 'unlike the known' begins: a tenth beyond the 98th percentile of held-out real pictures, softly from the 90th."""
    limit = 1.1 * float(distances.quantile(0.98))
    return {'limit': limit, 'slope': 4 / (limit - float(distances.quantile(0.9)))}


def heads_of(networks):
    """All heads of the two networks of a fold."""
    return AllHeads(networks[0][1], networks[1][1]).eval()


class Pool:
    """All measured copies with what the network of their fold, which never saw them, makes of them."""
    def __init__(self, copies, fold, held):
        self.index = np.array([i for i, r in enumerate(copies.rows) if subject(r) or (r['modality'] == 'other' and r['copy'] == 'shown')])
        self.rows, self.fold = [copies.rows[i] for i in self.index], fold[self.index]
        self.heads, self.guards = [heads_of(n) for n in held], []
        self.features = torch.zeros(len(self.index), Sight.FEATURES)
        self.logits = torch.zeros(len(self.index), sum(map(len, HEADS.values())))
        self.distance = torch.zeros(len(self.index))
        for k, networks in enumerate(held):
            own = self.fold == k
            f = features(networks, copies, self.index[own])
            self.guards.append(guard_of(copies, networks, np.flatnonzero(fold != k)))
            self.features[own] = f
            with torch.no_grad():
                self.logits[own] = torch.cat(list(self.heads[k](f[:, None]).values()), 1)
            self.distance[own] = distance(self.guards[k], f)
        self.allowed = torch.from_numpy(np.stack([r['truth'] for r in self.rows]))
        self.subject = np.array([subject(r) or 'strangers' for r in self.rows])
        self.group = np.array([r['group'] for r in self.rows])
        self.truth = torch.from_numpy(np.stack([fact_truth(r['truth']) for r in self.rows]))
        self.asked = np.array([[counts(h, r) for h in HEADS] for r in self.rows])

    def columns(self, head):
        return next(slice(a, b) for h, a, b in split() if h == head)

    def known(self, head):
        """Copies that count for a head and whose truth is known."""
        own = self.allowed[:, self.columns(head)]
        return self.asked[:, list(HEADS).index(head)] & ~own.all(1).numpy()

    def ask(self, settings, own):
        """Probabilities of every fact about some copies under the networks of their folds."""
        p = torch.zeros(int(own.sum()), len(facts()), 3)
        for k, heads in enumerate(self.heads):
            part = own & (self.fold == k)
            if part.any():
                score = Score(heads, settings['temperatures'], dict(self.guards[k], **settings['limits']), settings['bars']).eval()
                p[torch.from_numpy(part[own])] = verdicts(score, self.features[torch.from_numpy(part)])
        return p

    def settings(self, use):
        """Temperatures, guard, bars and threshold from the copies in use."""
        out = {'temperatures': {}, 'bars': {}}
        for head in HEADS:
            own = torch.from_numpy(self.known(head) & use)
            out['temperatures'][head] = temperature(self.logits[own][:, self.columns(head)], self.allowed[own][:, self.columns(head)])
        real = np.isin(self.subject, SUBJECTS[:2]) & use
        out['limits'] = guard_limits(self.distance[torch.from_numpy(real)])
        p = self.ask(out, use)
        truth = self.truth[torch.from_numpy(use)]
        for head in HEADS:
            own = [i for i, fact in enumerate(facts()) if head_of(fact) == head]
            rows = torch.from_numpy((self.known(head) | (head == 'quality'))[use])
            out['bars'][head] = bar(p[rows][:, own], truth[rows][:, own])
        p = self.ask(out, use)
        kinds = [torch.from_numpy(self.subject[use] == s) for s in STRICT]
        out['threshold'] = next((t for t in [0.7 + 0.01 * i for i in range(30)]
                                 if all(right_share(p[k], truth[k], t) >= PRECISION for k in kinds)), 0.99)
        return out


def right_share(p, truth, threshold):
    done, right = said(p, truth, threshold)
    return float(right.sum() / max(1, int(done.sum())))


def bar(p, truth):
    """The lowest probability above which answers are right often enough."""
    for t in [0.5 + 0.01 * i for i in range(50)]:
        done, right = said(p, truth, t)
        if int(done.sum()) >= FEWEST and float(right.sum() / done.sum()) >= PRECISION:
            return t
    return NEVER


def interval(top, bottom, groups, rng):
    """95 % interval of sum(top)/sum(bottom), drawn by picture."""
    names, number = np.unique(groups, return_inverse=True)
    top, bottom = np.bincount(number, top, len(names)), np.bincount(number, bottom, len(names))
    draws = rng.integers(0, len(names), (SAMPLES, len(names)))
    shares = top[draws].sum(1) / np.maximum(1, bottom[draws].sum(1))
    return [float(v) for v in np.percentile(shares, (2.5, 97.5))]


def share(top, bottom, groups, rng):
    """A share with its interval, or None without cases."""
    top, bottom = np.asarray(top, float), np.asarray(bottom, float)
    if not bottom.sum():
        return None
    return {'share': top.sum() / bottom.sum(), 'between': interval(top, bottom, groups, rng), 'n': int(bottom.sum())}


def head_table(pool, rng):
    """Accuracy by head of held-out pictures, with both shuffles and the most frequent class."""
    out = []
    for head in HEADS:
        own = np.flatnonzero(pool.known(head))
        if len(own) == 0:
            continue
        guess, may = pool.logits[own][:, pool.columns(head)].argmax(1), pool.allowed[own][:, pool.columns(head)]
        regions = np.array([pool.rows[i]['region'] for i in own])
        across, within = rng.permutation(len(own)), np.arange(len(own))
        for region in sorted(set(regions)):
            part = np.flatnonzero(regions == region)
            within[part] = rng.permutation(part)
        hit = lambda order: may[torch.arange(len(own)), guess[torch.from_numpy(np.asarray(order))]].numpy()
        right = share(hit(np.arange(len(own))), np.ones(len(own)), pool.group[own], rng)
        out.append({'head': head, 'right': right, 'within': float(hit(within).mean()), 'across': float(hit(across).mean()),
                    'text_only': float(may.float().mean(0).max())})
    return out


def calibration_error(p, truth, bins=10):
    """Expected calibration error of the answers, over facts with a truth."""
    confidence, answer = p[..., :2].max(-1)
    known = (truth >= 0) & (confidence > p[..., 2])
    confidence, right = confidence[known], (answer == truth)[known].float()
    place = (confidence * bins).long().clamp(max=bins - 1)
    return float(sum((place == b).float().mean() * (confidence[place == b].mean() - right[place == b].mean()).abs()
                     for b in range(bins) if (place == b).any()))


def subject_table(pool, done, right, p, rng):
    """By kind of picture: how much was answered, how often rightly, and yes and no alone."""
    out = []
    for name in SUBJECTS:
        own = torch.from_numpy(pool.subject == name)
        truth, d, r, group = pool.truth[own], done[own], right[own], pool.group[own.numpy()]
        yes = d & (p[own][..., 1] > p[own][..., 0])
        of = lambda top, bottom: share(top.sum(1).numpy(), bottom.sum(1).numpy(), group, rng)
        out.append({'subject': name, 'pictures': int(own.sum()), 'answered': of(d, truth >= 0),
                    'true_answered': of(d & (truth == 1), truth == 1), 'right': of(r, d), 'yes': of(yes & r, yes), 'no': of(d & ~yes & r, d & ~yes)})
    return out


def fact_table(pool, done, right):
    real = torch.from_numpy(np.isin(pool.subject, SUBJECTS[:4]))
    out = []
    for i, name in enumerate(facts()):
        rows = real if head_of(name) not in FINDINGS else torch.from_numpy(np.isin(pool.subject, SUBJECTS[4:]))
        known = (pool.truth[:, i] >= 0) & rows
        if i and known.any():
            d, r = int((done[:, i] & known).sum()), int((right[:, i] & known).sum())
            out.append({'fact': name, 'n': int(known.sum()), 'true': int((pool.truth[:, i] == 1)[known].sum()),
                        'answered': d / int(known.sum()), 'right': r / d if d else None})
    return out


def finding_table(pool, done, right, p, rng):
    """Presence, side and zone of what was planted, on real pictures and on phantoms, as answers and as the likeliest class."""
    out = []
    for name, classes in FINDINGS.items():
        own = pool.columns(name)
        for subject_name in SUBJECTS[4:]:
            rows = np.flatnonzero((pool.subject == subject_name) & pool.known(name))
            rows = [i for i in rows if not pool.allowed[i, own][0]]  # 'other' is not the truth
            if not rows:
                continue
            guess, may = pool.logits[rows][:, own].argmax(1), pool.allowed[rows][:, own]
            there = ~may[:, 1].numpy()
            hit = may[torch.arange(len(rows)), guess].numpy()
            seen = (guess > 1).numpy()
            fact = list(facts()).index(name)
            answered, correct = done[rows][:, fact].numpy(), right[rows][:, fact].numpy()
            out.append({'finding': name, 'on': subject_name, 'n': len(rows), 'there': int(there.sum()),
                        'found': share(seen & there, there, pool.group[rows], rng),
                        'place': share(hit & seen & there, seen & there, pool.group[rows], rng) if len(classes) > 1 else None,
                        'cleared': share(~seen & ~there, ~there, pool.group[rows], rng),
                        'answered': float(answered.mean()), 'right': share(correct, answered, pool.group[rows], rng)})
    return out


def study(copies, fold, held, final, args):
    """The figures of the card, and what the shipped score graph needs: temperatures, guard, bars, threshold."""
    rng = np.random.default_rng(args.seed)
    pool = Pool(copies, fold, held)
    p = torch.zeros(len(pool.rows), len(facts()), 3)
    done, right = torch.zeros(p.shape[:2], dtype=torch.bool), torch.zeros(p.shape[:2], dtype=torch.bool)
    for k in range(len(held)):
        own = pool.fold == k
        chosen = pool.settings(~own)
        part = torch.from_numpy(own)
        p[part] = pool.ask(chosen, own)
        done[part], right[part] = said(p[part], pool.truth[part], chosen['threshold'])
    shipped = pool.settings(np.ones(len(pool.rows), bool))
    guard = dict(guard_of(copies, final, np.arange(len(copies.rows))), **shipped['limits'])
    real = torch.from_numpy(np.isin(pool.subject, SUBJECTS[:2]))
    strangers = torch.from_numpy(pool.subject == 'strangers')
    modalities = [i for i, name in enumerate(facts()) if name in ('ct', 'mr', 'us', 'xr')]
    threshold = shipped['threshold']
    planted = [i for i, name in enumerate(facts()) if head_of(name) in FINDINGS]
    chest = np.array([s in SUBJECTS[:2] and r['modality'] == 'xr' and r['region'] == 'chest' for s, r in zip(pool.subject, pool.rows)])
    return {
        'score': Score(heads_of(final), shipped['temperatures'], guard, shipped['bars']).eval(),
        **{k: shipped[k] for k in ('temperatures', 'threshold', 'limits', 'bars')},
        'heads': head_table(pool, rng), 'subjects': subject_table(pool, done, right, p, rng), 'facts': fact_table(pool, done, right),
        'findings': finding_table(pool, done, right, p, rng),
        'curve': [(t,) + curve_point(p[real], pool.truth[real], t) for t in (0.5, 0.6, 0.7, 0.8, 0.9, 0.95)],
        'ece': calibration_error(p[real], pool.truth[real]),
        'strangers': {kind: stranger_share(pool, p, strangers, modalities, threshold, kind)
                      for kind in ('photographs and drawings', 'made up')},
        'claimed': (int(chest.sum()), int((p[torch.from_numpy(chest)][:, planted, 1] >= threshold).any(1).sum())),
        'objects': object_table(pool, p, done, right),
    }


def curve_point(p, truth, threshold):
    done, right = said(p, truth, threshold)
    return float(done.sum() / (truth >= 0).sum()), float(right.sum() / max(1, int(done.sum()))), int(done.sum())


def stranger_share(pool, p, strangers, modalities, threshold, kind):
    own = strangers & torch.tensor([bool(r.get('made')) == (kind == 'made up') for r in pool.rows])
    return int(own.sum()), float((p[own][:, modalities, 1] >= threshold).any(1).float().mean())


def object_table(pool, p, done, right):
    """Each DICOM object, judged by a network that did not see it."""
    out = []
    for i in np.flatnonzero(pool.subject == 'DICOM objects'):
        row = pool.rows[i]
        guess = [HEADS[h][int(pool.logits[i, pool.columns(h)].argmax())] for h in ('modality', 'region', 'plane')]
        asked = pool.truth[i] >= 0
        wrong = [name for k, name in enumerate(facts()) if done[i, k] and not right[i, k]]
        out.append({'file': row['file'], 'truth': '/'.join(row[k] for k in ('modality', 'region', 'plane')), 'guess': '/'.join(guess),
                    'distance': float(pool.distance[i]), 'answered': float(done[i].sum() / max(1, int(asked.sum()))), 'wrong': wrong})
    return out
