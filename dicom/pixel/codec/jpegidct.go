package codec

// The constants of the inverse DCT by Loeffler, Ligtenberg and Moschytz with 13
// bits behind the point, for samples of 12 bits. The arithmetic is that of
// libjpeg's jidctint.c, so the samples equal those of every decoder built on it.
const (
	fixBits    = 13
	extraBits  = 1 // bits kept between the passes
	highest    = 1<<12 - 1
	center     = 1 << 11
	fix0298631 = 2446
	fix0390181 = 3196
	fix0541196 = 4433
	fix0765367 = 6270
	fix0899976 = 7373
	fix1175876 = 9633
	fix1501321 = 12299
	fix1847759 = 15137
	fix1961571 = 16069
	fix2053120 = 16819
	fix2562915 = 20995
	fix3072711 = 25172
)

// butterfly transforms eight values and returns them times 1<<fixBits.
func butterfly(in0, in1, in2, in3, in4, in5, in6, in7 int) (out0, out1, out2, out3, out4, out5, out6, out7 int) {
	z1 := (in2 + in6) * fix0541196
	even2, even3 := z1-in6*fix1847759, z1+in2*fix0765367
	even0, even1 := (in0+in4)<<fixBits, (in0-in4)<<fixBits
	a0, a3, a1, a2 := even0+even3, even0-even3, even1+even2, even1-even2

	z5 := (in7 + in3 + in5 + in1) * fix1175876
	z1, z2 := -(in7+in1)*fix0899976, -(in5+in3)*fix2562915
	z3, z4 := z5-(in7+in3)*fix1961571, z5-(in5+in1)*fix0390181
	b0 := in7*fix0298631 + z1 + z3
	b1 := in5*fix2053120 + z2 + z4
	b2 := in3*fix3072711 + z2 + z3
	b3 := in1*fix1501321 + z1 + z4
	return a0 + b3, a1 + b2, a2 + b1, a3 + b0, a3 - b0, a2 - b1, a1 - b2, a0 - b3
}

// inverseDCT transforms a block of dequantized coefficients, of which the last
// is at index last in zigzag order, and writes its samples of 12 bits to dst,
// whose rows are stride apart (ISO/IEC 10918-1 A.3.3, A.3.1).
func inverseDCT(dst []uint16, stride int, block *[64]int32, last int) {
	if last == 0 {
		v := uint16(clamp(descale(int(block[0])<<extraBits, extraBits+3) + center))
		for y := range 8 {
			row := dst[y*stride:][:8]
			for x := range row {
				row[x] = v
			}
		}
		return
	}
	var work [64]int
	for x := range 8 {
		columnPass(&work, block, x)
	}
	const (
		shift = fixBits + extraBits + 3
		round = 1<<(shift-1) + center<<shift
	)
	for y := range 8 {
		w := (*[8]int)(work[8*y : 8*y+8])
		row := (*[8]uint16)(dst[y*stride : y*stride+8])
		o0, o1, o2, o3, o4, o5, o6, o7 := butterfly(w[0], w[1], w[2], w[3], w[4], w[5], w[6], w[7])
		row[0] = uint16(clamp((o0 + round) >> shift))
		row[1] = uint16(clamp((o1 + round) >> shift))
		row[2] = uint16(clamp((o2 + round) >> shift))
		row[3] = uint16(clamp((o3 + round) >> shift))
		row[4] = uint16(clamp((o4 + round) >> shift))
		row[5] = uint16(clamp((o5 + round) >> shift))
		row[6] = uint16(clamp((o6 + round) >> shift))
		row[7] = uint16(clamp((o7 + round) >> shift))
	}
}

// columnPass transforms column x.
func columnPass(work *[64]int, block *[64]int32, x int) {
	b := block[x : x+57]
	if b[8]|b[16]|b[24]|b[32]|b[40]|b[48]|b[56] == 0 {
		v := int(b[0]) << extraBits
		for y := range 8 {
			work[8*y+x] = v
		}
		return
	}
	const shift = fixBits - extraBits
	o0, o1, o2, o3, o4, o5, o6, o7 := butterfly(int(b[0]), int(b[8]), int(b[16]), int(b[24]), int(b[32]), int(b[40]), int(b[48]), int(b[56]))
	w := work[x : x+57]
	w[0], w[8], w[16], w[24] = descale(o0, shift), descale(o1, shift), descale(o2, shift), descale(o3, shift)
	w[32], w[40], w[48], w[56] = descale(o4, shift), descale(o5, shift), descale(o6, shift), descale(o7, shift)
}

func descale(v, bits int) int { return (v + 1<<(bits-1)) >> bits }

func clamp(v int) int {
	if uint(v) > uint(highest) {
		if v < 0 {
			return 0
		}
		return highest
	}
	return v
}
