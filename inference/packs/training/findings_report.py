"""The study of findings in Markdown. Intervals are 95 %, by drawing pictures with replacement; each row counts as the
mean over the seeds."""
import re

import numpy as np

from card import table

DRAWS = 2000
GOALS = {'accuracy': 0.71, 'over the controls': 0.04, 'half': 0.82, 'no': 0.9}
CATEGORIES = {
    'heart': r'heart|cardi', 'pleura': r'effusion|costophrenic|pneumothora', 'lung': r'lung|opaci|consolid|infiltr|pneumonia',
    'mass, lesion, nodule': r'mass|lesion|tumor|nodul', 'fracture': r'fractur|broken', 'free air': r'free air|pneumoperi|peritoneal',
    'bleeding, infarct': r'hemorrh|haemorrh|bleed|blood|infarct|stroke|ischem', 'ventricles, shift': r'ventric|midline|shift|hydroceph',
    'enhancement': r'enhanc|contrast|attenuat', 'normal or abnormal': r'normal',
}


class Draws:
    """How often each picture was drawn, for every row."""

    def __init__(self, pictures):
        rng = np.random.default_rng(11)
        count = pictures.max() + 1
        self.times = np.stack([np.bincount(rng.integers(count, size=count), minlength=count) for _ in range(DRAWS)])[:, pictures]

    def mean(self, value, weight=None):
        """(mean, low, high) of a value by row; rows count by weight."""
        weight = np.ones(len(value)) if weight is None else weight
        drawn = self.times * weight
        all_ = drawn.sum(1)
        means = (drawn @ value)[all_ > 0] / all_[all_ > 0]
        return (np.average(value, weights=weight),) + tuple(np.quantile(means, [0.025, 0.975]))


def share(m):
    return '%.1f (%.1f-%.1f)' % tuple(100 * x for x in m)


def gain(m):
    return '%+.1f (%+.1f to %+.1f)' % tuple(100 * x for x in m)


def right(p, y):
    """By row the share of seeds that lean right; p is [seeds, rows]."""
    return ((p > 0.5) == (y > 0)).mean(0)


def surest_half(p):
    """By row the share of seeds in which it is among the more confident half."""
    rank = np.argsort(np.argsort(-np.abs(p - 0.5), axis=1), axis=1)
    return (rank < p.shape[1] / 2)


def half(p, y, draws):
    chosen = surest_half(p)
    ok = (((p > 0.5) == (y > 0)) & chosen).sum(0) / np.maximum(chosen.sum(0), 1)
    return draws.mean(ok, chosen.mean(0))


def balanced(p, y, draws):
    ok = right(p, y)
    weight = np.where(y > 0, 1 / (y > 0).sum(), 1 / (y < 0).sum())
    return draws.mean(ok, weight)


def calibration_error(p, y):
    confidence, ok = np.maximum(p, 1 - p).ravel(), ((p > 0.5) == (y > 0)).ravel()
    bins = np.minimum((confidence * 10).astype(int), 9)
    return sum(abs(confidence[bins == b].mean() - ok[bins == b].mean()) * (bins == b).mean() for b in np.unique(bins))


def verdicts_no(p, limit, y, draws):
    """How many rows get a 'no' at the threshold of their fold, and how many of these are right."""
    said = p < limit
    if not said.any():
        return '0 %', 'none'
    ok = (said & (y < 0)).sum(0) / np.maximum(said.sum(0), 1)
    return '%.1f %%' % (100 * said.mean()), share(draws.mean(ok, said.mean(0)))


def overview(results, y, draws):
    text = right(results['text only'][0], y)
    rows = []
    for name, (p, other, limit) in results.items():
        ok = right(p, y)
        rows.append([name, share(draws.mean(ok)), gain(draws.mean(ok - text)), gain(draws.mean(ok - right(other, y))),
                     share(balanced(p, y, draws)), share(half(p, y, draws)), '%.3f' % calibration_error(p, y)] +
                    list(verdicts_no(p, limit, y, draws)))
    return table(['model', 'right', 'against text only', 'against other pictures', 'balanced', 'surer half right', 'ECE', "answered 'no'", "'no' right"], rows)


