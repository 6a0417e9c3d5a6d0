package store

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"os"
	"slices"
)

// A segment of the journal is a file of a header and records, all numbers
// little endian:
//
//	header  8 magic, 8 sequence of the first record, 4 salt, 4 CRC-32C of these
//	record  4 length of the payload, 4 CRC-32C of salt, sequence and payload, 8 sequence, payload
//
// What follows the last record is zeros, or what an earlier use of the file
// left there: with a salt of its own in every use, and a sequence that only
// grows, that is never taken for a record.
const (
	headerSize       = 24
	recordHeaderSize = 16
)

var (
	journalMagic = []byte("CONCJRN1")
	castagnoli   = crc32.MakeTable(crc32.Castagnoli)
	little       = binary.LittleEndian
)

// segment is one file of the journal. The journal's writer alone changes the
// active one.
type segment struct {
	file    *os.File
	size    int64  // bytes it has room for
	end     int64  // where the next record goes; 0: not even the header is written
	salt    uint32 // of this use
	first   uint64 // sequence of the first record
	last    uint64 // once it is full; first-1 when it holds none
	damaged bool   // kept aside rather than used again
	direct  bool   // what is written bypasses the page cache
}

func appendHeader(b []byte, first uint64, salt uint32) []byte {
	start := len(b)
	b = append(b, journalMagic...)
	b = little.AppendUint64(b, first)
	b = little.AppendUint32(b, salt)
	return little.AppendUint32(b, crc32.Checksum(b[start:], castagnoli))
}

// readHeader is false for a file whose header is not that of a segment.
func readHeader(b []byte) (first uint64, salt uint32, ok bool) {
	if len(b) < headerSize || string(b[:len(journalMagic)]) != string(journalMagic) ||
		little.Uint32(b[20:]) != crc32.Checksum(b[:20], castagnoli) {
		return 0, 0, false
	}
	return little.Uint64(b[8:]), little.Uint32(b[16:]), true
}

func checksum(salt uint32, sequence uint64, parts ...[]byte) uint32 {
	var seed [12]byte
	little.PutUint32(seed[:], salt)
	little.PutUint64(seed[4:], sequence)
	sum := crc32.Checksum(seed[:], castagnoli)
	for _, p := range parts {
		sum = crc32.Update(sum, castagnoli, p)
	}
	return sum
}

// appendRecordHeader writes the header of a record whose payload is the parts.
func appendRecordHeader(b []byte, salt uint32, sequence uint64, parts ...[]byte) []byte {
	length := 0
	for _, p := range parts {
		length += len(p)
	}
	b = little.AppendUint32(b, uint32(length))
	b = little.AppendUint32(b, checksum(salt, sequence, parts...))
	return little.AppendUint64(b, sequence)
}

// record is one entry of the journal as it was found on disk.
type record struct {
	sequence uint64
	payload  []byte
}

// searchBudget bounds the bytes that are summed in search of whole records
// behind a damaged one: payloads may be made to look like records.
const searchBudget = 1 << 30

// readRecords finds the records of a segment. Where one is damaged it goes on
// behind it and counts what is missing; the torn end of a write that the crash
// cut off, whose records nobody was told about, may look the same.
func readRecords(data []byte) (found []record, missing uint64) {
	first, salt, ok := readHeader(data)
	if !ok {
		return nil, 0
	}
	budget := searchBudget
	written := len(trimZeros(data)) // no record begins in the room that is left: none has the sequence 0
	next := first
	for at := headerSize; ; {
		r, start, ok := nextRecord(data, at, written, salt, next, &budget)
		if !ok {
			return found, missing
		}
		missing += r.sequence - next
		found = append(found, r)
		at, next = start+recordHeaderSize+len(r.payload), r.sequence+1
	}
}

// trimZeros takes the zeros off the end, a page at a time as far as it goes.
func trimZeros(data []byte) []byte {
	var page [4096]byte
	for len(data) >= len(page) && bytes.Equal(data[len(data)-len(page):], page[:]) {
		data = data[:len(data)-len(page)]
	}
	return bytes.TrimRight(data, "\x00")
}

// nextRecord is the record at a place, or the first whole one behind it that
// begins before end, with its place. Payloads are parts of data.
func nextRecord(data []byte, at, end int, salt uint32, next uint64, budget *int) (record, int, bool) {
	for start := at; start < end && start+recordHeaderSize <= len(data); start++ {
		head := data[start : start+recordHeaderSize]
		length, sequence := int(little.Uint32(head)), little.Uint64(head[8:])
		// Each record takes 16 bytes at least, which bounds how many may be missing.
		if sequence < next || sequence-next > uint64(start-at)/recordHeaderSize ||
			length > len(data)-start-recordHeaderSize {
			continue
		}
		payload := data[start+recordHeaderSize:][:length]
		if *budget -= length; *budget < 0 {
			return record{}, 0, false
		}
		if little.Uint32(head[4:]) == checksum(salt, sequence, payload) {
			return record{sequence, slices.Clip(payload)}, start, true
		}
	}
	return record{}, 0, false
}
