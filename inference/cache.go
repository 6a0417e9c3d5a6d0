package inference

import (
	"container/list"
	"crypto/sha256"
	"encoding/binary"
	"sync"
)

// cacheBytes bounds the image tokens that a Model keeps: 17 pictures of
// OFA-large, many thousands of the built-in pack.
const cacheBytes = 64 << 20

// pictureKey identifies a prepared picture by its content: several reports of a
// study, a revision or a check before sign-off ask about the same ones.
type pictureKey [sha256.Size]byte

func keyOf(r raster) pictureKey {
	h := sha256.New()
	h.Write(binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(nil, uint32(r.w)), uint32(r.h)))
	h.Write(r.pix)
	return pictureKey(h.Sum(nil))
}

// cache keeps the most recently used tokens. The zero cache is ready.
type cache struct {
	mu    sync.Mutex
	order list.List // of *cached, the most recently used first
	found map[pictureKey]*list.Element
	bytes int
}

type cached struct {
	key     pictureKey
	encoded *Encoded
}

// entryBytes is what an entry takes beside its tokens.
const entryBytes = 512

func (e *Encoded) bytes() int { return entryBytes + 4*int(size(e.tokens.Shape)) }

func (c *cache) get(key pictureKey) *Encoded {
	c.mu.Lock()
	defer c.mu.Unlock()
	element, ok := c.found[key]
	if !ok {
		return nil
	}
	c.order.MoveToFront(element)
	return element.Value.(*cached).encoded
}

// put keeps tokens, and drops the longest unused ones that no longer fit.
func (c *cache) put(key pictureKey, e *Encoded) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.found[key]; ok || e.bytes() > cacheBytes {
		return
	}
	if c.found == nil {
		c.found = map[pictureKey]*list.Element{}
	}
	c.found[key] = c.order.PushFront(&cached{key, e})
	for c.bytes += e.bytes(); c.bytes > cacheBytes; {
		last := c.order.Remove(c.order.Back()).(*cached)
		delete(c.found, last.key)
		c.bytes -= last.encoded.bytes()
	}
}
