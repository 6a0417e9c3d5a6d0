package pixel

import (
	"bytes"
	"encoding/hex"
	"image"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"concord/dicom"
)

// TestEncodedByDCMTK lets DCMTK encode frames in every process that it knows;
// our samples equal those that went in or, where the process is lossy, those
// that DCMTK decodes.
func TestEncodedByDCMTK(t *testing.T) {
	if _, err := exec.LookPath("dcmcjpeg"); err != nil {
		t.Skip("dcmcjpeg is not installed: apt-get install dcmtk")
	}
	grey12, grey16, colour := textured(16, 12), textured(16, 16), texturedRGB()
	for _, c := range []struct {
		name, command string
		a             attributes
	}{
		{"lossless SV1 12", "dcmcjpeg +e1", grey12},
		{"lossless SV1 16", "dcmcjpeg +e1", grey16},
		{"lossless predictor 2", "dcmcjpeg +el +sv 2", grey16},
		{"lossless predictor 6", "dcmcjpeg +el +sv 6", grey16},
		{"lossless predictor 7", "dcmcjpeg +el +sv 7", grey12},
		{"lossless colour", "dcmcjpeg +e1", colour},
		{"extended 12", "dcmcjpeg +ee +bt", grey12},
		{"spectral 12", "dcmcjpeg +es +bt", grey12},
		{"progressive 12", "dcmcjpeg +ep +bt", grey12},
		{"baseline 8", "dcmcjpeg +eb", textured(8, 8)},
		{"baseline 4:4:4", "dcmcjpeg +eb +s4", colour},
		{"baseline 4:2:2", "dcmcjpeg +eb +s2", colour},
		{"baseline 4:2:0", "dcmcjpeg +eb +np", colour},
		{"progressive 4:2:0", "dcmcjpeg +ep +np", colour},
		{"extended RGB", "dcmcjpeg +ee +cr", colour},
		{"JPEG-LS 12", "dcmcjpls", grey12},
		{"JPEG-LS colour by line", "dcmcjpls +il", colour},
		{"JPEG-LS colour by sample", "dcmcjpls +is", colour},
		{"JPEG-LS near", "dcmcjpls +en +md 3", grey12},
		{"RLE 16", "dcmcrle", grey16},
		{"RLE colour", "dcmcrle", colour},
	} {
		t.Run(c.name, func(t *testing.T) { encodedByDCMTK(t, c.command, c.a) })
	}
}

func encodedByDCMTK(t *testing.T, command string, a attributes) {
	folder := t.TempDir()
	path := func(name string) string { return filepath.Join(folder, name) }
	body := a.with(attributes{dicom.SOPClassUID: "1.2.840.10008.5.1.4.1.1.7"}).encode(leOrder)
	if err := os.WriteFile(path("original"), body, 0o600); err != nil {
		t.Fatal(err)
	}
	runTool(t, "dcmconv", "-f", "-te", path("original"), path("native"))
	words := strings.Fields(command)
	runTool(t, words[0], append(words[1:], path("native"), path("encoded"))...)
	back := map[string]string{"dcmcjpeg": "dcmdjpeg", "dcmcjpls": "dcmdjpls", "dcmcrle": "dcmdrle"}[words[0]]
	runTool(t, back, path("encoded"), path("decoded"))
	ours, theirs := pictureOf(t, path("encoded")), pictureOf(t, path("decoded"))
	_, isColour := a[dicom.PlanarConfiguration] // DCMTK rounds its way to RGB otherwise
	if len(ours) != len(theirs) {
		t.Fatalf("%d samples, DCMTK has %d", len(ours), len(theirs))
	}
	for i := range ours {
		if d := int(ours[i]) - int(theirs[i]); d < -1 || d > 1 || d != 0 && !isColour {
			t.Fatalf("sample %d is %d; DCMTK decodes %d", i, ours[i], theirs[i])
		}
	}
}

// pictureOf returns the stored samples of a monochrome file, the picture of
// others.
func pictureOf(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	obj, err := dicom.Scan(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	m, err := Open(bytes.NewReader(data), int64(len(data)), obj)
	if err != nil {
		t.Fatal(err)
	}
	if m.samples == 1 {
		f, err := m.frame(1)
		if err != nil {
			t.Fatal(err)
		}
		defer f.release()
		return bytes.Clone(f.data)
	}
	picture, err := m.Frame(1, Window{})
	if err != nil {
		t.Fatal(err)
	}
	pix, _ := picturePix(picture)
	return pix
}

func runTool(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v %s", name, err, out)
	}
}

// textured is 45 × 37 pixels of waves with noise.
func textured(allocated, stored int) attributes {
	random := rand.New(rand.NewPCG(9, 10))
	const rows, columns = 37, 45
	a := gray16(rows, columns, stored).with(attributes{dicom.BitsAllocated: allocated})
	words, octets := make([]uint16, rows*columns), make([]byte, rows*columns+1)
	for i := range words {
		x, y := i%columns, i/columns
		v := (x*y*7 + x*300 + random.IntN(1<<stored/16)) & (1<<stored - 1)
		words[i], octets[i] = uint16(v), byte(v)
	}
	if allocated == 8 {
		return a.with(attributes{dicom.PixelDataTag: octets})
	}
	return a.with(attributes{dicom.PixelDataTag: words})
}

func texturedRGB() attributes {
	const rows, columns = 37, 45
	octets := make([]byte, 3*rows*columns+1)
	for i := range rows * columns {
		x, y := i%columns, i/columns
		octets[3*i], octets[3*i+1], octets[3*i+2] = byte(5*x), byte(6*y), byte(x*y/7)
	}
	return rgb(rows, columns, "RGB", octets)
}

// TestJXLInWorker: libjxl finds all that it needs in a confined worker. The
// stream is that of the codec's own test.
func TestJXLInWorker(t *testing.T) {
	stream, err := hex.DecodeString("ff0a1830181417020802010094004b188b15c229e22e50ad6b8a2d5bb66c83fc813950f43806db8160d592832d109c2d3fc001")
	if err != nil {
		t.Fatal(err)
	}
	a := gray16(4, 5, 12).with(attributes{dicom.PixelDataTag: fragments{nil, append(stream, 0)[:(len(stream)+1)&^1]},
		dicom.WindowCenter: "2048", dicom.WindowWidth: "4096"})
	m, err := a.open(t, "1.2.840.10008.1.2.4.110")
	if err != nil {
		t.Fatal(err)
	}
	picture, err := m.Frame(1, Window{})
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range picture.(*image.Gray).Pix {
		if d := int(v) - i*219%4096*255/4095; d < -1 || d > 1 {
			t.Fatalf("picture %v", picture)
		}
	}
}
