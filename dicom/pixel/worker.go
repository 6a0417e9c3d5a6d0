package pixel

import (
	"encoding/json"
	"errors"
	"os"
	"runtime/debug"
	"time"

	"golang.org/x/sys/unix"

	"concord/dicom/pixel/codec"
)

// workerVariable makes a process that links this package a decode worker.
const workerVariable = "CONCORD_PIXEL_WORKER"

// What a worker inherits.
const (
	workerSocket = 3 // jobs in, replies out, one message each
	workerMemory = 4 // [maxFrame] compressed bytes, then as many for samples
)

// job asks a worker to decode the first Length bytes of its memory.
type job struct {
	Format codec.Format
	Length int
	// The worker ends itself after so much time, or time of its processors.
	Limit, Processor time.Duration
}

// reply says how the samples lie in the worker's memory, or why there are none.
type reply struct {
	Layout codec.Layout
	Code   codec.Code
	Reason string
}

// maxMessage bounds a job and a reply.
const maxMessage = 4096

// A worker is this very binary, whichever it is: it becomes one before main.
func init() {
	if os.Getenv(workerVariable) != "" {
		os.Exit(work())
	}
}

// work does jobs until the socket closes and returns the exit status.
func work() int {
	memory, err := unix.Mmap(workerMemory, 0, 2*maxFrame, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return 1
	}
	debug.SetTraceback("none")
	if err := confine(); err != nil {
		return 1
	}
	message := make([]byte, maxMessage)
	for {
		n, err := unix.Read(workerSocket, message)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if n <= 0 || err != nil {
			return 0
		}
		var j job
		if err := json.Unmarshal(message[:n], &j); err != nil {
			return 1
		}
		done := make(chan struct{})
		go j.watch(processorTime(), done)
		answer, err := json.Marshal(j.do(memory))
		close(done)
		if err != nil || len(answer) > maxMessage {
			return 1
		}
		if _, err := unix.Write(workerSocket, answer); err != nil {
			return 1
		}
	}
}

// watch ends this process when the job takes more than it may. Time of the
// processors tells a decoder that spins from a machine that is busy.
func (j *job) watch(before time.Duration, done <-chan struct{}) {
	const often = 20 * time.Millisecond
	tick := time.NewTicker(often)
	for start := time.Now(); ; {
		select {
		case <-done:
			tick.Stop()
			return
		case <-tick.C:
			if processorTime()-before > j.Processor || time.Since(start) > j.Limit {
				os.Exit(1)
			}
		}
	}
}

// processorTime is what this process has used so far.
func processorTime() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_PROCESS_CPUTIME_ID, &t); err != nil {
		return 0
	}
	return time.Duration(t.Nano())
}

func (j *job) do(memory []byte) reply {
	size := j.Format.Size()
	if j.Length > maxFrame || size > maxFrame {
		return reply{Code: codec.Malformed, Reason: "a frame does not fit the worker"}
	}
	layout, err := codec.Decode(&j.Format, memory[:j.Length:j.Length], memory[maxFrame:][:size:size])
	var e *codec.Error
	if errors.As(err, &e) {
		return reply{Code: e.Code, Reason: e.Reason}
	}
	return reply{Layout: layout}
}