def by_category(data, results, y, draws):
    rows = []
    for name, pattern in CATEGORIES.items():
        own = np.array([bool(re.search(pattern, q, re.I)) for q in data.questions[:data.n]])
        text, joint, other = (right(results[m][i], y)[own] for m, i in (('text only', 0), ('+ all of them', 0), ('+ all of them', 1)))
        drawn = Draws.__new__(Draws)
        drawn.times = draws.times[:, own]
        rows.append([name, own.sum(), len(np.unique(data.group[:data.n][own])), share(drawn.mean(text)), gain(drawn.mean(joint - text)), gain(drawn.mean(joint - other))])
    return table(['questions about', 'rows', 'pictures', 'text only right', 'all of them against text only', 'against other pictures'], rows)


def best(results, y, draws):
    """The model that pictures help most, and what is missing to the goals."""
    name = max((n for n in results if n not in ('text only', 'text and organ')), key=lambda n: right(results[n][0], y).mean())
    p, other, limit = results[name]
    ok = right(p, y)
    gains = [draws.mean(ok - right(results['text only'][0], y))[0], draws.mean(ok - right(other, y))[0]]
    rows = [['right', '%.0f %%' % (100 * GOALS['accuracy']), share(draws.mean(ok))],
            ['over text only and over other pictures', '%.0f points' % (100 * GOALS['over the controls']), ', '.join('%+.1f' % (100 * g) for g in gains)],
            ['right in the surer half', '%.0f %%' % (100 * GOALS['half']), share(half(p, y, draws))],
            ["'no' right at the threshold", '%.0f %%' % (100 * GOALS['no']), verdicts_no(p, limit, y, draws)[1]]]
    return name, table(['figure', 'goal', name], rows)


def report(data, results, seeds):
    y, draws = data.y[:data.n], Draws(data.group[:data.n])
    name, goals = best(results, y, draws)
    return TEXT.format(rows=data.n, pictures=len(data.names), yes='%.1f' % (100 * (y > 0).mean()), seeds=seeds,
                       overview=overview(results, y, draws), categories=by_category(data, results, y, draws), goals=goals)


TEXT = '''## Findings: a study

Do pictures help to answer questions about findings? {rows} questions of VQA-RAD that are answered by yes or no and ask about neither
modality, plane nor organ, over {pictures} pictures; {yes} % are yes. Five folds split by picture, all of {seeds} seeds counted; what is
chosen is chosen within the training folds. All figures in percent, with 95 % intervals by drawing pictures. 'Against other
pictures': the same model, each test picture replaced by another of its organ. `training/findings.py` prints this section.

{overview}

- *Text* is the sentence embedding of all-MiniLM-L6-v2 and the words; *encoder* is EfficientNet-Lite0 (Apache-2.0), its last map
  pooled, or a 4 × 4 grid of the map of stride 16 (*by place*); *CT encoder*, of the sections only, is that of Astra (MIT), which learnt
  from CT volumes and their reports and is too large for a pack; *measures* are grey levels by place, their difference from the other
  side, cardiothoracic ratio, area, depth and density of the lungs, and what is dark and bright at the middle of a head; *planted
  findings* are how much a chest looks as if an opacity, nodule, effusion, pneumothorax or pacemaker had been planted, learnt on
  the training pictures. *Fixed text offset*: the text's score, made out of fold, is kept, and the picture explains the rest.
- Each joins question and picture by the product of their kernels, so that similar questions about similar pictures are
  answered alike; a weight of zero may be chosen.
- 'No' is said below a threshold under which 90 % of the training folds' out-of-fold verdicts were right.

The best of them against the goals:

{goals}

By what is asked about:

{categories}

What limits it: a few dozen pictures with a handful of positive ones for each finding, while encoders that were trained on
everyday photographs do not know what disease looks like, and the one that does is shown windowed pictures for volumes. Two packages that carry networks trained for pneumonia and for brain
tumours name no licence and were not used; others fetch their weights from hosts, not from a registry. A gain that is no larger
than its interval is none: the pack says `maybe` or `not_judged` of the findings of patients.
'''
