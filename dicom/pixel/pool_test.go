package pixel

import (
	"bytes"
	"compress/flate"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"concord/dicom"
	"concord/dicom/pixel/codec"
)

// rleFormat and rleFrame are a frame of 2 × 2 pixels.
var (
	rleFormat = codec.Format{Syntax: dicom.RLELossless, Rows: 2, Columns: 2, Samples: 1, BitsAllocated: 8, Photometric: "MONOCHROME2"}
	rleFrame  = append(append([]byte{1, 0, 0, 0, 64, 0, 0, 0}, make([]byte, 56)...), 3, 1, 2, 3, 4)
)

// decodeRLE lets a worker of the pool decode rleFrame and checks the samples.
func decodeRLE(p *pool, meddle func(*worker)) error {
	w, err := p.acquire()
	if err != nil {
		return err
	}
	defer w.release()
	if meddle != nil {
		meddle(w)
	}
	copy(w.memory, rleFrame)
	if _, err := w.decode(&rleFormat, len(rleFrame)); err != nil {
		return err
	}
	if got := w.memory[maxFrame:][:4]; !bytes.Equal(got, []byte{1, 2, 3, 4}) {
		return fmt.Errorf("samples %v", got)
	}
	return nil
}

// TestWorkerDies: whatever ends a worker costs one frame, and the next frame
// has a fresh one.
func TestWorkerDies(t *testing.T) {
	signal := func(s unix.Signal) func(*worker) {
		return func(w *worker) {
			if err := unix.Kill(w.cmd.Process.Pid, s); err != nil {
				t.Error(err)
			}
		}
	}
	for name, c := range map[string]struct {
		meddle func(*worker)
		reason string
	}{
		"killed":      {signal(unix.SIGKILL), "died"},
		"crashed":     {signal(unix.SIGSEGV), "died"},
		"hangs":       {signal(unix.SIGSTOP), "not decoded within"},
		"talks trash": {func(w *worker) { w.socket.Write([]byte("{")) }, "died"}, // the decode shows it
	} {
		t.Run(name, func(t *testing.T) {
			p := newPool(1)
			p.deadline = func(int64) time.Duration { return 300 * time.Millisecond }
			defer p.end()
			if err := decodeRLE(p, nil); err != nil {
				t.Fatal(err)
			}
			err := decodeRLE(p, c.meddle)
			if codeOf(err) != Decoder || !strings.Contains(err.Error(), c.reason) {
				t.Errorf("got %v", err)
			}
			p.deadline = frameTime
			if err := decodeRLE(p, nil); err != nil {
				t.Errorf("the next frame: %v", err)
			}
		})
	}
}

// TestIdleWorkerDies: what ends a worker between two frames costs none.
func TestIdleWorkerDies(t *testing.T) {
	p := newPool(1)
	defer p.end()
	for range 2 {
		var idle *worker
		if err := decodeRLE(p, func(w *worker) { idle = w }); err != nil {
			t.Fatal(err)
		}
		if err := idle.cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		for idle.alive() { // until the kernel has closed its socket
			time.Sleep(time.Millisecond)
		}
	}
}

// TestWorkerMemory: a frame that needs more than its worker may have costs that
// frame.
func TestWorkerMemory(t *testing.T) {
	p := newPool(1)
	defer p.end()
	w, err := p.acquire()
	if err != nil {
		t.Fatal(err)
	}
	defer w.release()
	// A progressive JPEG of 8000 × 8000 pixels of 12 bits needs 256 MB of coefficients.
	w.memory[0], w.memory[1] = 0xFF, 0xD8
	header := []byte{0xFF, 0xC2, 0, 11, 12, 0x1F, 0x40, 0x1F, 0x40, 1, 1, 0x11, 0}
	copy(w.memory[2:], header)
	format := codec.Format{Syntax: dicom.JPEGExtended, Rows: 8000, Columns: 8000, Samples: 1, BitsAllocated: 16}
	limit := frameMemory(1 << 20)
	_, err = w.ask(job{Format: format, Length: 8 << 20, Limit: time.Minute, Processor: time.Minute}, limit, time.Minute)
	w.retired = true
	if err == nil {
		t.Error("the worker outlived its memory")
	}
}

