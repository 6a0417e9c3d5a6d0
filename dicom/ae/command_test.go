package ae

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"
	"testing"
)

// echoResponse is a C-ECHO-RSP by PS3.7 Table 9.3-13, field by field.
const echoResponse = `
	0000 0000 04000000 42000000                             // group length 66
	0000 0200 12000000 312e322e3834302e31303030382e312e3100 // affected SOP class 1.2.840.10008.1.1
	0000 0001 02000000 3080                                 // command field C-ECHO-RSP
	0000 2001 02000000 0700                                 // message ID being responded to: 7
	0000 0008 02000000 0101                                 // no data set
	0000 0009 02000000 0000                                 // status: success
`

func wire(t testing.TB, annotated string) []byte {
	t.Helper()
	var digits strings.Builder
	for line := range strings.SplitSeq(annotated, "\n") {
		line, _, _ = strings.Cut(line, "//")
		digits.WriteString(strings.Join(strings.Fields(line), ""))
	}
	b, err := hex.DecodeString(digits.String())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestResponseBytes(t *testing.T) {
	rq := newRequest(cEchoRQ, 7, affectedSOPClassUID, verificationSOPClass)
	if got, want := newResponse(rq, StatusSuccess, "").encode(), wire(t, echoResponse); !bytes.Equal(got, want) {
		t.Errorf("got\n%x\nwant\n%x", got, want)
	}
}

func TestResponseNamesRequestedUIDs(t *testing.T) {
	rq := &commandSet{}
	rq.setUint16(commandField, uint16(NAction))
	rq.setUID(requestedSOPClassUID, "1.2.3")
	rq.setUID(requestedSOPInstanceUID, "1.2.4")
	rsp := newResponse(rq, StatusNoSuchActionType, strings.Repeat("x", 100))
	if rsp.text(affectedSOPClassUID) != "1.2.3" || rsp.text(affectedSOPInstanceUID) != "1.2.4" {
		t.Errorf("got %+v", rsp)
	}
	if rsp.text(errorComment) != strings.Repeat("x", 64) {
		t.Errorf("comment %q is longer than LO allows", rsp.text(errorComment))
	}
}

func TestBadCommands(t *testing.T) {
	for _, c := range []struct{ name, wire, text string }{
		{"empty", "", "no command field"},
		{"cut in an element", "0000 0001 0200", "ends inside"},
		{"length beyond the end", "0000 0001 ffffffff 0100", "4294967295"},
		{"other group", "0800 0001 02000000 0100", "(0008,0100)"},
		{"wrong order", "0000 1001 02000000 0100 0000 0001 02000000 0100", "out of place"},
		{"element twice", "0000 0001 02000000 0100 0000 0001 02000000 0100", "out of place"},
		{"command field of 4 bytes", "0000 0001 04000000 01000000", "no command field"},
	} {
		if _, err := decodeCommand(wire(t, c.wire)); !errors.Is(err, errCommand) || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestSafeUID(t *testing.T) {
	for uid, want := range map[string]bool{
		"1.2.840": true, "1.02": true, "7": true, strings.Repeat("1", 64): true,
		"": false, ".": false, "..": false, "1.": false, ".1": false, "1..2": false,
		"1.2/3": false, "1.2\x00": false, "a": false, strings.Repeat("1", 65): false,
	} {
		if safeUID(uid) != want {
			t.Errorf("safeUID(%q) is not %v", uid, want)
		}
	}
}

// FuzzCommand asserts that a command set that decodes is encoded to bytes that
// decode to the same, and that encoding them again changes nothing.
func FuzzCommand(f *testing.F) {
	f.Add(wire(f, echoResponse))
	f.Add(storeRQ(ctImageStorage, instanceUID))
	f.Fuzz(func(t *testing.T, b []byte) {
		first, err := decodeCommand(b)
		if err != nil {
			if !errors.Is(err, errCommand) {
				t.Fatalf("unnamed error %v", err)
			}
			return
		}
		encoded := first.encode()
		second, err := decodeCommand(encoded)
		if err != nil {
			t.Fatalf("does not decode again: %v", err)
		}
		if again := second.encode(); !bytes.Equal(again, encoded) {
			t.Fatalf("encoding is not stable: %x then %x", encoded, again)
		}
		if second.field() != first.field() || second.dataSetFollows() != first.dataSetFollows() {
			t.Fatalf("changed %+v to %+v", first, second)
		}
	})
}
