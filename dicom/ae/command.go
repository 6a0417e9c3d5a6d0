package ae

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Command fields (PS3.7 E.1, Table E.1-1). A response has responseBit set.
const (
	cStoreRQ    uint16 = 0x0001
	cGetRQ      uint16 = 0x0010
	cFindRQ     uint16 = 0x0020
	cMoveRQ     uint16 = 0x0021
	cEchoRQ     uint16 = 0x0030
	cCancelRQ   uint16 = 0x0FFF
	responseBit uint16 = 0x8000
)

// Elements of group 0000H (PS3.7 E.1).
const (
	groupLength               uint16 = 0x0000
	affectedSOPClassUID       uint16 = 0x0002
	requestedSOPClassUID      uint16 = 0x0003
	commandField              uint16 = 0x0100
	messageID                 uint16 = 0x0110
	messageIDBeingRespondedTo uint16 = 0x0120
	moveDestination           uint16 = 0x0600
	priority                  uint16 = 0x0700
	commandDataSetType        uint16 = 0x0800
	statusElement             uint16 = 0x0900
	errorComment              uint16 = 0x0902
	errorID                   uint16 = 0x0903
	affectedSOPInstanceUID    uint16 = 0x1000
	requestedSOPInstanceUID   uint16 = 0x1001
	eventTypeID               uint16 = 0x1002
	actionTypeID              uint16 = 0x1008
	remainingSuboperations    uint16 = 0x1020
	completedSuboperations    uint16 = 0x1021
	failedSuboperations       uint16 = 0x1022
	warningSuboperations      uint16 = 0x1023
	moveOriginatorAETitle     uint16 = 0x1030
	moveOriginatorMessageID   uint16 = 0x1031
)

const (
	noDataSet  uint16 = 0x0101 // CommandDataSetType without data set
	hasDataSet uint16 = 0x0000 // any other value means that one follows

	elementHeaderSize = 8
	maxComment        = 64 // LO (PS3.5 6.2)

	// maxCommand bounds a received command set. Real ones have some hundred
	// bytes; the longest element, an attribute list, could need a few thousand.
	maxCommand = 64 << 10
)

// commandSet is a DIMSE command set (PS3.7 6.3.1): elements of group 0000H in
// ascending order, without the group length.
type commandSet struct{ elements []commandElement }

type commandElement struct {
	number uint16
	value  []byte // as on the wire, of even length
}

// errCommand says why bytes are no command set.
var errCommand = errors.New("not a DIMSE command set")

// decodeCommand reads a command set: PS3.7 6.3.1, always implicit VR little
// endian. The values are parts of b.
func decodeCommand(b []byte) (*commandSet, error) {
	c := &commandSet{}
	next := 0 // the lowest element number that may follow
	for len(b) > 0 {
		if len(b) < elementHeaderSize {
			return nil, fmt.Errorf("%w: it ends inside an element", errCommand)
		}
		group, number := binary.LittleEndian.Uint16(b), binary.LittleEndian.Uint16(b[2:])
		length := binary.LittleEndian.Uint32(b[4:])
		b = b[elementHeaderSize:]
		if group != 0 || int(number) < next {
			return nil, fmt.Errorf("%w: element (%04X,%04X) is out of place", errCommand, group, number)
		}
		if uint64(length) > uint64(len(b)) {
			return nil, fmt.Errorf("%w: element (0000,%04X) has the length %d and %d bytes are left", errCommand, number, length, len(b))
		}
		if number != groupLength {
			c.elements = append(c.elements, commandElement{number, b[:length]})
		}
		b = b[length:]
		next = int(number) + 1
	}
	if _, ok := c.uint16(commandField); !ok {
		return nil, fmt.Errorf("%w: it has no command field", errCommand)
	}
	return c, nil
}

// encode returns the command set with its group length (PS3.7 6.3.1).
func (c *commandSet) encode() []byte {
	n := 0
	for _, e := range c.elements {
		n += elementHeaderSize + len(e.value)
	}
	b := make([]byte, 0, elementHeaderSize+4+n)
	b = appendElement(b, groupLength, binary.LittleEndian.AppendUint32(nil, uint32(n)))
	for _, e := range c.elements {
		b = appendElement(b, e.number, e.value)
	}
	return b
}

