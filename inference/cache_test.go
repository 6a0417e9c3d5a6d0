package inference

import (
	"image"
	"testing"
)

func encodedOf(bytes int) *Encoded {
	return &Encoded{tokens: &Tensor{Shape: []int64{1, 1, int64((bytes - entryBytes) / 4)}}}
}

func TestCacheDropsTheLongestUnused(t *testing.T) {
	var c cache
	key := func(n byte) pictureKey { return pictureKey{n} }
	third := cacheBytes / 3
	for n := range byte(3) {
		c.put(key(n), encodedOf(third))
	}
	c.get(key(0)) // now 1 is the longest unused
	c.put(key(3), encodedOf(third))
	for n, want := range map[byte]bool{0: true, 1: false, 2: true, 3: true} {
		if got := c.get(key(n)) != nil; got != want {
			t.Errorf("picture %d is kept: %v, want %v", n, got, want)
		}
	}
	c.put(key(9), encodedOf(cacheBytes+4))
	if c.get(key(9)) != nil || c.bytes > cacheBytes {
		t.Errorf("the cache holds %d bytes; %d are allowed", c.bytes, cacheBytes)
	}
}

func TestKeyTellsPicturesApart(t *testing.T) {
	wide, tall := rasterOf(image.NewGray(image.Rect(0, 0, 8, 2))), rasterOf(image.NewGray(image.Rect(0, 0, 2, 8)))
	if keyOf(wide) == keyOf(tall) {
		t.Error("pictures of other shapes have one key")
	}
	if keyOf(wide) != keyOf(rasterOf(image.NewGray(image.Rect(0, 0, 8, 2)))) {
		t.Error("the same picture has two keys")
	}
}
