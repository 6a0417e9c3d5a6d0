package codec

// progressiveBlock returns the decoder of a block for the scan's kind (ISO/IEC
// 10918-1 Annex G).
func (s *scan) progressiveBlock() func(*bitReader, *component, int, int) bool {
	var decode func(*bitReader, *component, []int32) bool
	switch {
	case s.start == 0 && s.high == 0:
		decode = s.firstDC
	case s.start == 0:
		decode = s.refineDC
	case s.high == 0:
		decode = s.firstAC
	default:
		decode = s.refineAC
	}
	return func(r *bitReader, c *component, x, y int) bool {
		return decode(r, c, c.coefficients[(y*c.stride/8+x)*64:][:64])
	}
}

func (s *scan) firstDC(r *bitReader, c *component, block []int32) bool {
	difference, ok := s.dc[c.dcTable].difference(r)
	c.previous += difference
	block[0] = int32(c.previous) << s.low
	return ok
}

func (s *scan) refineDC(r *bitReader, _ *component, block []int32) bool {
	block[0] |= int32(r.take(1)) << s.low
	return true
}

// firstAC decodes a band for the first time (G.1.2.2).
func (s *scan) firstAC(r *bitReader, c *component, block []int32) bool {
	if c.endOfBs > 0 {
		c.endOfBs--
		return true
	}
	for k := s.start; k <= s.end; k++ {
		r.refill()
		symbol, ok := s.ac[c.acTable].symbol(r)
		if !ok {
			return false
		}
		run, size := int(symbol>>4), uint(symbol&15)
		if size == 0 && run < 15 {
			c.endOfBs = 1<<run + r.take(uint(run)) - 1
			return true
		}
		k += run
		if size == 0 {
			continue
		}
		if k > s.end {
			return false
		}
		block[zigzag[k]] = int32(extend(r.take(size), size)) << s.low
	}
	return true
}

// refineAC adds a bit to a band (G.1.2.3).
func (s *scan) refineAC(r *bitReader, c *component, block []int32) bool {
	k := s.start
	for k <= s.end && c.endOfBs == 0 {
		r.refill()
		symbol, ok := s.ac[c.acTable].symbol(r)
		if !ok || symbol&15 > 1 {
			return false
		}
		run, value := int(symbol>>4), int32(0)
		if symbol&15 == 1 {
			value = int32(2*r.take(1)-1) << s.low
		} else if run < 15 {
			c.endOfBs = 1<<run + r.take(uint(run))
			break
		}
		k = s.refineRun(r, block, k, run)
		if value != 0 {
			if k > s.end {
				return false
			}
			block[zigzag[k]] = value
		}
		k++
	}
	if c.endOfBs > 0 {
		s.refineRun(r, block, k, 64)
		c.endOfBs--
	}
	return true
}

// refineRun refines the coefficients that are not 0 from k on, up to the one
// behind run zeros, whose index it returns.
func (s *scan) refineRun(r *bitReader, block []int32, k, run int) int {
	for ; k <= s.end; k++ {
		v := &block[zigzag[k]]
		if *v == 0 {
			if run == 0 {
				return k
			}
			run--
			continue
		}
		if r.take(1) == 1 && *v>>s.low&1 == 0 {
			if *v > 0 {
				*v += 1 << s.low
			} else {
				*v -= 1 << s.low
			}
		}
	}
	return k
}

// transformAll makes samples of the coefficients of all scans.
func (j *jpegStream) transformAll() error {
	for i := range j.components {
		c := &j.components[i]
		quantization := j.quantization[c.table]
		if quantization == nil {
			return failf(Malformed, "the JPEG lacks a quantization table")
		}
		var block [64]int32
		for n := range len(c.coefficients) / 64 {
			for k, v := range c.coefficients[64*n:][:64] {
				block[k] = v * quantization[k]
			}
			x, y := n%(c.stride/8), n/(c.stride/8)
			inverseDCT(c.samples[8*y*c.stride+8*x:], c.stride, &block, 63)
		}
	}
	return nil
}
