package pixel

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"
	"unicode"

	"golang.org/x/sys/unix"

	"concord/dicom/pixel/codec"
)

// pool holds the decode workers. Compressed frames are hostile bytes, and some
// codecs are C: they are decoded in processes that may die. Workers start when
// they are first needed, one for each processor at most, and wait for more; they
// end when no frame came for a while.
type pool struct {
	slots chan struct{} // one for each frame at work
	idle  chan *worker
	quiet *time.Timer // runs since the last frame
	// The time that a frame of the given size may take, and that it may take of
	// the processors.
	deadline, processor func(size int64) time.Duration
}

var workers = newPool(runtime.GOMAXPROCS(0))

func newPool(size int) *pool {
	p := &pool{slots: make(chan struct{}, size), idle: make(chan *worker, size), deadline: frameTime, processor: frameProcessor}
	p.quiet = time.AfterFunc(keepIdle, p.end)
	return p
}

// keepIdle is how long workers wait for another frame. A waiting one holds some
// 4 MiB, and what its last frames were made of, up to twice retireSize.
const keepIdle = 30 * time.Second

// end ends the workers that wait.
func (p *pool) end() {
	for {
		select {
		case w := <-p.idle:
			w.end()
		default:
			return
		}
	}
}

// frameTime is some ten times what the slowest codec takes on a slow machine
// that is busy, frameProcessor on one that is not.
func frameTime(size int64) time.Duration { return 10*time.Second + time.Duration(size>>20)*time.Second }

func frameProcessor(size int64) time.Duration {
	return 2*time.Second + time.Duration(size>>20)*400*time.Millisecond
}

// frameMemory is what a worker may allocate for a frame: a Go runtime and its
// threads, and for each sample of a byte the words and coefficients of the
// hungriest codec. The frame itself is shared memory and does not count.
func frameMemory(size int64) uint64 { return memoryFactor * (256<<20 + 16*uint64(size)) }

// retireSize is the size of a frame after which a worker makes way for a fresh
// one, so that what it took for that frame is given back.
const retireSize = 16 << 20

// worker is a process that decodes one frame at a time.
type worker struct {
	pool    *pool
	cmd     *exec.Cmd
	socket  *os.File
	memory  []byte // shared with the process
	retired bool
}

// acquire returns an idle worker, or a new one; it waits while all are at work.
func (p *pool) acquire() (*worker, error) {
	p.slots <- struct{}{}
	select {
	case w := <-p.idle:
		if w.alive() {
			return w, nil
		}
		w.end()
	default:
	}
	w, err := startWorker()
	if err != nil {
		<-p.slots
		return nil, fmt.Errorf("start a decode worker: %w", err)
	}
	w.pool = p
	return w, nil
}

// alive says whether an idle worker is still there: it says nothing unasked, so
// anything on the socket is its end.
func (w *worker) alive() bool {
	connection, err := w.socket.SyscallConn()
	if err != nil {
		return false
	}
	ready := 0
	err = connection.Control(func(fd uintptr) {
		ready, _ = unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 0)
	})
	return err == nil && ready == 0
}

// release gives a worker back; one that has had its time ends.
func (w *worker) release() {
	if w.retired {
		w.end()
	} else {
		w.pool.idle <- w
		w.pool.quiet.Reset(keepIdle)
	}
	<-w.pool.slots
}

// startWorker runs this binary again as a worker.
func startWorker() (_ *worker, err error) {
	memory, mapped, err := sharedMemory()
	if err != nil {
		return nil, err
	}
	defer memory.Close()
	w := &worker{memory: mapped}
	defer func() {
		if err != nil {
			w.end()
		}
	}()
	ends, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	theirs := os.NewFile(uintptr(ends[1]), "worker")
	defer theirs.Close()
	if err := unix.SetNonblock(ends[0], true); err != nil { // so that it takes deadlines
		unix.Close(ends[0])
		return nil, err
	}
	w.socket = os.NewFile(uintptr(ends[0]), "pixel")
	w.cmd = exec.Command("/proc/self/exe") // the same even after an upgrade replaced the file
	w.cmd.Args = []string{"concord-pixel-worker"}
	w.cmd.Env = []string{workerVariable + "=1", "GOMAXPROCS=1", "GODEBUG=containermaxprocs=0,updatemaxprocs=0", "MALLOC_ARENA_MAX=1"}
	w.cmd.Dir = "/"
	w.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a terminal's interrupt is for us: we may have frames to finish
	w.cmd.ExtraFiles = []*os.File{workerSocket - 3: theirs, workerMemory - 3: memory}
	return w, w.cmd.Start()
}

