package pixel

import (
	"bytes"
	"compress/flate"
	"image"
	"io"
	"runtime"
	"strings"
	"sync"
	"testing"

	"concord/dicom"
)

// TestOpenRefuses: each object that cannot be shown has its kind and reason.
func TestOpenRefuses(t *testing.T) {
	whole := gray16(2, 2, 12, 1, 2, 3, 4)
	encapsulated := whole.with(attributes{dicom.PixelDataTag: fragments{nil, {1, 2}}})
	for _, c := range []struct {
		name, syntax string
		a            attributes
		code         Code
		reason       string
	}{
		{"no pixels", dicom.ExplicitVRLittleEndian, whole.with(attributes{dicom.PixelDataTag: nil, dicom.SOPClassUID: dicom.BasicTextSRStorage}), NoPixels, "Basic Text SR Storage"},
		{"JPEG 2000 Part 2", "1.2.840.10008.1.2.4.92", encapsulated, Syntax, "codes frames together"},
		{"hierarchical JPEG", "1.2.840.10008.1.2.4.60", encapsulated, Syntax, "no library reads this process"},
		{"unknown syntax", "1.2.3.4", encapsulated, Syntax, "unknown transfer syntax (1.2.3.4)"},
		{"video", "1.2.840.10008.1.2.4.102", encapsulated, Video, "video (MPEG-4"},
		{"native in RLE", dicom.RLELossless, whole, Malformed, "must come in fragments"},
		{"no size", dicom.ExplicitVRLittleEndian, whole.with(attributes{dicom.Rows: 0}), Malformed, "0 rows"},
		{"4 samples", dicom.ExplicitVRLittleEndian, whole.with(attributes{dicom.SamplesPerPixel: 4}), Unsupported, "4 samples"},
		{"stored beyond allocated", dicom.ExplicitVRLittleEndian, whole.with(attributes{dicom.BitsStored: 17}), Malformed, "bits stored 17"},
		{"no bits", dicom.ExplicitVRLittleEndian, whole.with(attributes{dicom.BitsAllocated: 0}), Unsupported, "pixels of 0 bits"},
		{"64 bits", dicom.ExplicitVRLittleEndian, whole.with(attributes{dicom.BitsAllocated: 64}), Unsupported, "pixels of 64 bits"},
		{"high bit too low", dicom.ExplicitVRLittleEndian, whole.with(attributes{dicom.HighBit: 3}), Malformed, "high bit 3"},
		{"HSV", dicom.ExplicitVRLittleEndian, rgb(1, 1, "HSV", []byte{1, 2, 3, 0}), Unsupported, `"HSV"`},
		{"mono with three samples", dicom.ExplicitVRLittleEndian, rgb(1, 1, "MONOCHROME2", []byte{1, 2, 3, 0}), Unsupported, "with 3 samples"},
		{"odd 4:2:2", dicom.ExplicitVRLittleEndian, rgb(1, 3, "YBR_FULL_422", []byte{1, 2, 3, 4, 5, 6}), Malformed, "even number of columns"},
		{"a byte short", dicom.ExplicitVRLittleEndian, whole.with(attributes{dicom.Columns: 3}), Truncated, "needs 12 bytes; 8 are there"},
		{"65535 by 65535", dicom.ExplicitVRLittleEndian, whole.with(attributes{dicom.Rows: 65535, dicom.Columns: 65535}), TooLarge, "more than 128 MiB"},
		{"8000 by 8000", dicom.ExplicitVRLittleEndian, whole.with(attributes{dicom.Rows: 8000, dicom.Columns: 8000}), Truncated, "needs 128000000 bytes"},
		{"no fragment", dicom.RLELossless, whole.with(attributes{dicom.PixelDataTag: fragments{nil}}), Truncated, "no fragment"},
		{"more frames than fragments", dicom.RLELossless, encapsulated.with(attributes{dicom.NumberOfFrames: 2000000000}), Truncated, "cannot hold 2000000000 frames"},
	} {
		_, err := c.a.open(t, c.syntax)
		if codeOf(err) != c.code || !strings.Contains(err.Error(), c.reason) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// TestFrameNumbers: frames that do not exist are refused one by one, those that
// do are shown.
func TestFrameNumbers(t *testing.T) {
	a := gray16(1, 2, 8).with(attributes{dicom.BitsAllocated: 8, dicom.NumberOfFrames: 4, dicom.PixelDataTag: []byte{1, 2, 3, 4, 5, 6}})
	m, err := a.open(t, dicom.ExplicitVRLittleEndian)
	if err != nil || m.Frames() != 4 {
		t.Fatal(err)
	}
	if picture, err := m.Frame(3, Window{}); err != nil || samples(picture) != "[5 6]" {
		t.Errorf("frame 3: %v, %v", picture, err)
	}
	if _, err := m.Frame(4, Window{}); codeOf(err) != Truncated {
		t.Errorf("frame 4: %v", err)
	}
	for _, n := range []int{-1, 0, 5} {
		if _, err := m.Frame(n, Window{}); err == nil {
			t.Errorf("frame %d was given", n)
		}
	}
}

func TestFragments(t *testing.T) {
	frame := func(v byte) []byte { return []byte{v, v + 1} }
	base := gray16(1, 2, 8).with(attributes{dicom.BitsAllocated: 8})
	two := base.with(attributes{dicom.NumberOfFrames: 2})
	long := base.with(attributes{dicom.Columns: 4, dicom.NumberOfFrames: 2})
	for _, c := range []struct {
		name string
		a    attributes
		want []string // "" for Malformed or Truncated
	}{
		{"one fragment", base.with(attributes{dicom.PixelDataTag: fragments{nil, frame(1)}}), []string{"[1 2]"}},
		{"one frame in fragments", base.with(attributes{dicom.Columns: 4, dicom.PixelDataTag: fragments{nil, frame(1), frame(5)}}), []string{"[1 2 5 6]"}},
		{"one fragment a frame", two.with(attributes{dicom.PixelDataTag: fragments{nil, frame(1), frame(5)}}), []string{"[1 2]", "[5 6]"}},
		{"basic offset table", long.with(attributes{dicom.PixelDataTag: fragments{{0, 0, 0, 0, 20, 0, 0, 0}, frame(1), frame(3), {5, 6, 7, 8}}}), []string{"[1 2 3 4]", "[5 6 7 8]"}},
		{"extended offset table", long.with(attributes{dicom.ExtendedOffsetTable: []byte{0, 0, 0, 0, 0, 0, 0, 0, 20, 0, 0, 0, 0, 0, 0, 0},
			dicom.PixelDataTag: fragments{nil, frame(1), frame(3), {5, 6, 7, 8}}}), []string{"[1 2 3 4]", "[5 6 7 8]"}},
		{"markers", long.with(attributes{dicom.PixelDataTag: fragments{nil, {0xFF, 0xD8}, frame(3), {0xFF, 0xD8, 7, 8}}}), []string{"[255 216 3 4]", "[255 216 7 8]"}},
		{"a wrong offset table", long.with(attributes{dicom.PixelDataTag: fragments{{0, 0, 0, 0, 21, 0, 0, 0}, frame(1), frame(3), {5, 6, 7, 8}}}), nil},
		{"no marker", long.with(attributes{dicom.PixelDataTag: fragments{nil, frame(1), frame(3), {5, 6, 7, 8}}}), nil},
		{"a fragment too short", base.with(attributes{dicom.PixelDataTag: fragments{nil, {}}}), []string{""}},
	} {
		m, err := c.a.open(t, dicom.EncapsulatedUncompressed)
		if (err == nil) != (c.want != nil) {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		for i, want := range c.want {
			picture, err := m.Frame(i+1, Window{})
			if want == "" && codeOf(err) == Truncated {
				continue
			}
			if err != nil || samples(picture) != want {
				t.Errorf("%s, frame %d: %v %v, want %s", c.name, i+1, picture, err, want)
			}
		}
	}
}

func TestDeflatedFrame(t *testing.T) {
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, 9)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte{1, 2, 3, 4}); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	data := append(b.Bytes(), 0)[:(b.Len()+1)&^1]
	a := gray16(2, 2, 8).with(attributes{dicom.BitsAllocated: 8, dicom.PixelDataTag: fragments{nil, data}})
	for name, c := range map[string]struct {
		a    attributes
		code Code
	}{
		"whole":   {a, ""},
		"cut":     {a.with(attributes{dicom.PixelDataTag: fragments{nil, data[:2]}}), Truncated},
		"corrupt": {a.with(attributes{dicom.PixelDataTag: fragments{nil, {0xFF, 0xFF, 0xFF, 0xFF}}}), Malformed},
		"a bomb":  {a.with(attributes{dicom.Rows: 11000, dicom.Columns: 11000}), Truncated},
	} {
		m, err := c.a.open(t, dicom.DeflatedImageFrame)
		if err == nil {
			var picture image.Image
			if picture, err = m.Frame(1, Window{}); err == nil && samples(picture) != "[1 2 3 4]" {
				t.Errorf("%s: %v", name, picture)
			}
		}
		if codeOf(err) != c.code {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestRLE holds the examples of PS3.5 Annex G: runs, literals, several planes.
func TestRLE(t *testing.T) {
	frame := func(segments ...[]byte) []byte {
		b := make([]byte, 64)
		b[0] = byte(len(segments))
		for i, s := range segments {
			b[4+4*i], b[5+4*i] = byte(len(b)), byte(len(b)>>8)
			b = append(b, s...)
		}
		return append(b, 0)[:(len(b)+1)&^1]
	}
	eight := gray16(1, 6, 8).with(attributes{dicom.BitsAllocated: 8})
	sixteen := gray16(1, 3, 16).with(attributes{dicom.WindowCenter: "256.5", dicom.WindowWidth: "1"})
	colour := rgb(1, 2, "RGB", nil)
	for _, c := range []struct {
		name string
		a    attributes
		data []byte
		want string
	}{
		{"literal and run", eight, frame([]byte{2, 1, 2, 3, 0xFE, 9}), "[1 2 3 9 9 9]"},
		{"no-operation", eight, frame([]byte{0x80, 0xFB, 7}), "[7 7 7 7 7 7]"},
		{"a run beyond the end", eight, frame([]byte{0x81, 7}), "[7 7 7 7 7 7]"},
		{"16 bits, high byte first", sixteen, frame([]byte{2, 1, 1, 1}, []byte{2, 0, 1, 255}), "[0 255 255]"},
		{"colour", colour, frame([]byte{1, 1, 2}, []byte{1, 3, 4}, []byte{0xFF, 9}), "[1 3 9 255 2 4 9 255]"},
		{"a segment short", eight, frame([]byte{2, 1, 2, 3}), ""},
		{"a literal cut off", eight, frame([]byte{6, 1, 2, 3}), ""},
		{"segments missing", sixteen, frame([]byte{2, 1, 1, 1}), ""},
		{"no header", eight, make([]byte, 60), ""},
		{"an offset outside", eight, append([]byte{1, 0, 0, 0, 0xFF, 0xFF, 0, 0}, make([]byte, 60)...), ""},
	} {
		m, err := c.a.with(attributes{dicom.PixelDataTag: fragments{nil, c.data}}).open(t, dicom.RLELossless)
		if err != nil {
			t.Fatal(err)
		}
		picture, err := m.Frame(1, Window{})
		got := ""
		if err == nil {
			got = samples(picture)
		}
		if got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%s: %s %v, want %s", c.name, got, err, c.want)
		}
	}
}

// TestFrameByFrame: a frame of a cine loop of 1 GB is read alone, in memory for
// one frame.
func TestFrameByFrame(t *testing.T) {
	const side, frames = 1024, 1000
	head := gray16(side, side, 8).with(attributes{dicom.BitsAllocated: 8, dicom.NumberOfFrames: frames, dicom.PixelDataTag: []byte{}})
	body := head.encode(leOrder)
	body[len(body)-1], body[len(body)-2] = byte(side*side*frames>>24), byte(side*side*frames>>16&0xFF)
	size := int64(len(body)) + side*side*frames
	r := &counting{head: body}
	obj, err := dicom.ScanDataSet(r, size, dicom.ExplicitVRLittleEndian)
	if err != nil {
		t.Fatal(err)
	}
	m, err := Open(r, size, obj)
	if err != nil {
		t.Fatal(err)
	}
	r.read = 0
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := m.Frame(777, Window{}); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if r.read != side*side {
		t.Errorf("%d bytes were read for a frame of %d", r.read, side*side)
	}
	if spent := after.TotalAlloc - before.TotalAlloc; spent > 4*side*side {
		t.Errorf("%d bytes were allocated for a frame of %d", spent, side*side)
	}
}

// counting is a head followed by zeros; it counts what is read.
type counting struct {
	head []byte
	read int
}

func (c *counting) ReadAt(p []byte, off int64) (int, error) {
	clear(p)
	if off < int64(len(c.head)) {
		copy(p, c.head[off:])
	}
	c.read += len(p)
	return len(p), nil
}

// TestConcurrentFrames renders from many goroutines; the race detector watches.
func TestConcurrentFrames(t *testing.T) {
	cells := make([]uint16, 64*64*4)
	for i := range cells {
		cells[i] = uint16(i)
	}
	m, err := gray16(64, 64, 16, cells...).with(attributes{dicom.NumberOfFrames: 4}).open(t, dicom.ExplicitVRLittleEndian)
	if err != nil {
		t.Fatal(err)
	}
	var want [4][]byte
	for i := range want {
		picture, err := m.Frame(i+1, Window{})
		if err != nil {
			t.Fatal(err)
		}
		want[i] = picture.(*image.Gray).Pix
	}
	var wg sync.WaitGroup
	for i := range 32 {
		wg.Go(func() {
			picture, err := m.Frame(i%4+1, Window{})
			if err != nil || !bytes.Equal(picture.(*image.Gray).Pix, want[i%4]) {
				t.Errorf("frame %d differs when rendered beside others: %v", i%4+1, err)
			}
		})
	}
	wg.Wait()
}

// TestReaderFails: a disk error is passed on, a short file is truncation.
func TestReaderFails(t *testing.T) {
	body := gray16(2, 2, 12, 1, 2, 3, 4).encode(leOrder)
	obj, err := dicom.ScanDataSet(bytes.NewReader(body), int64(len(body)), dicom.ExplicitVRLittleEndian)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		r    io.ReaderAt
		code Code
	}{{bytes.NewReader(body[:len(body)-2]), Truncated}, {broken{}, ""}} {
		m, err := Open(c.r, int64(len(body)), obj)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := m.Frame(1, Window{}); err == nil || codeOf(err) != c.code {
			t.Errorf("%T: %v", c.r, err)
		}
	}
}

type broken struct{}

func (broken) ReadAt([]byte, int64) (int, error) { return 0, io.ErrClosedPipe }
