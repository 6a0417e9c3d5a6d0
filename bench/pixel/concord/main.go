// Command concord of the picture bench times what the node does to a frame: scan the object, decode, window, resize
// to 384 on the long side. CPU time is that of this process and of its decode workers.
package main

import (
	"encoding/json"
	"fmt"
	"image"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"concord/dicom"
	"concord/dicom/pixel"
	"concord/inference"
)

// usage: concord REPEATS FILE...; a line of JSON for each file, times in milliseconds.
func main() {
	repeats, err := strconv.Atoi(os.Args[1])
	if err != nil || repeats < 1 {
		fmt.Fprintln(os.Stderr, "usage: concord REPEATS FILE...")
		os.Exit(2)
	}
	for _, name := range os.Args[2:] {
		if err := json.NewEncoder(os.Stdout).Encode(measure(name, repeats)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}

type result struct {
	Peer  string  `json:"peer"`
	File  string  `json:"file"`
	CPU   float64 `json:"cpu"`  // of a frame, median
	Wall  float64 `json:"wall"` // likewise
	Error string  `json:"error,omitempty"`
}

func measure(name string, repeats int) result {
	r := result{Peer: "concord", File: filepath.Base(name)}
	if _, err := picture(name); err != nil { // it starts the worker, too
		r.Error = err.Error()
		return r
	}
	clocks := processorClocks()
	var cpu, wall []float64
	for range repeats {
		busy, start := processorTime(clocks), time.Now()
		if _, err := picture(name); err != nil {
			r.Error = err.Error()
			return r
		}
		wall = append(wall, time.Since(start).Seconds()*1e3)
		cpu = append(cpu, (processorTime(clocks)-busy).Seconds()*1e3)
	}
	r.CPU, r.Wall = median(cpu), median(wall)
	return r
}

func median(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}

// picture is a frame as the model sees it.
func picture(name string) (image.Image, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	object, err := dicom.Scan(file, info.Size())
	if err != nil {
		return nil, err
	}
	source, err := pixel.Open(file, info.Size(), object)
	if err != nil {
		return nil, err
	}
	img, err := source.Frame(1, pixel.Window{})
	if err != nil {
		return nil, err
	}
	size := img.Bounds().Size()
	longest := max(size.X, size.Y)
	return inference.Resize(img, (size.X*384+longest/2)/longest, (size.Y*384+longest/2)/longest), nil
}

// processorClocks are the clocks that tell what this process and its children have used.
func processorClocks() []int32 {
	clocks := []int32{unix.CLOCK_PROCESS_CPUTIME_ID}
	lists, _ := filepath.Glob("/proc/self/task/*/children")
	for _, list := range lists {
		children, _ := os.ReadFile(list)
		for _, child := range strings.Fields(string(children)) {
			pid, _ := strconv.Atoi(child)
			clocks = append(clocks, int32(^pid<<3|2)) // clock_getcpuclockid(3): the scheduler's clock of that process
		}
	}
	return clocks
}

func processorTime(clocks []int32) (total time.Duration) {
	for _, clock := range clocks {
		var t unix.Timespec
		if err := unix.ClockGettime(clock, &t); err == nil {
			total += time.Duration(t.Nano())
		}
	}
	return total
}
