package report

// phrases is a set of token sequences as a trie, for longest-match look-up.
type phrases struct {
	edges  map[uint64]int32 // node<<32 | word → node
	leaves map[int32]leaf
	nodes  int32
}

type leaf struct {
	value int32
	upper bool // an abbreviation: matches only in capitals, so 'us' is no ultrasound
}

func newPhrases() phrases {
	return phrases{edges: map[uint64]int32{}, leaves: map[int32]leaf{}, nodes: 1}
}

// add enters a phrase; the first to claim a sequence keeps it, but a spelling that need not be in capitals wins.
func (p *phrases) add(ids []int32, v leaf) {
	if len(ids) == 0 {
		return
	}
	node := p.node(ids)
	if old, taken := p.leaves[node]; !taken || old.value == v.value && old.upper {
		p.leaves[node] = v
	}
}

// mark enters a phrase whose value is a set of bits: entries of one phrase unite.
func (p *phrases) mark(ids []int32, bits int32) {
	node := p.node(ids)
	p.leaves[node] = leaf{value: p.leaves[node].value | bits}
}

// widen gives a marked phrase the bits of the phrases inside it: 'clinical correlation recommended' is
// vague by itself and advice by its first words.
func (p *phrases) widen(ids []int32) {
	node := p.node(ids)
	v, marked := p.leaves[node]
	if !marked {
		return
	}
	tokens := make([]token, len(ids))
	for i := range ids {
		end := len(ids)
		if i == 0 {
			end--
		}
		bits, _ := p.longest(ids[i:end], tokens[i:end])
		v.value |= bits
	}
	p.leaves[node] = v
}

// node walks to the end of a sequence and builds the path where it is missing.
func (p *phrases) node(ids []int32) int32 {
	node := int32(0)
	for _, id := range ids {
		key := uint64(node)<<32 | uint64(uint32(id))
		next, ok := p.edges[key]
		if !ok {
			next = p.nodes
			p.nodes++
			p.edges[key] = next
		}
		node = next
	}
	return node
}

// longest finds the longest phrase that starts at ids[0]; n is its length in tokens, 0 for none.
func (p *phrases) longest(ids []int32, tokens []token) (value int32, n int) {
	node, upper := int32(0), true
	for i, id := range ids {
		if id == 0 {
			break
		}
		next, ok := p.edges[uint64(node)<<32|uint64(uint32(id))]
		if !ok {
			break
		}
		node = next
		upper = upper && tokens[i].upper
		if v, ok := p.leaves[node]; ok && (upper || !v.upper) {
			value, n = v.value, i+1
		}
	}
	return value, n
}
