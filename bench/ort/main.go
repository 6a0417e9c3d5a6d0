// Command ort measures Concord's way to ONNX Runtime: run_ort.py holds it against ONNX Runtime's own time.
//
//	ort time MODEL.onnx THREADS '{"ids": ["int64", [8, 128], 24000]}'         a run of fixed inputs for each line it reads, and a line of JSON
//	ort share PACK THREADS ROUNDS                                             eight statements on one picture
//	ort case PACK THREADS ROUNDS                                              a case of six statements and four pictures
//	ort queue PACK THREADS SECONDS                                            what queueing adds at half load
//	ort memory PACK THREADS CALLS                                             the process's memory over many calls
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"

	"concord/inference"
	"concord/inference/onnx"
	"concord/inference/packs"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "ort:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) < 3 {
		return fmt.Errorf("usage: ort time|share|case|queue|memory …; see the comment in main.go")
	}
	threads, err := strconv.Atoi(args[2])
	if err != nil {
		return err
	}
	engine, err := onnx.New(onnx.Options{Threads: threads})
	if err != nil {
		return err
	}
	if args[0] == "time" {
		return timeGraph(engine, args[1], args[3])
	}
	number := 0
	if len(args) > 3 {
		if number, err = strconv.Atoi(args[3]); err != nil {
			return err
		}
	}
	model, err := openPack(engine, args[1])
	if err != nil {
		return err
	}
	defer model.Close()
	switch args[0] {
	case "share":
		return share(model, number)
	case "case":
		return oneCase(model, number)
	case "queue":
		return queue(model, time.Duration(number)*time.Second)
	case "memory":
		return memory(model, number)
	}
	return fmt.Errorf("there is no %q", args[0])
}

func openPack(engine *onnx.Engine, pack string) (*inference.Model, error) {
	if pack == "builtin" {
		return inference.Open(context.Background(), packs.Builtin(), engine)
	}
	return inference.Open(context.Background(), inference.Dir(pack), engine)
}

// input is the shape of one input and what fills it.
type input struct {
	kind  string
	shape []int64
	below int64
}

// UnmarshalJSON reads ["int64", [8, 128], 24000].
func (in *input) UnmarshalJSON(text []byte) error {
	return json.Unmarshal(text, &[]any{&in.kind, &in.shape, &in.below})
}

func (in input) tensor() inference.Tensor {
	t := inference.Tensor{Shape: in.shape}
	n := int64(1)
	for _, side := range in.shape {
		n *= side
	}
	for i := range n {
		if in.kind == "int64" {
			t.Ints = append(t.Ints, (i*7919+13)%in.below)
		} else {
			t.Floats = append(t.Floats, float32((i*7919+13)%1000)/1000-0.5)
		}
	}
	return t
}

// timeGraph runs one graph as packs run it, when it is told to.
func timeGraph(engine *onnx.Engine, path, spec string) error {
	var described map[string]input
	if err := json.Unmarshal([]byte(spec), &described); err != nil {
		return err
	}
	dir := filepath.Dir(path)
	file := inference.File{FS: inference.Dir(dir), Name: filepath.Base(path), Path: path, Outputs: []inference.Spec{{Name: "logits", Shape: []int64{-1, 3}}}}
	inputs := map[string]inference.Tensor{}
	for name, in := range described {
		any := make([]int64, len(in.shape))
		for i := range any {
			any[i] = -1
		}
		file.Inputs = append(file.Inputs, inference.Spec{Name: name, Ints: in.kind == "int64", Shape: any})
		inputs[name] = in.tensor()
	}
	graph, err := engine.Load(context.Background(), file)
	if err != nil {
		return err
	}
	defer graph.Close()
	answer := json.NewEncoder(os.Stdout)
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		var out map[string]inference.Tensor
		wall, cpu, err := measure(func() (err error) {
			out, err = graph.Run(context.Background(), inputs)
			return err
		})
		if err != nil {
			return err
		}
		took := map[string]any{"ms": wall, "cpu_ms": cpu, "first": out["logits"].Floats[:3]}
		if err := answer.Encode(took); err != nil {
			return err
		}
	}
	return nil
}

// measure returns the wall time and the CPU time of a call in ms.
func measure(call func() error) (wall, cpu float64, err error) {
	began, used := time.Now(), cpuTime()
	err = call()
	return ms(time.Since(began)), ms(cpuTime() - used), err
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func median(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}

// cpuTime is what the process used, on all cores.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