func appendElement(b []byte, number uint16, value []byte) []byte {
	b = append(b, 0, 0)
	b = binary.LittleEndian.AppendUint16(b, number)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(value)))
	return append(b, value...)
}

// set puts an element in its place.
func (c *commandSet) set(number uint16, value []byte) {
	at, found := slices.BinarySearchFunc(c.elements, number, func(e commandElement, n uint16) int {
		return int(e.number) - int(n)
	})
	if found {
		c.elements[at].value = value
		return
	}
	c.elements = slices.Insert(c.elements, at, commandElement{number, value})
}

func (c *commandSet) setUint16(number, v uint16) {
	c.set(number, binary.LittleEndian.AppendUint16(nil, v))
}

// setUID sets a UID, padded with NUL to an even length (PS3.5 9.1).
func (c *commandSet) setUID(number uint16, uid string) { c.set(number, padded(uid, 0)) }

// setText sets an AE or LO value, padded with a space (PS3.5 6.2).
func (c *commandSet) setText(number uint16, s string) { c.set(number, padded(s, ' ')) }

func padded(s string, padding byte) []byte {
	b := []byte(s)
	if len(b)%2 == 1 {
		b = append(b, padding)
	}
	return b
}

func (c *commandSet) value(number uint16) ([]byte, bool) {
	for _, e := range c.elements {
		if e.number == number {
			return e.value, true
		}
	}
	return nil, false
}

// uint16 returns a US value; ok is false if it is absent or has not 2 bytes.
func (c *commandSet) uint16(number uint16) (v uint16, ok bool) {
	b, _ := c.value(number)
	if len(b) != 2 {
		return 0, false
	}
	return binary.LittleEndian.Uint16(b), true
}

// number returns a US value, 0 if it is absent.
func (c *commandSet) number(element uint16) int {
	v, _ := c.uint16(element)
	return int(v)
}

// text returns a UI, AE or LO value without padding, "" if it is absent.
func (c *commandSet) text(number uint16) string {
	b, _ := c.value(number)
	return strings.Trim(string(b), "\x00 ")
}

func (c *commandSet) field() uint16 {
	v, _ := c.uint16(commandField)
	return v
}

// dataSetFollows says whether a data set belongs to the message (PS3.7 E.1).
func (c *commandSet) dataSetFollows() bool {
	v, ok := c.uint16(commandDataSetType)
	return ok && v != noDataSet
}

// newRequest starts a request of an operation on a SOP class, which is affected
// or requested.
func newRequest(field, id, classElement uint16, sopClass string) *commandSet {
	c := &commandSet{elements: make([]commandElement, 0, 8)}
	c.setUint16(commandField, field)
	c.setUint16(messageID, id)
	c.setUID(classElement, sopClass)
	c.setUint16(commandDataSetType, noDataSet)
	return c
}

// newResponse starts the response to a request (PS3.7 9.3, 10.3): the request's
// identification with a status.
func newResponse(rq *commandSet, status uint16, comment string) *commandSet {
	c := &commandSet{elements: make([]commandElement, 0, 8)}
	c.setUint16(commandField, rq.field()|responseBit)
	c.setUint16(messageIDBeingRespondedTo, uint16(rq.number(messageID)))
	c.setUint16(commandDataSetType, noDataSet)
	c.setUint16(statusElement, status)
	if comment != "" {
		c.setText(errorComment, comment[:min(len(comment), maxComment)])
	}
	c.repeat(rq, affectedSOPClassUID, requestedSOPClassUID)
	c.repeat(rq, affectedSOPInstanceUID, requestedSOPInstanceUID)
	return c
}

// repeat sets the affected UID of a response from the request's, which names
// it affected or requested.
func (c *commandSet) repeat(rq *commandSet, affected, requested uint16) {
	v, ok := rq.value(affected)
	if !ok {
		v, ok = rq.value(requested)
	}
	if ok {
		c.set(affected, v)
	}
}
