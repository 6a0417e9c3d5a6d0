// Command load puts load on DICOM and MLLP servers of this machine for the bench, and misbehaves towards them on purpose.
// Each subcommand prints one JSON object.
//
//	load store     sends Part 10 files over N associations: rate and latency of the C-STORE responses
//	load sink      a C-STORE SCP that keeps nothing: the ceiling of the sender
//	load mllp      sends ORU^R01 over N connections: rate and latency of the acknowledgements
//	load mllpsink  an MLLP listener that keeps nothing
//	load cases     sends reports on stored studies: how long until PACS and RIS have their results
//	load chaos     one ill-behaved association, and what the server answered
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
)

var cli struct {
	Store    storeCommand    `cmd:"" help:"Send DICOM files over several associations."`
	Sink     sinkCommand     `cmd:"" help:"Receive objects by C-STORE and keep nothing."`
	MLLP     mllpCommand     `cmd:"" name:"mllp" help:"Send HL7 reports over several connections."`
	MLLPSink mllpSinkCommand `cmd:"" name:"mllpsink" help:"Receive HL7 messages and keep nothing."`
	Cases    casesCommand    `cmd:"" help:"Send reports and wait for the results, as PACS and RIS."`
	Chaos    chaosCommand    `cmd:"" help:"Do one ill-behaved thing to a DICOM server."`
}

func main() {
	if err := kong.Parse(&cli).Run(); err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1)
	}
}

// emit prints the result of a subcommand.
func emit(result map[string]any) error {
	return json.NewEncoder(os.Stdout).Encode(result)
}

// tally gathers what the workers of a run saw.
type tally struct {
	start time.Time
	cpu   float64 // seconds used before the run

	mu        sync.Mutex
	latencies []time.Duration
	firsts    []time.Duration // of each association, from its connection to its first answer
	last      time.Duration   // from the start to the last answer
	ok        int
	bytes     int64
	errors    map[string]int
}

// maxErrorTexts bounds how many different errors a result tells.
const maxErrorTexts = 20

func newTally() *tally {
	return &tally{start: time.Now(), cpu: cpuSeconds(), errors: map[string]int{}}
}

// answered records an answer to a request of n bytes that was sent at sent.
func (t *tally) answered(sent time.Time, n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.latencies = append(t.latencies, time.Since(sent))
	t.last = time.Since(t.start)
	t.ok++
	t.bytes += int64(n)
}

// began records the first answer of an association that was begun at start.
func (t *tally) began(start time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.firsts = append(t.firsts, time.Since(start))
}

// failed records a request without a good answer.
func (t *tally) failed(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	text := err.Error()
	if len(t.errors) < maxErrorTexts || t.errors[text] > 0 {
		t.errors[text]++
	}
}

// result returns the run's figures; unit names the rate, such as obj_s.
func (t *tally) result(sent int, unit string) map[string]any {
	slices.Sort(t.latencies)
	slices.Sort(t.firsts)
	r := map[string]any{"sent": sent, "ok": t.ok, "errors": t.errors, "wall_s": t.last.Seconds(),
		"mbytes": float64(t.bytes) / 1e6, "sender_cpu_s": cpuSeconds() - t.cpu,
		"p50_ms": percentile(t.latencies, 0.5), "p99_ms": percentile(t.latencies, 0.99), "max_ms": percentile(t.latencies, 1),
		"first_ms": percentile(t.firsts, 0.5)}
	if t.last > 0 {
		r[unit] = float64(t.ok) / t.last.Seconds()
		r["mb_s"] = float64(t.bytes) / 1e6 / t.last.Seconds()
	}
	return r
}

// percentile returns the share p of sorted, in ms.
func percentile(sorted []time.Duration, p float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	i := min(int(p*float64(len(sorted))), len(sorted)-1)
	return float64(sorted[i].Microseconds()) / 1000
}

// cpuSeconds returns the user and system time of this process.
func cpuSeconds() float64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano()).Seconds()
}
