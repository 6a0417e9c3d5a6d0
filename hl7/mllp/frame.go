// Package mllp carries HL7 messages over TCP by the minimal lower layer protocol (HL7
// Implementation Guide, appendix C; MLLP release 1): a block is 0B, the message, 1C, 0D.
// Server receives and answers, Client sends and waits for the answer; both over TLS if
// configured. Reader and Frame are the framing alone.
package mllp

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

const (
	startBlock     = 0x0b
	endBlock       = 0x1c
	carriageReturn = 0x0d
)

// DefaultMaxMessage is what a reader takes unless told otherwise: reports with a PDF in
// them come to tens of megabytes.
const DefaultMaxMessage = 64 << 20

// readSize is the buffer of one connection; most messages arrive in one read.
const readSize = 16 << 10

// ErrTooLong is a message that passes the limit.
var ErrTooLong = errors.New("mllp: message is longer than the limit; raise max_message for this listener or let the sender split it")

// ErrBusy is a message refused because other messages hold the memory set aside.
var ErrBusy = errors.New("mllp: too much data in flight; the sender may retry")

// Frame is the block of a message.
func Frame(message []byte) []byte {
	block := make([]byte, 0, len(message)+3)
	block = append(block, startBlock)
	block = append(block, message...)
	return append(block, endBlock, carriageReturn)
}

// Reader takes messages out of a stream of blocks. Bytes outside a block are skipped, so
// the CR at the end of a block may be missing; several blocks in one read and one block
// over many reads are the same to it. Memory grows with the bytes that arrive.
type Reader struct {
	in  *bufio.Reader
	max int

	// reserve, if set, is asked before the message in progress grows by n bytes.
	reserve func(n int) error
}

// NewReader reads blocks of up to max bytes from r; 0 means DefaultMaxMessage.
func NewReader(r io.Reader, max int) *Reader {
	if max <= 0 {
		max = DefaultMaxMessage
	}
	return &Reader{in: bufio.NewReaderSize(r, readSize), max: max}
}

// Next gives the next message, in memory of its own. At the end of the stream it is
// io.EOF between blocks and io.ErrUnexpectedEOF inside one. With ErrTooLong and ErrBusy
// it gives the beginning of the message, and the stream is of no further use.
func (r *Reader) Next() ([]byte, error) {
	if err := r.start(); err != nil {
		return nil, err
	}
	return r.rest()
}

// start skips to the first byte of a message.
func (r *Reader) start() error {
	for {
		_, err := r.in.ReadSlice(startBlock)
		if err == nil || !errors.Is(err, bufio.ErrBufferFull) {
			return err
		}
	}
}

// rest reads a message up to the end block.
func (r *Reader) rest() ([]byte, error) {
	var m pieces
	for {
		part, err := r.in.ReadSlice(endBlock)
		if err == nil {
			part = part[:len(part)-1]
		} else if !errors.Is(err, bufio.ErrBufferFull) {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
		if m.size+len(part) > r.max {
			return m.head(), ErrTooLong
		}
		if r.reserve != nil {
			if err := r.reserve(len(part)); err != nil {
				return m.head(), err
			}
		}
		m.add(part)
		if err == nil {
			return restarted(m.join()), nil
		}
	}
}

// pieces are a message that grows: what is there is not copied for each megabyte more.
type pieces struct {
	list [][]byte
	size int
}

// maxPiece is the size of the pieces of a long message; shorter ones double.
const maxPiece = 1 << 20

func (m *pieces) add(part []byte) {
	n := len(m.list)
	if n == 0 || cap(m.list[n-1])-len(m.list[n-1]) < len(part) {
		m.list = append(m.list, make([]byte, 0, max(len(part), min(m.size, maxPiece))))
		n++
	}
	m.list[n-1] = append(m.list[n-1], part...)
	m.size += len(part)
}

// head is the beginning, which is enough to answer.
func (m *pieces) head() []byte {
	if len(m.list) == 0 {
		return nil
	}
	return m.list[0]
}

func (m *pieces) join() []byte {
	if len(m.list) == 1 {
		return m.list[0]
	}
	return bytes.Join(m.list, nil)
}

// restarted gives the last of the messages in a block: a sender that was cut off begins
// again without an end block, and what it never finished it sends again. A start byte
// elsewhere is text (a word processor's line break).
func restarted(message []byte) []byte {
	if bytes.IndexByte(message, startBlock) < 0 {
		return message
	}
	for _, header := range []string{"\x0bMSH", "\x0bFHS", "\x0bBHS"} {
		if i := bytes.LastIndex(message, []byte(header)); i >= 0 {
			message = message[i+1:]
		}
	}
	return message
}
