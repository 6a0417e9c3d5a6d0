package pixel

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Function is a VOI LUT function (PS3.3 C.11.2.1.3), as it is written in
// VOILUTFunction; "" is LINEAR.
type Function string

// The VOI LUT functions.
const (
	Linear      Function = "LINEAR"
	LinearExact Function = "LINEAR_EXACT"
	Sigmoid     Function = "SIGMOID"
)

// Window is the range of values that a picture shows (PS3.3 C.11.2.1.2). The
// zero Window is the first one of the object's header; if the header has none,
// its VOI LUT; without either, for CT the preset of the body part, for others
// one from the values themselves.
type Window struct {
	Center, Width float64 // in the units of the modality, for CT Hounsfield units
	Function      Function
	// Preset names the row of the preset table that the window comes from. A
	// preset holds for Hounsfield units; other objects show their own window.
	Preset string
	// Number picks the window of the header, from 1, instead of Center and
	// Width.
	Number int
}

// ParseWindow reads a window as a user writes it: "" for the object's own, "2"
// for the second one of its header, "lung" for a preset, "40/400" for center and
// width.
func ParseWindow(s string) (Window, error) {
	if s == "" {
		return Window{}, nil
	}
	name := strings.ToLower(s)
	if _, ok := presets[name]; ok {
		return preset(name), nil
	}
	if n, err := strconv.Atoi(s); err == nil && n > 0 {
		return Window{Number: n}, nil
	}
	center, width, found := strings.Cut(s, "/")
	c, errCenter := strconv.ParseFloat(center, 64)
	w, errWidth := strconv.ParseFloat(width, 64)
	if !found || errCenter != nil || errWidth != nil || !(math.Abs(c) < maxValue) || !(w >= 1 && w < maxValue) {
		return Window{}, fmt.Errorf("window %q is neither center/width like 40/400, nor the number of one in the header, nor one of %s", s, strings.Join(Presets(), ", "))
	}
	return Window{Center: c, Width: w}, nil
}

// maxValue bounds windows to values that pixels of 32 bits can reach.
const maxValue = 1 << 40

// valid says whether the formulas of PS3.3 C.11.2.1.2 and C.11.2.1.3 hold.
func (w Window) valid() bool {
	if !(math.Abs(w.Center) < maxValue) || !(w.Width < maxValue) {
		return false
	}
	if w.Function == LinearExact || w.Function == Sigmoid {
		return w.Width > 0
	}
	return w.Width >= 1
}

// apply returns the output for value x, 0 to 1.
func (w Window) apply(x float64) float64 {
	switch w.Function {
	case Sigmoid: // C.11.2.1.3.1
		return 1 / (1 + math.Exp(-4*(x-w.Center)/w.Width))
	case LinearExact: // C.11.2.1.3.2
		return min(max((x-w.Center)/w.Width+0.5, 0), 1)
	}
	// C.11.2.1.2.1; a width of 1 is a threshold.
	low, high := w.Center-0.5-(w.Width-1)/2, w.Center-0.5+(w.Width-1)/2
	switch {
	case x <= low:
		return 0
	case x > high:
		return 1
	}
	return (x-(w.Center-0.5))/(w.Width-1) + 0.5
}
