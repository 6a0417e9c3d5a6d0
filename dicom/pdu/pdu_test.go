package pdu

import (
	"bytes"
	"encoding/hex"
	"errors"
	"reflect"
	"strings"
	"testing"
)

// wire turns annotated hex into bytes: per line, what follows // is a comment.
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

const requestWire = `
	01 00 000000f1                              // A-ASSOCIATE-RQ, length 241
	0001 0000                                   // protocol version 1, reserved
	434f4e434f5244202020202020202020            // called AE "CONCORD", 16 characters
	4d4f44414c495459202020202020 2020            // calling AE "MODALITY"
	` + zeros32 + `                             // reserved
	10 00 0015 312e322e3834302e31303030382e332e312e312e31 // application context
	20 00 0029 05 000000                        // presentation context 5
	  30 00 0011 312e322e3834302e31303030382e312e31       // verification
	  40 00 0005 312e322e33                     // transfer syntax 1.2.3
	  40 00 0003 312e32                         // transfer syntax 1.2
	50 00 0063                                  // user information
	  51 00 0004 00020000                       // maximum length 131072
	  52 00 0005 322e32352e                     // implementation class UID "2.25."
	  53 00 0004 0001 0002                      // window: 1 invoked, 2 performed
	  54 00 0007 0003 312e32 01 00              // 1.2: SCU, not SCP
	  55 00 0003 562031                         // version name "V 1"
	  56 00 0007 0003 312e32 aabb               // 1.2: extended negotiation AABB
	  57 00 0014 0003 312e32 0003 312e33 0008 0002 3161 0002 3162 // common extended
	  58 00 0009 02 01 0002 7573 0001 70        // user identity: name "us", passcode "p"
	  59 00 0004 0002 6f6b                      // server response "ok"
`

const zeros32 = "0000000000000000 0000000000000000 0000000000000000 0000000000000000"

func request() *AssociateRQ {
	return &AssociateRQ{
		ProtocolVersion:    1,
		CalledAE:           "CONCORD",
		CallingAE:          "MODALITY",
		ApplicationContext: ApplicationContext,
		Contexts: []ContextRQ{{
			ID: 5, AbstractSyntax: "1.2.840.10008.1.1", TransferSyntaxes: []string{"1.2.3", "1.2"},
		}},
		User: UserInformation{
			MaxLength:                 131072,
			ImplementationClassUID:    "2.25.",
			ImplementationVersionName: "V 1",
			AsyncOperations:           &AsyncOperations{1, 2},
			Roles:                     []RoleSelection{{"1.2", true, false}},
			ExtendedNegotiations:      []ExtendedNegotiation{{"1.2", []byte{0xaa, 0xbb}}},
			CommonExtended:            []CommonExtendedNegotiation{{"1.2", "1.3", []string{"1a", "1b"}}},
			Identity:                  &UserIdentity{2, true, []byte("us"), []byte("p")},
			IdentityResponse:          []byte("ok"),
		},
	}
}

// goldens are PDUs written out by the tables of PS3.8 9.3.
var goldens = []struct {
	name string
	wire string
	pdu  PDU
}{
	{"A-ASSOCIATE-RQ", requestWire, request()},
	{"A-ASSOCIATE-AC", `
		02 00 00000076
		0001 0000
		434f4e434f5244202020202020202020
		4d4f44414c4954592020202020202020
		` + zeros32 + `
		10 00 0003 312e32
		21 00 000b 01 00 00 00 40 00 0003 312e32  // context 1 accepted with 1.2
		21 00 0008 03 00 03 00 40 00 0000         // context 3: abstract syntax not supported
		50 00 000c 51 00 0004 00000000 52 00 0000 // no limit
	`, &AssociateAC{
		ProtocolVersion: 1, CalledAE: "CONCORD", CallingAE: "MODALITY", ApplicationContext: "1.2",
		Contexts: []ContextAC{{1, ContextAccepted, "1.2"}, {3, ContextAbstractSyntaxNotSupported, ""}},
	}},
	{"A-ASSOCIATE-RJ", "03 00 00000004 00 01 01 07", &AssociateRJ{1, 1, 7}},
	{"P-DATA-TF", `
		04 00 00000012
		00000004 01 03 aabb                       // context 1: last fragment of a command
		00000006 01 02 00010203                   // context 1: last fragment of a data set
	`, &DataTF{[]PDV{{1, 3, []byte{0xaa, 0xbb}}, {1, 2, []byte{0, 1, 2, 3}}}}},
	{"A-RELEASE-RQ", "05 00 00000004 00000000", &ReleaseRQ{}},
	{"A-RELEASE-RP", "06 00 00000004 00000000", &ReleaseRP{}},
	{"A-ABORT", "07 00 00000004 00 00 02 06", &Abort{AbortByProvider, ReasonInvalidParameter}},
}