// TestWorkerSpins: a decoder that takes too much of the processor is ended long
// before the deadline.
func TestWorkerSpins(t *testing.T) {
	p := newPool(1)
	p.deadline = func(int64) time.Duration { return time.Hour }
	p.processor = func(int64) time.Duration { return time.Nanosecond }
	defer p.end()
	w, err := p.acquire()
	if err != nil {
		t.Fatal(err)
	}
	defer w.release()
	format := codec.Format{Syntax: dicom.DeflatedImageFrame, Rows: 8192, Columns: 8192, Samples: 1, BitsAllocated: 8}
	var deflated bytes.Buffer
	writer, err := flate.NewWriter(&deflated, flate.HuffmanOnly)
	if err != nil {
		t.Fatal(err)
	}
	slow := make([]byte, 1<<20) // a code of its own for each byte takes many times what the watch needs to see it
	for i := range slow {
		slow[i] = byte(i*i>>4) % 64 // six bits each
	}
	for range format.Size() >> 20 {
		writer.Write(slow) // a buffer takes all
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	_, err = w.decode(&format, copy(w.memory, deflated.Bytes()))
	if codeOf(err) != Decoder || !strings.Contains(err.Error(), "1ns of a processor") {
		t.Errorf("got %v", err)
	}
}

// TestSandbox: a worker that has worked is confined.
func TestSandbox(t *testing.T) {
	p := newPool(1)
	defer p.end()
	if err := decodeRLE(p, nil); err != nil {
		t.Fatal(err)
	}
	err := decodeRLE(p, func(w *worker) {
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", w.cmd.Process.Pid))
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range []string{"NoNewPrivs:\t1", "Seccomp:\t2"} {
			if !strings.Contains(string(status), line) {
				t.Errorf("%q is not in\n%s", line, status)
			}
		}
		files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", w.cmd.Process.Pid))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			target, _ := os.Readlink(fmt.Sprintf("/proc/%d/fd/%s", w.cmd.Process.Pid, f.Name()))
			if target != "/dev/null" && !strings.HasPrefix(target, "socket:") && !strings.HasPrefix(target, "/memfd:") &&
				!strings.HasPrefix(target, "anon_inode:") {
				t.Errorf("the worker holds %s", target)
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestPoolBounds: many frames at once share few workers.
func TestPoolBounds(t *testing.T) {
	p := newPool(2)
	defer p.end()
	pids := sync.Map{}
	var group sync.WaitGroup
	for range 40 {
		group.Go(func() {
			if err := decodeRLE(p, func(w *worker) { pids.Store(w.cmd.Process.Pid, true) }); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	count := 0
	pids.Range(func(any, any) bool { count++; return true })
	if count < 1 || count > 2 {
		t.Errorf("%d workers", count)
	}
}

// TestQuietPool: workers start when a frame comes, and end when no more come.
func TestQuietPool(t *testing.T) {
	p := newPool(1)
	var process *os.Process
	if err := decodeRLE(p, func(w *worker) { process = w.cmd.Process }); err != nil {
		t.Fatal(err)
	}
	p.quiet.Reset(0)
	for process.Signal(unix.Signal(0)) == nil {
		time.Sleep(time.Millisecond)
	}
	if err := decodeRLE(p, nil); err != nil {
		t.Error(err)
	}
	p.end()
}

// BenchmarkHandOver is a round trip to a worker with a CT slice that takes no
// time to decode.
func BenchmarkHandOver(b *testing.B) {
	p := newPool(1)
	defer p.end()
	format := codec.Format{Syntax: dicom.EncapsulatedUncompressed, Rows: 512, Columns: 512, Samples: 1, BitsAllocated: 16}
	slice := make([]byte, format.Size())
	for b.Loop() {
		w, err := p.acquire()
		if err != nil {
			b.Fatal(err)
		}
		copy(w.memory, slice)
		if _, err := w.decode(&format, len(slice)); err != nil {
			b.Fatal(err)
		}
		w.release()
	}
}

// BenchmarkSpawn starts a worker and lets it decode 2 × 2 pixels.
func BenchmarkSpawn(b *testing.B) {
	for b.Loop() {
		p := newPool(1)
		if err := decodeRLE(p, nil); err != nil {
			b.Fatal(err)
		}
		p.end()
	}
}
