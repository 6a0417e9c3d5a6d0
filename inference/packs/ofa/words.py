"""The tokenizer files of a pack, and the ids of its goldens' sentences."""
import json
import os
import re
import shutil


def write(source, out):
    """Writes vocab.json and merges.txt of HF, or of fairseq's dict.txt, encoder.json and vocab.bpe → {piece: id}."""
    if os.path.exists(os.path.join(source, 'vocab.json')):
        shutil.copyfile(os.path.join(source, 'vocab.json'), os.path.join(out, 'vocab.json'))
        shutil.copyfile(os.path.join(source, 'merges.txt'), os.path.join(out, 'merges.txt'))
        return json.load(open(os.path.join(out, 'vocab.json'), encoding='utf-8'))
    missing = [n for n in ('dict.txt', 'encoder.json', 'vocab.bpe') if not os.path.exists(os.path.join(source, n))]
    if missing:
        raise SystemExit('%s has neither vocab.json and merges.txt nor dict.txt, encoder.json and vocab.bpe (missing: %s); '
                         'name their folder with --tokenizer' % (source, ', '.join(missing)))
    vocabulary = fairseq(os.path.join(source, 'dict.txt'), os.path.join(source, 'encoder.json'))
    with open(os.path.join(out, 'vocab.json'), 'w', encoding='utf-8') as f:
        json.dump(vocabulary, f, ensure_ascii=False)
    shutil.copyfile(os.path.join(source, 'vocab.bpe'), os.path.join(out, 'merges.txt'))
    return vocabulary


def fairseq(dictionary, encoder):
    """Row i of dict.txt names a GPT-2 id and gets the final id 4 + i; rows that name none hold their place."""
    pieces = {str(number): piece for piece, number in json.load(open(encoder, encoding='utf-8')).items()}
    vocabulary = {'<s>': 0, '<pad>': 1, '</s>': 2, '<unk>': 3}
    rows = [line.rsplit(' ', 1)[0] for line in open(dictionary, encoding='utf-8').read().splitlines()]
    for i, row in enumerate(rows):
        if row in pieces:
            vocabulary[pieces[row]] = 4 + i
    vocabulary['<mask>'] = 4 + len(rows)
    return vocabulary


def ranks(merges):
    """merges.txt → {(left, right): rank}"""
    lines = open(merges, encoding='utf-8').read().split('\n')
    pairs = [tuple(line.split(' ')) for line in lines if line and not line.startswith('#version')]
    return {pair: rank for rank, pair in enumerate(pairs)}


def encode(text, vocabulary, rank):
    """Ids of plain ASCII text in lower case, without <s> and </s>: GPT-2's byte-level pairs."""
    ids = []
    for word in re.findall(r" ?[a-z]+| ?[0-9]+| ?[^\sa-z0-9]+|\s+(?!\S)|\s+", text):
        pieces = list(word.replace(' ', 'Ġ'))
        while len(pieces) > 1:
            best = min(range(len(pieces) - 1), key=lambda i: rank.get((pieces[i], pieces[i + 1]), len(rank)))
            if (pieces[best], pieces[best + 1]) not in rank:
                break
            pieces[best:best + 2] = [pieces[best] + pieces[best + 1]]
        ids += [vocabulary.get(piece, vocabulary['<unk>']) for piece in pieces]
    return ids
