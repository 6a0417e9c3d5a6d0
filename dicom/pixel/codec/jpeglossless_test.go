package codec

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"math/rand/v2"
	"slices"
	"testing"
)

// losslessEncoder writes lossless JPEG with one Huffman table: the code of
// each of the 17 categories is its number in 5 bits.
type losslessEncoder struct {
	precision, selection, transform, restartRows int
	rows, columns, components                    int
	out                                          []byte
	acc, n                                       uint
}

func (e *losslessEncoder) encode(samples []int) []byte {
	counts := make([]byte, 16)
	counts[4] = 17
	e.out = append(e.out, 0xFF, markerSOI, 0xFF, markerDHT, 0, 2+17+17, 0)
	e.out = append(e.out, counts...)
	for size := range byte(17) {
		e.out = append(e.out, size)
	}
	e.out = append(e.out, 0xFF, markerSOF3, 0, byte(8+3*e.components), byte(e.precision), 0, byte(e.rows), 0, byte(e.columns), byte(e.components))
	for c := range byte(e.components) {
		e.out = append(e.out, c+1, 0x11, 0)
	}
	if e.restartRows > 0 {
		e.out = append(e.out, 0xFF, markerDRI, 0, 4, 0, byte(e.restartRows*e.columns))
	}
	e.out = append(e.out, 0xFF, markerSOS, 0, byte(6+2*e.components), byte(e.components))
	for c := range byte(e.components) {
		e.out = append(e.out, c+1, 0)
	}
	e.out = append(e.out, byte(e.selection%100), 0, byte(e.transform))
	for y := range e.rows {
		if e.restartRows > 0 && y > 0 && y%e.restartRows == 0 {
			e.flush()
			e.out = append(e.out, 0xFF, byte(markerRST0+(y/e.restartRows-1)%8))
		}
		for x := range e.columns {
			for c := range e.components {
				e.difference(samples, x, y, c)
			}
		}
	}
	e.flush()
	return append(e.out, 0xFF, markerEOI)
}

func (e *losslessEncoder) difference(samples []int, x, y, c int) {
	at := func(x, y int) int { return samples[(y*e.columns+x)*e.components+c] >> e.transform }
	first := y == 0 || e.restartRows > 0 && y%e.restartRows == 0
	prediction := 0
	switch {
	case first && x == 0:
		prediction = 1 << (e.precision - e.transform - 1)
	case first:
		prediction = at(x-1, y)
	case x == 0:
		prediction = at(x, y-1)
	default:
		a, b, c := at(x-1, y), at(x, y-1), at(x-1, y-1)
		if e.selection == overflowing6 {
			prediction = b + int(int16(a-c))>>1
			break
		}
		prediction = []int{0, a, b, c, a + b - c, a + (b-c)>>1, b + (a-c)>>1, (a + b) >> 1}[e.selection]
	}
	d := int(int16(at(x, y) - prediction))
	if d == -32768 {
		e.put(16, 5)
		return
	}
	size := bits.Len(uint(max(d, -d)))
	e.put(uint(size), 5)
	if d < 0 {
		d += 1<<size - 1
	}
	e.put(uint(d), uint(size))
}

func (e *losslessEncoder) put(v, n uint) {
	e.acc, e.n = e.acc<<n|v, e.n+n
	for e.n >= 8 {
		b := byte(e.acc >> (e.n - 8))
		e.out = append(e.out, b)
		if b == 0xFF {
			e.out = append(e.out, 0)
		}
		e.n -= 8
	}
}

func (e *losslessEncoder) flush() {
	if e.n > 0 {
		e.put(1<<(8-e.n)-1, 8-e.n)
	}
}

