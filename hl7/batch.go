package hl7

import (
	"bytes"
	"iter"
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
