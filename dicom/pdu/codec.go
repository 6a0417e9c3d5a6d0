package pdu

import (
	"encoding/binary"
	"fmt"
	"strings"
)

// maxItem is the longest item body: its length field has 16 bits.
const maxItem = 1<<16 - 1

// encoder appends to b and keeps the first error.
type encoder struct {
	b   []byte
	err error
}

func (e *encoder) bytes(b ...byte) { e.b = append(e.b, b...) }

func (e *encoder) uint16(v uint16) { e.b = binary.BigEndian.AppendUint16(e.b, v) }

func (e *encoder) uint32(v uint32) { e.b = binary.BigEndian.AppendUint32(e.b, v) }

// counted appends what body appends, after its 16-bit length.
func (e *encoder) counted(body func()) {
	at := len(e.b)
	e.uint16(0)
	body()
	n := len(e.b) - at - 2
	if n > maxItem && e.err == nil {
		e.err = fmt.Errorf("a PDU item has %d bytes; DICOM allows 65535; shorten it", n)
	}
	binary.BigEndian.PutUint16(e.b[at:], uint16(n))
}

// item appends an item: type, reserved byte, 16-bit length, body.
func (e *encoder) item(itemType byte, body func()) {
	e.bytes(itemType, 0)
	e.counted(body)
}

func (e *encoder) text(itemType byte, s string) {
	e.item(itemType, func() { e.b = append(e.b, s...) })
}

func (e *encoder) countedText(s string) {
	e.counted(func() { e.b = append(e.b, s...) })
}

// aeTitle appends a title padded with spaces to 16 characters (PS3.5 6.2 AE).
func (e *encoder) aeTitle(name, s string) {
	if len(s) > aeTitleSize && e.err == nil {
		e.err = fmt.Errorf("%s AE title is %d characters; DICOM allows 16; shorten it", name, len(s))
		return
	}
	e.b = append(e.b, s...)
	e.b = append(e.b, strings.Repeat(" ", aeTitleSize-len(s))...)
}

// decoder takes values from the front of b and keeps the first error. After
// an error each value is zero.
type decoder struct {
	b   []byte
	err error
}

// take returns the next n bytes of d, nil if there are fewer.
func (d *decoder) take(n int) []byte {
	if d.err == nil && n > len(d.b) {
		d.err = invalid("an item or field of %d bytes passes the end of its parent, which has %d left", n, len(d.b))
	}
	if d.err != nil {
		return nil
	}
	b := d.b[:n]
	d.b = d.b[n:]
	return b
}

func (d *decoder) byte() byte {
	if b := d.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (d *decoder) uint16() uint16 {
	if b := d.take(2); b != nil {
		return binary.BigEndian.Uint16(b)
	}
	return 0
}

func (d *decoder) uint32() uint32 {
	if b := d.take(4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

func (d *decoder) counted() []byte { return d.take(int(d.uint16())) }

func (d *decoder) countedUID() string { return trimUID(d.counted()) }

// keep keeps err if it is the first.
func (d *decoder) keep(err error) {
	if d.err == nil {
		d.err = err
	}
}

// require keeps an error if a rule does not hold.
func (d *decoder) require(holds bool, format string, args ...any) {
	if !holds {
		d.keep(invalid(format, args...))
	}
}

// more says whether another item follows.
func (d *decoder) more() bool { return d.err == nil && len(d.b) > 0 }

// item takes an item's header and body.
func (d *decoder) item() (itemType byte, body []byte) {
	itemType = d.byte()
	d.byte()
	return itemType, d.counted()
}

// fixed takes the body of an item that must have n bytes.
func (d *decoder) fixed(itemType byte, body []byte, n int) decoder {
	d.require(len(body) == n, "item %02XH has %d bytes and must have %d", itemType, len(body), n)
	return decoder{b: body, err: d.err}
}

// trimUID drops the padding that peers leave at the end of a UID: PS3.8 F.1
// wants none, but NUL and space are seen.
func trimUID(b []byte) string { return strings.TrimRight(string(b), "\x00 ") }

// trimAE drops the padding of an AE title: spaces by the standard, NUL as seen.
func trimAE(b []byte) string { return strings.Trim(string(b), "\x00 ") }