// TestLossless: whatever the predictor, the precision, the point transform,
// the components and the restart interval, the samples come back.
func TestLossless(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for selection := 1; selection <= 7; selection++ {
		for precision := 2; precision <= 16; precision++ {
			for _, components := range []int{1, 3} {
				e := losslessEncoder{precision: precision, selection: selection, transform: precision % 2, restartRows: selection % 3,
					rows: 1 + random.IntN(20), columns: 1 + random.IntN(20), components: components}
				samples := randomSamples(random, e.rows*e.columns*components, precision, e.transform)
				f := Format{Rows: e.rows, Columns: e.columns, Samples: components, BitsAllocated: 16, Syntax: "1.2.840.10008.1.2.4.57"}
				if precision <= 8 {
					f.BitsAllocated = 8
				}
				dst := make([]byte, f.Size())
				if _, err := Decode(&f, e.encode(samples), dst); err != nil {
					t.Fatalf("%+v: %v", e, err)
				}
				if got := unpackSamples(dst, f.BitsAllocated); fmt.Sprint(got) != fmt.Sprint(samples) {
					t.Fatalf("predictor %d, %d bits, %d components: %v, want %v", selection, precision, components, got, samples)
				}
			}
		}
	}
}

// TestOverflowingPredictor: what some encoders make of signed samples comes
// back, too.
func TestOverflowingPredictor(t *testing.T) {
	e := losslessEncoder{precision: 16, selection: overflowing6, rows: 20, columns: 30, components: 1}
	samples := make([]int, e.rows*e.columns)
	for i := range samples { // a bright disc in the air, in Hounsfield units
		x, y := i%e.columns-15, i/e.columns-10
		samples[i] = (i*7%40 - 1000) & 0xFFFF
		if x*x+y*y < 60 {
			samples[i] = 40 + i*5%30
		}
	}
	f := Format{Rows: e.rows, Columns: e.columns, Samples: 1, BitsAllocated: 16, Syntax: "1.2.840.10008.1.2.4.57"}
	dst := make([]byte, f.Size())
	if _, err := Decode(&f, e.encode(samples), dst); err != nil {
		t.Fatal(err)
	}
	if got := unpackSamples(dst, 16); !slices.Equal(got, samples) {
		t.Errorf("%v, want %v", got, samples)
	}
}

// randomSamples are noise, ramps and extremes, with zeros in the bits that the
// point transform drops.
func randomSamples(random *rand.Rand, n, precision, transform int) []int {
	samples := make([]int, n)
	for i := range samples {
		v := random.IntN(1 << precision)
		switch random.IntN(4) {
		case 0:
			v = 1<<precision - 1
		case 1:
			v = 0
		case 2:
			v = i & (1<<precision - 1)
		}
		samples[i] = v >> transform << transform
	}
	return samples
}

func unpackSamples(b []byte, bits int) []int {
	samples := make([]int, len(b)*8/bits)
	for i := range samples {
		if bits == 8 {
			samples[i] = int(b[i])
		} else {
			samples[i] = int(binary.LittleEndian.Uint16(b[2*i:]))
		}
	}
	return samples
}

// FuzzJPEG: whatever the bytes, the answer is a frame or an [Error].
func FuzzJPEG(f *testing.F) {
	small := losslessEncoder{precision: 8, selection: 4, rows: 4, columns: 5, components: 1, restartRows: 2}
	f.Add(small.encode([]int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 255, 254, 0, 1, 3, 3, 3, 3, 3, 3}), uint8(1), false)
	for _, stream := range dctSeeds {
		f.Add(stream, uint8(1), true)
	}
	f.Fuzz(func(t *testing.T, data []byte, samples uint8, wide bool) {
		format := Format{Rows: 4, Columns: 5, Samples: 1 + 2*int(samples%2), BitsAllocated: 8, Syntax: "1.2.840.10008.1.2.4.50"}
		if wide {
			format.BitsAllocated = 16
		}
		dst := make([]byte, format.Size())
		before := bytes.Clone(data)
		_, err := Decode(&format, data, dst)
		var e *Error
		if err != nil && !errors.As(err, &e) {
			t.Errorf("an error without code: %v", err)
		}
		if !bytes.Equal(before, data) {
			t.Error("the compressed bytes were changed")
		}
	})
}
