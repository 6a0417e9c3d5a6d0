package store

import (
	"fmt"
	"sync"

	"golang.org/x/sys/unix"
)

const (
	// blockSize aligns what bypasses the page cache: no disk in use asks for more.
	blockSize = 4096
	// bufferSize bytes of an object collect before they are written: 64
	// associations hold 64 MiB, of which small objects touch a part.
	bufferSize = 1 << 20
	// keptBuffers stay for the next objects, 8 MiB.
	keptBuffers = 8
)

// buffer is memory for bytes on their way to the disk. It lies at a page's start, as
// direct writes need, and outside of Go's heap, which it would make grow to its
// double.
type buffer [bufferSize]byte

// buffers are those that no draft uses, the last used on top.
type buffers struct {
	mu   sync.Mutex
	free []*buffer
}

func (b *buffers) get() (*buffer, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if n := len(b.free); n > 0 {
		memory := b.free[n-1]
		b.free = b.free[:n-1]
		return memory, nil
	}
	return newBuffer()
}

// newBuffer is all zeros. free ends it.
func newBuffer() (*buffer, error) {
	memory, err := unix.Mmap(-1, 0, len(buffer{}), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		return nil, fmt.Errorf("memory of a buffer: %w", err)
	}
	return (*buffer)(memory), nil
}

func (b *buffer) free() {
	_ = unix.Munmap(b[:]) // fails for what is no mapping
}

// put takes a buffer that nobody uses any more.
func (b *buffers) put(memory *buffer) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.free) < keptBuffers {
		b.free = append(b.free, memory)
		return
	}
	memory.free()
}

// close gives the memory back.
func (b *buffers) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, memory := range b.free {
		memory.free()
	}
	b.free = nil
}