// sharedMemory returns memory that a worker can neither shrink, which would be
// the end of us too, nor grow. Its pages exist once they are written.
func sharedMemory() (*os.File, []byte, error) {
	fd, err := unix.MemfdCreate("pixel", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return nil, nil, err
	}
	file := os.NewFile(uintptr(fd), "pixel")
	err = file.Truncate(2 * maxFrame)
	if err == nil {
		_, err = unix.FcntlInt(file.Fd(), unix.F_ADD_SEALS, unix.F_SEAL_SHRINK|unix.F_SEAL_GROW|unix.F_SEAL_SEAL)
	}
	var mapped []byte
	if err == nil {
		mapped, err = unix.Mmap(fd, 0, 2*maxFrame, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	}
	if err != nil {
		file.Close()
		return nil, nil, err
	}
	return file, mapped, nil
}

// end kills the process, if it runs, and gives its memory back.
func (w *worker) end() {
	if w.socket != nil {
		w.socket.Close()
	}
	if w.cmd != nil && w.cmd.Process != nil {
		w.cmd.Process.Kill() // it may have ended already
		w.cmd.Wait()         // its status is of no interest
	}
	unix.Munmap(w.memory) //nolint:errcheck // it was mapped
}

// decode lets the worker decode the first length bytes of its memory and
// returns how the samples lie behind them. A worker that fails is retired.
func (w *worker) decode(format *codec.Format, length int) (codec.Layout, error) {
	size := format.Size()
	w.retired = size > retireSize || length > retireSize
	limit, processor := w.pool.deadline(size), w.pool.processor(size)
	answer, err := w.ask(job{Format: *format, Length: length, Limit: 2 * limit, Processor: processor}, frameMemory(size), limit)
	if err != nil {
		w.retired = true
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return codec.Layout{}, failf(Decoder, "the frame was not decoded within %v", limit)
		}
		return codec.Layout{}, failf(Decoder, "the decoder died of the frame, or needed more than %d MiB or %v of a processor for it",
			frameMemory(size)>>20, processor)
	}
	if answer.Code != "" {
		return codec.Layout{}, failf(known(answer.Code), "%s", clean(answer.Reason))
	}
	return answer.Layout, nil
}

func (w *worker) ask(j job, memory uint64, limit time.Duration) (*reply, error) {
	hard := frameMemory(maxFrame)
	if err := unix.Prlimit(w.cmd.Process.Pid, unix.RLIMIT_DATA, &unix.Rlimit{Cur: memory, Max: hard}, nil); err != nil {
		return nil, err
	}
	message, err := json.Marshal(j)
	if err != nil {
		return nil, err
	}
	if err := w.socket.SetDeadline(time.Now().Add(limit)); err != nil {
		return nil, err
	}
	if _, err := w.socket.Write(message); err != nil {
		return nil, err
	}
	buffer := make([]byte, maxMessage)
	n, err := w.socket.Read(buffer)
	if err != nil {
		return nil, err
	}
	answer := new(reply)
	return answer, json.Unmarshal(buffer[:n], answer)
}

// known keeps codes to the fixed list, whatever a worker says.
func known(code codec.Code) Code {
	switch c := Code(code); c {
	case Truncated, Unsupported:
		return c
	}
	return Malformed
}

// clean makes a worker's words fit for a log.
func clean(reason string) string {
	const longest = 240
	return strings.ToValidUTF8(strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, reason[:min(len(reason), longest)]), "")
}
