package codec

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"image/color"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// jxl12 is 5 × 4 pixels of 12 bits as cjxl -d 0 writes them: 0, 219, 438 and so
// on, modulo 4096.
const jxl12 = "ff0a1830181417020802010094004b188b15c229e22e50ad6b8a2d5bb66c83fc813950f43806db8160d592832d109c2d3fc001"

// TestJXL decodes a small stream with all its bits, and refuses parts of it.
func TestJXL(t *testing.T) {
	f := Format{Rows: 4, Columns: 5, Samples: 1, BitsAllocated: 16, Syntax: "1.2.840.10008.1.2.4.110"}
	stream := unhex(jxl12)
	dst := make([]byte, f.Size())
	if _, err := Decode(&f, stream, dst); err != nil {
		t.Fatal(err)
	}
	for i, v := range unpackSamples(dst, 16) {
		if v != i*219%4096 {
			t.Fatalf("samples %v", unpackSamples(dst, 16))
		}
	}
	for name, c := range map[string]struct {
		data []byte
		f    Format
		code Code
	}{
		"cut":        {stream[:len(stream)-6], f, Truncated},
		"other size": {stream, Format{Rows: 5, Columns: 4, Samples: 1, BitsAllocated: 16, Syntax: f.Syntax}, Malformed},
		"colour":     {stream, Format{Rows: 4, Columns: 5, Samples: 3, BitsAllocated: 16, Syntax: f.Syntax}, Malformed},
		"fewer bits": {stream, Format{Rows: 4, Columns: 5, Samples: 1, BitsAllocated: 8, Syntax: f.Syntax}, Malformed},
		"no JPEG XL": {[]byte("nothing"), f, Malformed},
	} {
		var e *Error
		if _, err := Decode(&c.f, c.data, make([]byte, c.f.Size())); !errors.As(err, &e) || e.Code != c.code {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestJXLOfTool decodes what libjxl's encoder writes.
func TestJXLOfTool(t *testing.T) {
	if _, err := exec.LookPath("cjxl"); err != nil {
		t.Skip("cjxl is not installed: apt-get install libjxl-tools")
	}
	const rows, columns = 30, 41
	picture := image.NewRGBA(image.Rect(0, 0, columns, rows))
	for i := range rows * columns {
		x, y := i%columns, i/columns
		picture.Set(x, y, color.RGBA{uint8(6 * x), uint8(8 * y), uint8(x * y / 5), 255})
	}
	for _, c := range []struct {
		name          string
		samples, bits int
		options       []string
		tolerance     int
	}{
		{"grey 8", 1, 8, []string{"-d", "0"}, 0},
		{"grey 12", 1, 12, []string{"-d", "0"}, 0},
		{"grey 16", 1, 16, []string{"-d", "0"}, 0},
		{"colour", 3, 8, []string{"-d", "0"}, 0},
		{"colour in a container", 3, 8, []string{"-d", "0", "--container=1"}, 0},
		{"lossy grey 12", 1, 12, []string{"-d", "0.5"}, 60},
		{"lossy colour", 3, 8, []string{"-d", "0.5"}, 40},
	} {
		t.Run(c.name, func(t *testing.T) {
			file, samples := portableMap(picture, c.samples, c.bits)
			f := Format{Rows: rows, Columns: columns, Samples: c.samples, BitsAllocated: (c.bits + 7) / 8 * 8, Syntax: "1.2.840.10008.1.2.4.112"}
			dst := make([]byte, f.Size())
			if _, err := Decode(&f, encodeJXL(t, file, "in.ppm", c.options...), dst); err != nil {
				t.Fatal(err)
			}
			for i, v := range unpackSamples(dst, f.BitsAllocated) {
				if d := v - samples[i]; d > c.tolerance || d < -c.tolerance {
					t.Fatalf("sample %d is %d, not %d", i, v, samples[i])
				}
			}
		})
	}
	t.Run("JPEG packed again", func(t *testing.T) {
		f := Format{Rows: rows, Columns: columns, Samples: 3, BitsAllocated: 8, Photometric: "YBR_FULL_422", Syntax: "1.2.840.10008.1.2.4.50"}
		jpeg, repacked := make([]byte, f.Size()), make([]byte, f.Size())
		encoded := encodeJPEG(picture)
		if _, err := Decode(&f, encoded, jpeg); err != nil {
			t.Fatal(err)
		}
		f.Syntax = "1.2.840.10008.1.2.4.111"
		layout, err := Decode(&f, encodeJXL(t, encoded, "in.jpg"), repacked)
		if err != nil || layout.Photometric != "RGB" {
			t.Fatal(layout, err)
		}
		for i, v := range repacked {
			if d := int(v) - int(jpeg[i]); d > 4 || d < -4 {
				t.Fatalf("sample %d is %d; the JPEG has %d", i, v, jpeg[i])
			}
		}
	})
}

// portableMap is a picture as PGM or PPM, and its samples. cjxl takes words of
// fewer bits for words of 16 that it has to round.
func portableMap(picture *image.RGBA, count, bits int) (file []byte, samples []int) {
	size := picture.Rect.Size()
	file = fmt.Appendf(nil, "P%d\n%d %d\n%d\n", 5+count/3, size.X, size.Y, 1<<bits-1)
	for i := range size.X * size.Y {
		for s := range count {
			v := int(picture.Pix[4*i+s]) << (bits - 8)
			samples = append(samples, v)
			if bits == 8 {
				file = append(file, byte(v))
			} else {
				highest := 1<<bits - 1
				file = binary.BigEndian.AppendUint16(file, uint16((v*0xFFFF+highest/2)/highest))
			}
		}
	}
	return file, samples
}

func encodeJXL(t *testing.T, file []byte, name string, options ...string) []byte {
	t.Helper()
	in, out := filepath.Join(t.TempDir(), name), filepath.Join(t.TempDir(), "out.jxl")
	if err := os.WriteFile(in, file, 0o600); err != nil {
		t.Fatal(err)
	}
	if message, err := exec.Command("cjxl", append(options, in, out)...).CombinedOutput(); err != nil {
		t.Fatalf("cjxl: %v %s", err, message)
	}
	encoded, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return encoded
}

// FuzzJXL: whatever the bytes, the answer is a frame or an [Error].
func FuzzJXL(f *testing.F) {
	f.Add(unhex(jxl12))
	f.Add([]byte{0xFF, 0x0A})
	f.Fuzz(func(t *testing.T, data []byte) {
		format := Format{Rows: 4, Columns: 5, Samples: 1, BitsAllocated: 16, Syntax: "1.2.840.10008.1.2.4.110"}
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
