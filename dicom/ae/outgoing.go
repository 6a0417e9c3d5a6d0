package ae

import (
	"errors"
	"io"
	"net"

	"concord/dicom/pdu"
)

const (
	// maxFragment bounds what one P-DATA-TF carries to a peer without a limit.
	maxFragment = 256 << 10

	// maxBatch and maxFrames bound what one writev sends, so that a slow peer
	// gets the write deadline for a bounded amount: 4 kB/s is enough.
	maxBatch  = 256 << 10
	maxFrames = 256

	// minPeerMax is the smallest limit that leaves room for a fragment of two
	// bytes.
	minPeerMax = pdu.PDVHeaderSize + 2

	// heldBack bytes stay unsent until more come or the data set ends, so that
	// the last fragment is not empty.
	heldBack = 2

	frameHeader = pdu.HeaderSize + pdu.PDVHeaderSize
)

var errEmptyDataSet = errors.New("the data set is empty")

// outgoing cuts a message into P-DATA-TF PDUs and sends them with writev: the
// data is not copied.
type outgoing struct {
	d         *dimse
	contextID byte
	buffers   net.Buffers // frame header, fragment, frame header, …
	headers   []byte      // the frame headers' bytes
	size      int         // bytes of fragments in buffers
	left      int         // bytes that Write still expects
	chunk     []byte      // reused for readers that are not in memory
}

// send sends a message; data is nil if it has no data set.
func (d *dimse) send(contextID byte, command *commandSet, data io.Reader) error {
	o := &d.out
	o.contextID = contextID
	o.reset()
	if data != nil {
		command.setUint16(commandDataSetType, hasDataSet)
	}
	if err := o.add(pdu.ControlCommand, command.encode(), true); err != nil {
		return err
	}
	if data == nil {
		return o.flush()
	}
	return o.copy(data)
}

// inMemory is a reader that can write all of its bytes at once, such as
// *bytes.Reader.
type inMemory interface {
	io.WriterTo
	Len() int
}

func (o *outgoing) copy(data io.Reader) error {
	if m, ok := data.(inMemory); ok && m.Len() > 0 {
		o.left = m.Len()
		_, err := m.WriteTo(o)
		return err
	}
	if o.chunk == nil { // whole fragments, and what is held back
		limit := o.fragmentSize()
		o.chunk = make([]byte, max(1, maxBatch/limit)*limit+heldBack)
	}
	held := 0
	for {
		n, err := io.ReadFull(data, o.chunk[held:])
		n += held
		last := err == io.EOF || err == io.ErrUnexpectedEOF
		switch {
		case err != nil && !last:
			return err
		case n == 0:
			return errEmptyDataSet
		case !last:
			held = heldBack
		default:
			held = 0
		}
		if err := o.add(0, o.chunk[:n-held], last); err != nil {
			return err
		}
		if err := o.flush(); err != nil || last {
			return err
		}
		copy(o.chunk, o.chunk[n-held:n])
	}
}

// Write sends a part of an in-memory data set.
func (o *outgoing) Write(p []byte) (int, error) {
	o.left -= len(p)
	if err := o.add(0, p, o.left <= 0); err != nil {
		return 0, err
	}
	return len(p), o.flush()
}

// add queues fragments of a command set or data set, the final one marked if
// they end it (PS3.8 E.2).
func (o *outgoing) add(control byte, p []byte, last bool) error {
	limit := o.fragmentSize()
	for len(p) > 0 {
		n := min(len(p), limit)
		h := pdu.PDVHeader{ContextID: o.contextID, Control: control, Length: uint32(n)}
		if last && n == len(p) {
			h.Control |= pdu.ControlLast
		}
		at := len(o.headers)
		o.headers = pdu.AppendDataHeader(o.headers, h)
		o.buffers = append(o.buffers, o.headers[at:], p[:n])
		o.size += n
		p = p[n:]
		if o.size >= maxBatch || len(o.buffers) >= 2*maxFrames {
			if err := o.flush(); err != nil {
				return err
			}
		}
	}
	return nil
}

// fragmentSize is the longest fragment that the peer takes, of even length.
func (o *outgoing) fragmentSize() int {
	limit := uint32(maxFragment)
	if o.d.peerMax != 0 {
		limit = min(limit, o.d.peerMax-pdu.PDVHeaderSize)
	}
	return int(limit &^ 1)
}

// flush is the P-DATA request primitive for what is queued.
func (o *outgoing) flush() error {
	if len(o.buffers) == 0 {
		return nil
	}
	_, err := o.d.do(Evt9, o.buffers, nil)
	o.reset()
	return err
}

// reset forgets what is queued; writev has already dropped the references.
func (o *outgoing) reset() {
	if o.headers == nil {
		o.headers = make([]byte, 0, 16*frameHeader)
	}
	o.headers = o.headers[:0]
	clear(o.buffers)
	o.buffers = o.buffers[:0]
	o.size = 0
}