func TestGoldens(t *testing.T) {
	for _, g := range goldens {
		t.Run(g.name, func(t *testing.T) {
			b := wire(t, g.wire)
			h := DecodeHeader(b)
			if int(h.Length) != len(b)-HeaderSize {
				t.Fatalf("golden says length %d and has %d", h.Length, len(b)-HeaderSize)
			}
			got, err := Decode(h.Type, b[HeaderSize:])
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, g.pdu) {
				t.Errorf("decoded\n%+v\nwant\n%+v", got, g.pdu)
			}
			encoded, err := Encode(g.pdu)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(encoded, b) {
				t.Errorf("encoded\n%x\nwant\n%x", encoded, b)
			}
		})
	}
}

// TestCutAnywhere cuts the golden request at each byte: every cut that is not
// between two items is an *Error, and none is a panic.
func TestCutAnywhere(t *testing.T) {
	body := wire(t, requestWire)[HeaderSize:]
	for n := range len(body) {
		_, err := Decode(TypeAssociateRQ, body[:n])
		whole := n == 68 || n == 93 || n == 138
		if whole && err != nil {
			t.Errorf("cut at %d between items: %v", n, err)
		}
		var e *Error
		if !whole && (!errors.As(err, &e) || e.Reason != ReasonInvalidParameter) {
			t.Errorf("cut at %d: %v", n, err)
		}
	}
}

func TestPeersPaddingIsDropped(t *testing.T) {
	p := request()
	p.CallingAE = "  MODALITY\x00\x00"
	p.Contexts[0].AbstractSyntax += "\x00"
	p.Contexts[0].TransferSyntaxes[1] += " "
	b, err := Encode(p)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Decode(TypeAssociateRQ, b[HeaderSize:])
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, request()) {
		t.Errorf("got %+v", got)
	}
}

