package hl7

import (
	"bytes"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"time"
)

// Split yields the messages of a file: a batch (FHS, BHS, MSH…, BTS, FTS of chapter
// 2.10.3), messages one after the other, or messages in MLLP blocks. It looks for segment
// names at line starts only, which no character set but UTF-16 can disturb. The messages
// are parts of file, not copies; a file without MSH is returned whole, for Parse to
// refuse.
func Split(file []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		start, found := -1, false
		for at := 0; at < len(file); {
			name := lineName(file[at:])
			if name != "" && start >= 0 {
				if !yield(bytes.TrimRight(file[start:at], "\v\r\n")) {
					return
				}
				start = -1
			}
			if name == "MSH" {
				start, found = at, true
			}
			next := bytes.IndexAny(file[at:], "\r\n")
			if next < 0 {
				break
			}
			at += next + 1
		}
		if start >= 0 {
			yield(bytes.TrimRight(file[start:], "\v\r\n"))
		} else if !found {
			yield(file)
		}
	}
}

// maxBatch bounds the messages of a batch, and with them its answer.
const maxBatch = 10_000

// IsBatch says whether what was received is a batch file (chapter 2.10.3)
// rather than one message.
func IsBatch(raw []byte) bool {
	name := lineName(trimFrame(raw))
	return name == "FHS" || name == "BHS"
}

// SplitBatch gives the messages of a batch that is received in one block.
func SplitBatch(raw []byte) (messages [][]byte, _ *Error) {
	for message := range Split(raw) {
		if len(messages) == maxBatch {
			return nil, errorAt(ErrorInternal, "BHS", fmt.Sprintf("the batch has more than %d messages; send it in parts", maxBatch))
		}
		messages = append(messages, message)
	}
	return messages, nil
}

// BatchAnswer puts the acknowledgements of a batch's messages into a batch of
// their own (chapter 2.10.3.3), whose headers name those received: FHS-12 and
// BHS-12 are their control IDs. It is empty when no message asked for an
// acknowledgement.
func BatchAnswer(raw []byte, acks [][]byte) []byte {
	if len(acks) == 0 {
		return []byte{}
	}
	var answer, ends []byte
	for _, level := range []struct {
		header, trailer string
		count           int
	}{{"FHS", "FTS", 1}, {"BHS", "BTS", len(acks)}} {
		header, ok := headerLine(raw, level.header)
		if !ok {
			continue
		}
		w := writer{d: header.in.Delimiters}
		field := func(n int) string { return echo(header.Field(n)) }
		w.segment(level.header, fields{3: field(5), 4: field(6), 5: field(3), 6: field(4),
			7: FormatTime(time.Now()), 12: field(11)})
		answer = append(answer, w.buf...)
		w.buf = w.buf[:0]
		w.segment(level.trailer, fields{1: strconv.Itoa(level.count)})
		ends = append(slices.Clone(w.buf), ends...)
	}
	for _, ack := range acks {
		answer = append(answer, ack...)
	}
	return append(answer, ends...)
}

// headerLine reads the first FHS or BHS before the messages, byte for byte.
func headerLine(raw []byte, name string) (Segment, bool) {
	for line := range bytes.FieldsFuncSeq(trimFrame(raw), func(r rune) bool { return r == '\r' || r == '\n' }) {
		switch lineName(line) {
		case name:
			text := string(bytes.TrimPrefix(line, utf8BOM))
			delimiters, err := readDelimiters(text)
			return Segment{text, &dialect{delimiters, &charset{name: "as received"}}}, err == nil
		case "MSH":
			return Segment{}, false
		}
	}
	return Segment{}, false
}

// lineName is the name of the segment that starts the line, if it parts messages.
func lineName(line []byte) string {
	line = bytes.TrimPrefix(line[:min(len(line), 8)], utf8BOM)
	line = bytes.TrimLeft(line, "\v")
	if len(line) < 4 || !isDelimiter(line[3]) {
		return ""
	}
	switch name := string(line[:3]); name {
	case "MSH", "FHS", "BHS", "BTS", "FTS":
		return name
	}
	return ""
}
