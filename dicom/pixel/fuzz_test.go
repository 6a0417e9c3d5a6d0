package pixel

import (
	"bytes"
	"encoding/binary"
	"flag"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"concord/dicom"
)

// FuzzFrame: whatever the bytes of an object, its frames are pictures of the
// size the header says, or errors.
func FuzzFrame(f *testing.F) {
	small := gray16(2, 2, 12, 1, 2, 3, 4)
	f.Add(small.encode(leOrder), uint8(0))
	f.Add(small.with(attributes{dicom.BitsAllocated: 12, dicom.PixelDataTag: []byte{1, 2, 3, 4, 5, 6}}).encode(leOrder), uint8(0))
	f.Add(small.with(attributes{dicom.VOILUTSequence: []attributes{{dicom.LUTDescriptor: []uint16{3, 5, 8}, dicom.LUTData: []uint16{0, 51, 255}}}}).encode(leOrder), uint8(0))
	f.Add(palette([]uint16{3, 5, 8}, []byte{1, 2, 3, 0}, []byte{4, 5, 6, 0}, []byte{7, 8, 9, 0}).encode(leOrder), uint8(0))
	f.Add(rgb(1, 2, "YBR_FULL_422", []byte{7, 200, 128, 128}).encode(leOrder), uint8(0))
	f.Add(small.with(attributes{dicom.PixelDataTag: nil, dicom.BitsAllocated: 32, dicom.FloatPixelDataTag: make([]byte, 16)}).encode(leOrder), uint8(0))
	f.Add(gray16(1, 6, 8).with(attributes{dicom.BitsAllocated: 8, dicom.PixelDataTag: fragments{nil, append(append([]byte{1, 0, 0, 0, 64, 0, 0, 0}, make([]byte, 56)...), 2, 1, 2, 3, 0xFE, 9)}}).encode(leOrder), uint8(1))
	f.Add(gray16(2, 2, 8).with(attributes{dicom.BitsAllocated: 8, dicom.NumberOfFrames: 2, dicom.PixelDataTag: fragments{{0, 0, 0, 0, 10, 0, 0, 0}, {1, 2}, {3, 4}, {5, 6, 7, 8}}}).encode(leOrder), uint8(2))
	f.Add(gray16(8, 8, 8).with(attributes{dicom.BitsAllocated: 8, dicom.PixelDataTag: fragments{nil, {0xFF, 0xD8, 0xFF, 0xD9}}}).encode(leOrder), uint8(3))
	f.Add(gray16(1, 1, 1, 0x30, 0x30).with(attributes{dicom.BitsAllocated: 21}).encode(leOrder), uint8(0))
	syntaxes := []string{dicom.ExplicitVRLittleEndian, dicom.RLELossless, dicom.EncapsulatedUncompressed, dicom.JPEGBaseline, dicom.DeflatedImageFrame, dicom.ExplicitVRBigEndian,
		dicom.JPEGLSLossless, dicom.JPEG2000Lossless, "1.2.840.10008.1.2.4.110"}
	f.Fuzz(func(t *testing.T, body []byte, syntax uint8) {
		obj, _ := dicom.ScanDataSet(bytes.NewReader(body), int64(len(body)), syntaxes[int(syntax)%len(syntaxes)])
		if obj != nil {
			checkFrames(t, body, obj)
		}
	})
}

// checkFrames renders the first and the last frame and asserts what must hold.
func checkFrames(t testing.TB, data []byte, obj *dicom.Object) {
	Displayable(obj)
	m, err := Open(bytes.NewReader(data), int64(len(data)), obj)
	if err != nil {
		if codeOf(err) == "" {
			t.Errorf("an error without code: %v", err)
		}
		return
	}
	for _, n := range []int{1, m.Frames()} {
		picture, err := m.matrix(n, Window{})
		if err != nil {
			continue
		}
		rows, _ := obj.Int(dicom.Rows)
		columns, _ := obj.Int(dicom.Columns)
		if size := picture.Bounds().Size(); size.X != columns || size.Y != rows {
			t.Errorf("a picture of %v, the header says %d × %d", size, columns, rows)
		}
		hung := m.arrangement(n).apply(picture).Bounds().Size()
		if longest := max(rows, columns) * longestPixel; hung.X < 1 || hung.Y < 1 || hung.X > longest || hung.Y > longest {
			t.Errorf("a picture of %v, the header says %d × %d", hung, columns, rows)
		}
		Quality(picture)
	}
}

// mutations is how many times TestMutations changes each file. With more than
// the default it takes the large files, too.
var mutations = flag.Int("mutations", 4, "changes of four bytes that TestMutations makes in each file")

// TestMutations changes four bytes of every real file, header and pixels: no
// panic, no frame beyond its deadline, no memory beyond a multiple of the file.
func TestMutations(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for _, name := range corpus(t) {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if len(data) > 600<<10 && *mutations < 10 {
			continue
		}
		longest := time.Duration(0)
		for i := range *mutations {
			limit := len(data)
			if i%2 == 0 {
				limit = min(limit, 4<<10)
			}
			took := checkMutation(t, filepath.Base(name), data, random.IntN(limit-4), random.Uint32())
			longest = max(longest, took)
		}
		if longest > time.Second {
			t.Logf("%s: a change made it take %v", filepath.Base(name), longest)
		}
	}
}

// checkMutation renders data with four bytes changed and puts them back.
func checkMutation(t *testing.T, name string, data []byte, at int, change uint32) time.Duration {
	original := [4]byte(data[at:])
	binary.LittleEndian.PutUint32(data[at:], change)
	defer copy(data[at:], original[:])
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start := time.Now()
	if obj, _ := dicom.Scan(bytes.NewReader(data), int64(len(data))); obj != nil {
		checkFrames(t, data, obj)
	}
	took := time.Since(start)
	runtime.ReadMemStats(&after)
	if spent := after.TotalAlloc - before.TotalAlloc; spent > 64<<20+64*uint64(len(data)) {
		t.Errorf("%s, %#08x at %d: %d MiB allocated", name, change, at, spent>>20)
	}
	if took > 2*frameTime(maxFrame) {
		t.Errorf("%s, %#08x at %d: it took %v", name, change, at, took)
	}
	return took
}