func TestUnknownItemsAreSkipped(t *testing.T) {
	b := wire(t, requestWire)
	b = append(b, wire(t, "99 00 0002 aaaa")...)
	got, err := Decode(TypeAssociateRQ, b[HeaderSize:])
	if err != nil || !reflect.DeepEqual(got, request()) {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestRefused(t *testing.T) {
	head := "0001 0000" + strings.Repeat("20", 32) + zeros32
	for _, c := range []struct {
		name   string
		typ    byte
		wire   string
		reason byte
		text   string
	}{
		{"unknown type", 8, "", ReasonUnrecognizedPDU, "08H"},
		{"short abort", TypeAbort, "00", ReasonInvalidParameter, "must have 4"},
		{"no PDV", TypeDataTF, "", ReasonInvalidParameter, "no PDV"},
		{"PDV header cut", TypeDataTF, "00000004 01", ReasonInvalidParameter, "ends inside"},
		{"PDV of length 1", TypeDataTF, "00000001 01 03", ReasonInvalidParameter, "2 at least"},
		{"PDV beyond its PDU", TypeDataTF, "00000005 01 03 aabb", ReasonInvalidParameter, "beyond the end"},
		{"PDV of 4 GB", TypeDataTF, "ffffffff 01 03 aabb", ReasonInvalidParameter, "beyond the end"},
		{"even context", TypeAssociateRQ, head + "20 00 0004 02 000000", ReasonInvalidParameter, "2 is even"},
		{"context twice", TypeAssociateRQ, head + "20 00 0004 03 000000 20 00 0004 03 000000", ReasonInvalidParameter, "3 comes twice"},
		{"context twice in AC", TypeAssociateAC, head + "21 00 0004 03 000000 21 00 0004 03 000000", ReasonInvalidParameter, "3 comes twice"},
		{"user information twice", TypeAssociateRQ, head + "50 00 0000 50 00 0000", ReasonInvalidParameter, "user information"},
		{"maximum length of 2 bytes", TypeAssociateRQ, head + "50 00 0006 51 00 0002 0001", ReasonInvalidParameter, "must have 4"},
		{"item beyond its parent", TypeAssociateRQ, head + "50 00 0004 52 00 ffff", ReasonInvalidParameter, "passes the end"},
		{"UID beyond its item", TypeAssociateRQ, head + "50 00 0008 54 00 0004 ffff 3131", ReasonInvalidParameter, "passes the end"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Decode(c.typ, wire(t, c.wire))
			var e *Error
			if !errors.As(err, &e) || e.Reason != c.reason || !strings.Contains(e.Text, c.text) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestEncodeRefusesWhatDoesNotFit(t *testing.T) {
	long := request()
	long.CallingAE = "SEVENTEEN_LETTERS"
	if _, err := Encode(long); err == nil || !strings.Contains(err.Error(), "calling AE title is 17 characters") {
		t.Errorf("got %v", err)
	}
	long = request()
	long.User.Roles = make([]RoleSelection, 10000)
	if _, err := Encode(long); err == nil || !strings.Contains(err.Error(), "65535") {
		t.Errorf("got %v", err)
	}
}

func TestLimit(t *testing.T) {
	for _, c := range []struct {
		typ       byte
		max, want uint32
	}{
		{TypeAssociateRQ, 16384, 1 << 20}, {TypeAssociateAC, 16384, 1 << 20},
		{TypeDataTF, 16384, 16384}, {TypeDataTF, 0, 1<<32 - 1},
		{TypeAbort, 16384, 4}, {TypeReleaseRQ, 0, 4}, {0, 16384, 0}, {8, 16384, 0},
	} {
		if got := (Header{Type: c.typ}).Limit(c.max); got != c.want {
			t.Errorf("type %d: limit %d, want %d", c.typ, got, c.want)
		}
	}
}

func TestAppendDataHeaderIsADataTF(t *testing.T) {
	b := AppendDataHeader(nil, PDVHeader{ContextID: 7, Control: ControlLast, Length: 3})
	b = append(b, 1, 2, 3)
	want, err := Encode(&DataTF{[]PDV{{7, ControlLast, []byte{1, 2, 3}}}})
	if err != nil || !bytes.Equal(b, want) {
		t.Errorf("got %x, want %x, %v", b, want, err)
	}
}

// FuzzDecode asserts that what decodes also encodes, and that decoding and
// encoding once more changes neither the value nor the bytes.
func FuzzDecode(f *testing.F) {
	for _, g := range goldens {
		b := wire(f, g.wire)
		f.Add(b[0], b[HeaderSize:])
	}
	f.Fuzz(func(t *testing.T, typ byte, body []byte) {
		if uint64(len(body)) > uint64(Header{Type: typ}.Limit(1<<17)) {
			return
		}
		first, err := Decode(typ, body)
		if err != nil {
			var e *Error
			if !errors.As(err, &e) || e.Reason == ReasonNotSpecified {
				t.Fatalf("not an Error with a reason: %v", err)
			}
			return
		}
		b, err := Encode(first)
		if err != nil {
			if len(body) < maxItem-64 { // the mandatory items may not fit any more
				t.Fatalf("decodes but does not encode: %v", err)
			}
			return
		}
		second, err := Decode(typ, b[HeaderSize:])
		if err != nil || !reflect.DeepEqual(first, second) {
			t.Fatalf("changed\n%+v\nto\n%+v, %v", first, second, err)
		}
		if again, err := Encode(second); err != nil || !bytes.Equal(again, b) {
			t.Fatalf("encoding is not stable: %x then %x, %v", b, again, err)
		}
	})
}
