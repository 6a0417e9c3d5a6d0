package codec

import (
	"bytes"
	"encoding/hex"
	"errors"
	"image"
	"image/color"
	"image/jpeg"
	"math"
	"math/rand/v2"
	"testing"
)

// spectral12 is 5 × 4 noise of 12 bits in process 8 (spectral selection), as
// dcmcjpeg +es +q 40 writes it.
const spectral12 = "ffd8ffe000104a46494600010100000100010000ffdb004300140e0f120f0d14121012171514181e32211e1c1c1e3d2c2e243249404c4b47404645505a73" +
	"6250556d5645466488656d777b8182814e608d978c7d96737e817cffc2000b0c0004000501011100ffc4001400010000000000000000000000000000" +
	"0006ffda00080101000000003bffc40017100003010000000000000000000000000005060807ffda0008010100010500ac34b638002fffc4001e1000" +
	"0202020203000000000000000000000304020506070108121314ffda0008010100063f00ebfe82d2d676e1aba6d549be6c996c86d31abab8fb6dad5d" +
	"f53f3c79aad599804cc33217335fcf8932c1273214e6213fffd9"

// arithmetic8 are the same 5 × 4 pixels of 8 bits with arithmetic coding, as
// libjpeg-turbo writes them: sequential and progressive.
var arithmetic8 = [2]string{
	"ffd8ffdb0043000302020302020303030304030304050805050404050a070706080c0a0c0c0b0a0b0b0d0e12100d0e110e0b0b101610111314151515" +
		"0c0f171816141812141514ffc9000b080004000501011100ffcc000600101005ffda0008010100003f00d256195c053decf8536f1e5c7c62447c5e32" +
		"a8bd8342deb28c7da1a128957a9dd90cf393c79ab30549937e6f6fc2cf92ff00304b32d537f7c798767fb3b899ed630429c0ffd9",
	"ffd8ffdb0043000302020302020303030304030304050805050404050a070706080c0a0c0c0b0a0b0b0d0e12100d0e110e0b0b101610111314151515" +
		"0c0f171816141812141514ffca000b080004000501011100ffcc00040010ffda0008010100000001d1a0ffcc00041005ffda00080101000105021661" +
		"63270b59ffcc00041005ffda0008010100063f0236d9ce0d21908e5093fa5599326f6781ee97a21b3a8e96b0ffcc00041005ffda0008010100013f21" +
		"0923580583a9f06bc672e774ffda0008010100000010c0ffcc00041005ffda0008010100013f108a9ffef37b28f1f230ffd9"}

// dctSeeds are small streams of DCT-based processes.
var dctSeeds = func() [][]byte {
	grey := image.NewGray(image.Rect(0, 0, 5, 4))
	colour := image.NewRGBA(grey.Rect)
	random := rand.New(rand.NewPCG(5, 6))
	for i := range grey.Pix {
		grey.Pix[i] = byte(random.Uint32())
		colour.Set(i%5, i/5, color.RGBA{byte(random.Uint32()), byte(random.Uint32()), byte(random.Uint32()), 255})
	}
	return [][]byte{encodeJPEG(grey), encodeJPEG(colour), unhex(spectral12), unhex(arithmetic8[0]), unhex(arithmetic8[1])}
}()

func unhex(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return b
}

func encodeJPEG(picture image.Image) []byte {
	var b bytes.Buffer
	if err := jpeg.Encode(&b, picture, &jpeg.Options{Quality: 95}); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// TestSpectral12: DCMTK's dcmdjpeg decodes the stream to the same samples.
func TestSpectral12(t *testing.T) {
	stream := dctSeeds[2]
	f := Format{Rows: 4, Columns: 5, Samples: 1, BitsAllocated: 16, Syntax: "1.2.840.10008.1.2.4.53"}
	dst := make([]byte, f.Size())
	if _, err := Decode(&f, stream, dst); err != nil {
		t.Fatal(err)
	}
	want := []int{913, 127, 3860, 973, 3705, 803, 2570, 3596, 2761, 813, 4, 41, 3925, 3510, 2717, 2424, 3356, 3194, 1071, 1104}
	for i, v := range unpackSamples(dst, 16) {
		if v != want[i] {
			t.Fatalf("samples %v, want %v", unpackSamples(dst, 16), want)
		}
	}
}

// TestEightBits: libjpeg's samples, whatever the coding; a missing end marker
// is no harm, missing bytes are, and the number of rows may come late.
func TestEightBits(t *testing.T) {
	want := []byte{1, 52, 109, 153, 210, 36, 99, 162, 238, 42, 78, 148, 224, 36, 117, 109, 201, 25, 117, 203}
	f := Format{Rows: 4, Columns: 5, Samples: 1, BitsAllocated: 8, Syntax: "1.2.840.10008.1.2.4.52"}
	for i, stream := range arithmetic8 {
		whole := unhex(stream)
		late := bytes.Clone(whole)
		height := bytes.Index(late, []byte{0xFF, byte(markerSOF9 + i), 0, 11, 8, 0, 4})
		late[height+6] = 0
		for name, data := range map[string][]byte{"whole": whole, "no end": whole[:len(whole)-2], "late height": late} {
			dst := make([]byte, f.Size())
			if _, err := Decode(&f, data, dst); err != nil || !bytes.Equal(dst, want) {
				t.Errorf("stream %d, %s: %v, %v", i, name, dst, err)
			}
		}
	}
	huffman := dctSeeds[0]
	var e *Error
	if _, err := Decode(&f, huffman[:len(huffman)-8], make([]byte, f.Size())); !errors.As(err, &e) || e.Code != Truncated {
		t.Errorf("cut: %v", err)
	}
}

// TestInverseDCT compares with the formula (ISO/IEC 10918-1 A.3.3) in floating
// point.
func TestInverseDCT(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 8))
	for range 200 {
		var block [64]int32
		last := random.IntN(64)
		for k := range last + 1 {
			block[zigzag[k]] = int32((random.IntN(401) - 200) * 16 / (k + 1))
		}
		var got [64]uint16
		inverseDCT(got[:], 8, &block, last)
		for i, v := range got {
			if want := formulaDCT(&block, i%8, i/8); math.Abs(float64(v)-want) > 1.01 {
				t.Fatalf("sample %d: %d, the formula gives %g", i, v, want)
			}
		}
	}
}

func formulaDCT(block *[64]int32, x, y int) float64 {
	sum := 0.0
	for i, c := range block {
		u, v := i%8, i/8
		factor := 0.25
		if u == 0 {
			factor /= math.Sqrt2
		}
		if v == 0 {
			factor /= math.Sqrt2
		}
		sum += factor * float64(c) * math.Cos(float64((2*x+1)*u)*math.Pi/16) * math.Cos(float64((2*y+1)*v)*math.Pi/16)
	}
	return min(max(sum+center, 0), highest)
}
