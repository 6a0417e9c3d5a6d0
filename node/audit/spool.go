package audit

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"sync"
)

// spool is a queue of syslog messages in one file, so that they outlive the
// process and a repository that is away:
//
//	00000000000000000021\n     the offset before which everything was sent
//	311 <85>1 2026-11-24T…     the messages, framed as RFC 5425 4.3 sends them
//
// Messages are appended until the file is as long as it may be; it is emptied
// once all of them are sent. What a crash tore off at the end is cut when the
// file is opened.
type spool struct {
	file  *os.File
	limit int64 // bytes of the file

	mu   sync.Mutex
	sent int64 // offset
	end  int64 // offset of the next message
	full bool  // refuses messages until the file was emptied
}

// spoolStart is the offset of the first message.
const spoolStart = 21

// maxFrame is the length of a message with its MSG-LEN.
const maxFrame = maxMessage + len("32768 ")

// errSpoolFull means that the repository was away for too long.
var errSpoolFull = errors.New("the audit spool is full; bring the audit repository back, or raise audit.spool")

// openSpool opens the spool at path, or makes it. torn is the number of bytes
// at its end that were no message.
func openSpool(path string, limit int64) (s *spool, torn int64, err error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, 0, err
	}
	s = &spool{file: file, limit: limit}
	if torn, err = s.recover(); err != nil {
		file.Close()
		return nil, 0, fmt.Errorf("%s: %w", path, err)
	}
	return s, torn, nil
}

// recover finds where the messages begin and end.
func (s *spool) recover() (torn int64, err error) {
	info, err := s.file.Stat()
	if err != nil {
		return 0, err
	}
	head := make([]byte, spoolStart)
	if _, err := s.file.ReadAt(head, 0); err != nil && !errors.Is(err, io.EOF) {
		return 0, err
	}
	// An offset behind the end: the file was being emptied.
	s.sent, err = strconv.ParseInt(string(head[:spoolStart-1]), 10, 64)
	if err != nil || s.sent < spoolStart || s.sent > info.Size() {
		s.sent = spoolStart
	}
	s.end = s.sent
	for r := bufio.NewReader(io.NewSectionReader(s.file, s.sent, info.Size()-s.sent)); ; {
		n, err := skipFrame(r)
		if err != nil {
			break
		}
		s.end += n
	}
	torn = max(0, info.Size()-s.end)
	if err := s.file.Truncate(s.end); err != nil {
		return torn, err
	}
	return torn, s.writeSent()
}

// skipFrame reads over one frame and returns its length.
func skipFrame(r *bufio.Reader) (int64, error) {
	head, err := r.Peek(len("32768 <"))
	if err != nil {
		return 0, err // no message is that short
	}
	digits, length, err := messageLength(head)
	if err != nil {
		return 0, err
	}
	n, err := r.Discard(digits + length)
	return int64(n), err
}

// messageLength reads MSG-LEN and SP (RFC 5425 4.3), which are n bytes.
func messageLength(frame []byte) (n, length int, err error) {
	for n < len(frame) && frame[n] >= '0' && frame[n] <= '9' && length <= maxMessage {
		length = 10*length + int(frame[n]-'0')
		n++
	}
	if n+1 >= len(frame) || frame[n] != ' ' || frame[n+1] != '<' || length == 0 || length > maxMessage {
		return 0, 0, errors.New("the audit spool holds what is no message")
	}
	return n + 1, length, nil
}

// append adds a message.
func (s *spool) append(message []byte) error {
	if len(message) > maxMessage {
		return fmt.Errorf("an audit message is %d bytes; receivers need not take more than %d", len(message), maxMessage)
	}
	frame := append(strconv.AppendInt(make([]byte, 0, len(message)+8), int64(len(message)), 10), ' ')
	frame = append(frame, message...)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.full = s.full || s.end+int64(len(frame)) > s.limit; s.full {
		return errSpoolFull
	}
	if _, err := s.file.WriteAt(frame, s.end); err != nil {
		return errors.Join(err, s.file.Truncate(s.end)) // half a frame would hide what follows
	}
	s.end += int64(len(frame))
	return nil
}

// read returns the frame at offset in buf, which holds maxFrame bytes; nil at
// the end.
func (s *spool) read(offset int64, buf []byte) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if offset >= s.end {
		return nil, nil
	}
	n, err := s.file.ReadAt(buf[:min(int64(maxFrame), s.end-offset)], offset)
	if err != nil {
		return nil, fmt.Errorf("read the audit spool: %w", err)
	}
	digits, length, err := messageLength(buf[:n])
	if err != nil || digits+length > n {
		return nil, fmt.Errorf("the audit spool is damaged at byte %d; stop the node and move the file away", offset)
	}
	return buf[:digits+length], nil
}

// confirm says that everything before offset was sent. It returns the offset
// to go on from, which is another one when the file was emptied.
func (s *spool) confirm(offset int64) (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sent = offset
	if offset == s.end && offset > spoolStart {
		// First the messages go: after a crash in between, the offset is
		// behind the end and recover knows why.
		if err := s.file.Truncate(spoolStart); err != nil {
			return offset, err
		}
		s.sent, s.end, s.full = spoolStart, spoolStart, false
	}
	return s.sent, s.writeSent()
}

func (s *spool) writeSent() error {
	_, err := fmt.Fprintf(io.NewOffsetWriter(s.file, 0), "%0*d\n", spoolStart-1, s.sent)
	return err
}

// position is the offset before which everything was sent.
func (s *spool) position() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sent
}

// holds tells whether there is a message at offset.
func (s *spool) holds(offset int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return offset < s.end
}

// waiting is the number of bytes that were not sent.
func (s *spool) waiting() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.end - s.sent
}
