package dicom

import (
	_ "embed"
	"strconv"
	"sync"
)

// VR is a value representation (PS3.5 6.2): its two letters, high byte first.
type VR uint16

// The value representations of PS3.5 Table 6.2-1.
const (
	AE VR = 'A'<<8 | 'E'
	AS VR = 'A'<<8 | 'S'
	AT VR = 'A'<<8 | 'T'
	CS VR = 'C'<<8 | 'S'
	DA VR = 'D'<<8 | 'A'
	DS VR = 'D'<<8 | 'S'
	DT VR = 'D'<<8 | 'T'
	FD VR = 'F'<<8 | 'D'
	FL VR = 'F'<<8 | 'L'
	IS VR = 'I'<<8 | 'S'
	LO VR = 'L'<<8 | 'O'
	LT VR = 'L'<<8 | 'T'
	OB VR = 'O'<<8 | 'B'
	OD VR = 'O'<<8 | 'D'
	OF VR = 'O'<<8 | 'F'
	OL VR = 'O'<<8 | 'L'
	OV VR = 'O'<<8 | 'V'
	OW VR = 'O'<<8 | 'W'
	PN VR = 'P'<<8 | 'N'
	SH VR = 'S'<<8 | 'H'
	SL VR = 'S'<<8 | 'L'
	SQ VR = 'S'<<8 | 'Q'
	SS VR = 'S'<<8 | 'S'
	ST VR = 'S'<<8 | 'T'
	SV VR = 'S'<<8 | 'V'
	TM VR = 'T'<<8 | 'M'
	UC VR = 'U'<<8 | 'C'
	UI VR = 'U'<<8 | 'I'
	UL VR = 'U'<<8 | 'L'
	UN VR = 'U'<<8 | 'N'
	UR VR = 'U'<<8 | 'R'
	US VR = 'U'<<8 | 'S'
	UT VR = 'U'<<8 | 'T'
	UV VR = 'U'<<8 | 'V'
)

// String returns the two letters.
func (v VR) String() string { return string([]byte{byte(v >> 8), byte(v)}) }

// known says whether v is a VR of the standard.
func (v VR) known() bool {
	switch v {
	case AE, AS, AT, CS, DA, DS, DT, FD, FL, IS, LO, LT, PN, SH, SL, SS, ST, TM, UI, UL, US:
		return true
	}
	return v.long()
}

// long says whether an explicit VR header of v has two reserved bytes and a
// length of four bytes (PS3.5 Table 7.1-1).
func (v VR) long() bool {
	switch v {
	case OB, OD, OF, OL, OV, OW, SQ, SV, UC, UN, UR, UT, UV:
		return true
	}
	return false
}

// letters says whether v is two capital letters, as every VR is.
func (v VR) letters() bool {
	hi, lo := byte(v>>8), byte(v)
	return hi >= 'A' && hi <= 'Z' && lo >= 'A' && lo <= 'Z'
}

// text says whether SpecificCharacterSet governs the values of v (PS3.5 6.1.2.3).
func (v VR) text() bool {
	switch v {
	case LO, LT, PN, SH, ST, UC, UT:
		return true
	}
	return false
}

// single says whether a backslash is part of the value of v (PS3.5 6.2).
func (v VR) single() bool { return v == LT || v == ST || v == UT || v == UR }

// dictionaryText holds the data elements of PS3.6 as fixed lines, GGGGEEEEVV,
// sorted by tag; repeating groups (50xx, 60xx) stand under their first group.
// Where the standard allows several VRs the line has the one of implicit VR
// (PS3.5 A.1: OW) or the unsigned one (US for US or SS).
//
//go:embed dictionary.txt
var dictionaryText string

var dictionary = sync.OnceValue(func() map[Tag]VR {
	const line = len("GGGGEEEEVV\n")
	m := make(map[Tag]VR, len(dictionaryText)/line)
	for s := dictionaryText; len(s) >= line; s = s[line:] {
		tag, err := strconv.ParseUint(s[:8], 16, 32)
		if err != nil {
			panic("dicom: dictionary.txt is damaged: " + err.Error())
		}
		m[Tag(tag)] = VR(s[8])<<8 | VR(s[9])
	}
	return m
})

// dictionaryVR returns the VR that PS3.6 gives the tag; UN if it gives none.
func dictionaryVR(t Tag) VR {
	switch {
	case t.Element() == 0:
		return UL // group length, PS3.5 7.2
	case t.Private():
		if t.Element() >= 0x10 && t.Element() <= 0xFF {
			return LO // private creator, PS3.5 7.8.1
		}
		return UN
	case t.Group()>>8 == 0x50 || t.Group()>>8 == 0x60:
		t &= 0xFF00FFFF
	}
	if vr, ok := dictionary()[t]; ok {
		return vr
	}
	return UN
}
