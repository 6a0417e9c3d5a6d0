package console

import (
	"bytes"
	"cmp"
	"container/list"
	"image/png"
	"net/http"
	"strconv"
	"sync"

	"concord/node"
)

const (
	defaultSize    = 384
	maxSize        = 2048
	maxRendering   = 2        // pictures decoded at once: some are 100 MB on the way
	maxCache       = 64 << 20 // bytes of PNG kept
	maxCachedFrame = 4 << 20
)

// frame sends a picture of one frame as PNG, at most size pixels a side.
func (c *Console) frame(w http.ResponseWriter, r *http.Request) {
	picture, err := c.picture(r)
	if err != nil {
		c.fail(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "image/png")
	w.Header().Set("Content-Length", strconv.Itoa(len(picture)))
	w.Write(picture)
}

func (c *Console) picture(r *http.Request) ([]byte, error) {
	frame, err := number("a frame", r.PathValue("frame"))
	if err != nil {
		return nil, err
	}
	size, err := strconv.Atoi(cmp.Or(r.URL.Query().Get("size"), strconv.Itoa(defaultSize)))
	if err != nil || size < 0 || size > maxSize {
		return nil, &httpError{http.StatusBadRequest, "size must be a number from 1 to " + strconv.Itoa(maxSize) + ", or 0 for the whole picture"}
	}
	key := frameKey{r.PathValue("sop_uid"), int(min(frame, 1<<31-1)), size}
	if kept := c.frames.get(key); kept != nil {
		return kept, nil
	}
	release, err := c.frames.rendering.take(r)
	if err != nil {
		return nil, err
	}
	defer release()
	if kept := c.frames.get(key); kept != nil { // another request made it meanwhile
		return kept, nil
	}
	made, err := render(r, c.Node, key)
	if err == nil {
		c.frames.put(key, made)
	}
	return made, err
}

func render(r *http.Request, n *node.Node, key frameKey) ([]byte, error) {
	img, err := n.Preview(r.Context(), key.sopUID, key.frame, key.size)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	err = (&png.Encoder{CompressionLevel: png.BestSpeed}).Encode(&out, img)
	return out.Bytes(), err
}

type frameKey struct {
	sopUID      string
	frame, size int
}

// frameCache keeps the pictures that were looked at last. An SOP instance
// never changes, so neither do they.
type frameCache struct {
	rendering slots

	mu     sync.Mutex
	size   int
	newest list.List // of *cachedFrame
	kept   map[frameKey]*list.Element
}

type cachedFrame struct {
	key frameKey
	png []byte
}

func (f *frameCache) get(key frameKey) []byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	e, ok := f.kept[key]
	if !ok {
		return nil
	}
	f.newest.MoveToFront(e)
	return e.Value.(*cachedFrame).png
}

func (f *frameCache) put(key frameKey, png []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(png) > maxCachedFrame || f.kept[key] != nil {
		return
	}
	if f.kept == nil {
		f.kept = map[frameKey]*list.Element{}
	}
	f.kept[key] = f.newest.PushFront(&cachedFrame{key, png})
	f.size += len(png)
	for f.size > maxCache {
		oldest := f.newest.Remove(f.newest.Back()).(*cachedFrame)
		delete(f.kept, oldest.key)
		f.size -= len(oldest.png)
	}
}
