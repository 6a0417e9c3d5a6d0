"""The model card, from figures; nothing in it is typed that was measured."""
from collections import Counter


def percent(x):
    return '-' if x is None else '%.1f %%' % (100 * x)


def table(head, rows):
    lines = ['| ' + ' | '.join(head) + ' |', '|' + '---|' * len(head)]
    return '\n'.join(lines + ['| ' + ' | '.join(str(c) for c in row) + ' |' for row in rows])


def sources(rows):
    count = Counter((r['use'], r['file'].split('/')[0] + '/' + r['file'].split('/')[1] if r['file'].startswith('pairs') else
                     r['file'].split('/')[0], r['licence'].split(';')[0]) for r in rows)
    return table(['use', 'source', 'licence', 'pictures'], [key + (n,) for key, n in sorted(count.items())])


def text(name, version, figures, args, rows):
    heads = table(['head', 'pictures', 'right', 'shuffled within the region', 'shuffled across regions', 'text only'],
                  [(h['head'], h['n'], percent(h['right']), percent(h['within']), percent(h['across']), percent(h['text_only']))
                   for h in figures['heads']])
    facts = table(['fact', 'with a known truth', 'of them true', 'answered', 'answers right'],
                  [(f['fact'], f['n'], f['true'], percent(f['answered']), percent(f['right'])) for f in figures['facts']])
    tests = table(['object', 'truth', 'likeliest classes', 'distance', 'answered', 'answers right', 'wrong answers'],
                  [(t['file'], t['truth'], t['guess'], '%.2f' % t['guard'], percent(t['answered']), percent(t['right']),
                    ', '.join(t['wrong'])) for t in figures['tests']])
    curve = table(['threshold', 'answered', 'answers right', 'answers'],
                  [(t, percent(a), percent(b), n) for t, a, b, n in figures['curve']])
    kinds = table(['held-out pictures', 'pictures', 'answered', 'answers right', 'answers'],
                  [(k, n, percent(a), percent(b), c) for k, n, a, b, c in figures['kinds']])
    return CARD.format(kinds=kinds, name=name, version=version, seed=args.seed, epochs=args.epochs, folds=args.folds, heads=heads, facts=facts,
                       tests=tests, curve=curve, sources=sources(rows), threshold='%.2f' % figures['threshold'],
                       ece='%.3f' % figures['ece'], strangers='%s of %d' % (percent(figures['strangers'][1]), figures['strangers'][0]),
                       limit='%.2f' % figures['limits']['limit'],
                       bars=', '.join('%s %s' % (h, 'never' if b > 1 else '%.2f' % b) for h, b in figures['bars'].items()),
                       temperatures=', '.join('%s %.2f' % x for x in figures['temperatures'].items()))


CARD = '''# {name} {version}

**Not for clinical use.** The pack checks whether a sentence of a report fits the picture that it was written about. It does not
look for disease, and it was tested on few pictures from few sources.

## What it judges
Facts of the picture: modality (radiograph, CT, MR, ultrasound), body region (chest, abdomen, head), plane, PA or AP of a chest
radiograph, MR sequence, mirrored, upside down, inverted grey scale; and on the synthetic phantoms of this project whether a
lesion was planted, on which side and how high. English and Chinese, by a closed vocabulary (`terms.yaml`, not reviewed by a
clinician). A sentence with any other word is about something else and is answered `not_judged`: all findings are.
A study before this pack showed that on these pictures the text alone gets findings right as often as text and picture do.

## What it cannot do
- Judge findings, contrast, sides of real pictures, or who the patient is.
- Say yes to pelvis, neck, spine, limbs, mammograms, nuclear medicine, lateral views: it can only contradict them.
- Know what it was not shown. Its CT are axial abdomens and heads, its MR axial heads, its radiographs frontal chests; coronal and
  sagittal planes come from one head volume, ultrasound from hearts mostly and synthetic sectors, CT of the chest from two objects. See the table of other
  objects below for what happens elsewhere.
- PA against AP is confounded with hospital and equipment in this data (AP pictures are nearly all of intensive-care patients of
  one hospital).
- Labels of MR sequences were given by looking at the pictures, by a non-clinician, where the source had none.

## How it was trained
Residual network of 0.4 million weights, 128 × 128 pixels, from scratch; {epochs} epochs, seed {seed}, {folds} folds split by picture (by
patient where the source names one). All figures of pictures are of networks that never saw them; the shipped network is
trained on all pictures marked `train`. Each head has its own temperature, fitted on the held-out pictures ({temperatures}),
and a bar below which it says maybe: the lowest at which 98 % of its held-out answers were right ({bars}).
A picture whose features lie farther than {limit} (whitened distance, the 97th percentile of held-out pictures) from all kinds of
real training picture and from the phantoms is answered maybe.

## Held-out pictures, by head
Controls: the network's answers for another picture, of the same region or any; the most frequent class ('text only').
mirror, upright and grey: each real picture as it is and once more mirrored, turned over or inverted at random; view: chest
radiographs of which the source says PA or AP; sequence: MR; lesion, side and height: new phantoms; the rest: real pictures.

{heads}

## Held-out pictures, by sentence
Every fact as a sentence of its own, through bars and guard. An answer is yes or no with a probability of {threshold} or more: the
lowest threshold from 0.70 on at which 99 % of all answers were right; else maybe. Temperatures, bars and threshold were chosen
on these same pictures, so the figures of this table are a little too good. Expected calibration error {ece}. Made-up pictures that are no radiology and yet got a 'yes' on modality: {strangers}.

{kinds}

{curve}

{facts}

## Other objects
DICOM objects that no network was trained on, most of a kind that was in no training set, under the shipped network. 'Wrong
answers' names the facts of which it said the opposite of the truth.

{tests}

## Data
`training/data.tsv` lists every picture with its source and licence; none of them is in the pack. The goldens are synthetic.

{sources}
'''
