package hl7

import (
	"encoding/hex"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxSkip bounds the line breaks or blanks that one \.sp\ or \.sk\ makes.
const maxSkip = 20

// unescape resolves the escape sequences of chapter 2.7. Highlighting and character set
// switches vanish, formatting commands become line breaks and blanks. An escape character
// that opens no known sequence (C:\temp\x) is text and stays.
func unescape(s string, in *dialect) string {
	if in.Escape == 0 || strings.IndexByte(s, in.Escape) < 0 {
		return s
	}
	var b strings.Builder
	b.Grow(len(s))
	for {
		open := strings.IndexByte(s, in.Escape)
		if open < 0 {
			break
		}
		b.WriteString(s[:open])
		s = s[open:]
		length := strings.IndexByte(s[1:], in.Escape)
		if length < 0 {
			break
		}
		data, rest := hexRun(s, in)
		switch {
		case len(rest) < len(s):
			b.WriteString(in.charset.text(data))
			s = rest
		case writeEscape(&b, s[1:1+length], in):
			s = s[length+2:]
		default:
			b.WriteByte(in.Escape)
			s = s[1:]
		}
	}
	b.WriteString(s)
	return b.String()
}

// hexRun reads the bytes of adjoining \X…\ sequences: a character of several bytes may
// be spread over several. Without one it returns all of s as rest.
func hexRun(s string, in *dialect) (data []byte, rest string) {
	for len(s) > 2 && s[0] == in.Escape && s[1] == 'X' {
		end := strings.IndexByte(s[2:], in.Escape)
		if end < 0 {
			break
		}
		more, err := hex.DecodeString(s[2 : 2+end])
		if err != nil {
			break
		}
		data, s = append(data, more...), s[end+3:]
	}
	return data, s
}

// writeEscape writes what one sequence other than \X…\ stands for; false if it is none.
func writeEscape(b *strings.Builder, sequence string, in *dialect) bool {
	switch {
	case sequence == "":
		return false
	case len(sequence) == 1:
		return writeCharacter(b, sequence[0], in)
	case sequence[0] == '.':
		return writeFormat(b, sequence[1:])
	case sequence[0] == 'C' || sequence[0] == 'M': // 2.7.4: a switch of character sets
		_, err := hex.DecodeString(sequence[1:])
		return err == nil
	}
	return false
}

func writeCharacter(b *strings.Builder, c byte, in *dialect) bool {
	var delimiter byte
	switch c {
	case 'F':
		delimiter = in.Field
	case 'S':
		delimiter = in.Component
	case 'T':
		delimiter = in.Subcomponent
	case 'R':
		delimiter = in.Repetition
	case 'E':
		delimiter = in.Escape
	case 'P': // 2.7: the truncation character
		delimiter = '#'
	case 'H', 'N':
		return true
	default:
		return false
	}
	if delimiter != 0 {
		b.WriteByte(delimiter)
	}
	return true
}

// writeFormat does the formatting commands of FT (chapter 2.7.6).
func writeFormat(b *strings.Builder, command string) bool {
	if len(command) < 2 {
		return false
	}
	count, err := strconv.Atoi(strings.TrimLeft(command[2:], "+ "))
	if err != nil {
		count = 1
	}
	count = max(1, min(count, maxSkip))
	switch strings.ToLower(command[:2]) {
	case "br", "ce":
		b.WriteByte('\n')
	case "sp":
		b.WriteString(strings.Repeat("\n", count))
	case "sk":
		b.WriteString(strings.Repeat(" ", count))
	case "fi", "nf", "in", "ti":
	default:
		return false
	}
	return true
}

// Escape writes text as a leaf value: delimiters and control characters become escape
// sequences. lineBreak stands for a line break: \.br\ in FT, a repetition in TX, a blank
// elsewhere.
func Escape(text string, d Delimiters, lineBreak string) string {
	if !needsEscape(text, d) {
		return text
	}
	text = strings.ReplaceAll(text, "\r\n", "\n")
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case c >= utf8.RuneSelf:
			b.WriteByte(c)
		case c == '\n' || c == '\r':
			b.WriteString(lineBreak)
		case delimiterLetter(c, d) != 0:
			b.Write([]byte{d.Escape, delimiterLetter(c, d), d.Escape})
		case c < ' ' && c != '\t':
			b.WriteByte(d.Escape)
			b.WriteString("X" + strings.ToUpper(hex.EncodeToString([]byte{c})))
			b.WriteByte(d.Escape)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

func needsEscape(text string, d Delimiters) bool {
	for i := 0; i < len(text); i++ {
		if text[i] < ' ' || delimiterLetter(text[i], d) != 0 {
			return true
		}
	}
	return false
}

// delimiterLetter is the letter whose escape stands for a delimiter; 0 for other bytes.
func delimiterLetter(c byte, d Delimiters) byte {
	switch c {
	case 0:
		return 0
	case d.Field:
		return 'F'
	case d.Component:
		return 'S'
	case d.Subcomponent:
		return 'T'
	case d.Repetition:
		return 'R'
	case d.Escape:
		return 'E'
	}
	return 0
}
