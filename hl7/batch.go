package hl7

import "bytes"

// Split cuts a file into its messages: a batch (FHS, BHS, MSH…, BTS, FTS of chapter
// 2.10.3), messages one after the other, or messages in MLLP blocks. It looks for segment
// names at line starts only, which no character set but UTF-16 can disturb. The messages
// are parts of file, not copies; a file without MSH is returned whole, for Parse to
// refuse.
func Split(file []byte) [][]byte {
	var messages [][]byte
	start := -1
	flush := func(end int) {
		if start >= 0 {
			messages = append(messages, bytes.TrimRight(file[start:end], "\v\r\n"))
		}
		start = -1
	}
	for at := 0; at < len(file); {
		line := bytes.TrimPrefix(file[at:min(len(file), at+8)], utf8BOM)
		line = bytes.TrimLeft(line, "\v")
		switch {
		case startsSegment(line, "MSH"):
			flush(at)
			start = at
		case startsSegment(line, "FHS"), startsSegment(line, "BHS"), startsSegment(line, "BTS"), startsSegment(line, "FTS"):
			flush(at)
		}
		next := bytes.IndexAny(file[at:], "\r\n")
		if next < 0 {
			break
		}
		at += next + 1
	}
	flush(len(file))
	if messages == nil {
		return [][]byte{file}
	}
	return messages
}

func startsSegment(line []byte, name string) bool {
	return len(line) > 3 && string(line[:3]) == name && isDelimiter(line[3])
}
