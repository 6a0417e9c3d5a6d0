package ae

import (
	"net"
	"strings"
	"testing"
	"time"

	"concord/dicom/pdu"
)

// table910 is PS3.8 Table 9-10 as it is printed: a row for each event, a column
// for Sta1 to Sta13, "-" where the cell is empty.
const table910 = `
Evt1  AE-1 -    -    -    -    -    -    -    -    -     -    -    -
Evt2  -    -    -    AE-2 -    -    -    -    -    -     -    -    -
Evt3  -    AA-1 AA-8 -    AE-3 AA-8 AA-8 AA-8 AA-8 AA-8  AA-8 AA-8 AA-6
Evt4  -    AA-1 AA-8 -    AE-4 AA-8 AA-8 AA-8 AA-8 AA-8  AA-8 AA-8 AA-6
Evt5  AE-5 -    -    -    -    -    -    -    -    -     -    -    -
Evt6  -    AE-6 AA-8 -    AA-8 AA-8 AA-8 AA-8 AA-8 AA-8  AA-8 AA-8 AA-7
Evt7  -    -    AE-7 -    -    -    -    -    -    -     -    -    -
Evt8  -    -    AE-8 -    -    -    -    -    -    -     -    -    -
Evt9  -    -    -    -    -    DT-1 -    AR-7 -    -     -    -    -
Evt10 -    AA-1 AA-8 -    AA-8 DT-2 AR-6 AA-8 AA-8 AA-8  AA-8 AA-8 AA-6
Evt11 -    -    -    -    -    AR-1 -    -    -    -     -    -    -
Evt12 -    AA-1 AA-8 -    AA-8 AR-2 AR-8 AA-8 AA-8 AA-8  AA-8 AA-8 AA-6
Evt13 -    AA-1 AA-8 -    AA-8 AA-8 AR-3 AA-8 AA-8 AR-10 AR-3 AA-8 AA-6
Evt14 -    -    -    -    -    -    -    AR-4 AR-9 -     -    AR-4 -
Evt15 -    -    AA-1 AA-2 AA-1 AA-1 AA-1 AA-1 AA-1 AA-1  AA-1 AA-1 -
Evt16 -    AA-2 AA-3 -    AA-3 AA-3 AA-3 AA-3 AA-3 AA-3  AA-3 AA-3 AA-2
Evt17 -    AA-5 AA-4 AA-4 AA-4 AA-4 AA-4 AA-4 AA-4 AA-4  AA-4 AA-4 AR-5
Evt18 -    AA-2 -    -    -    -    -    -    -    -     -    -    AA-2
Evt19 -    AA-1 AA-8 -    AA-8 AA-8 AA-8 AA-8 AA-8 AA-8  AA-8 AA-8 AA-7
`

// actionRows are PS3.8 Tables 9-6 to 9-9: PDU sent, whether something is issued
// to the user, ARTIM, whether the connection is closed, next state at the
// requestor and at the acceptor.
var actionRows = map[string]struct {
	sent      string
	issued    bool
	timer     string
	closed    bool
	requestor State
	acceptor  State
}{
	"AE-1":  {"", false, "", false, Sta4, Sta4},
	"AE-2":  {"given", false, "", false, Sta5, Sta5},
	"AE-3":  {"", true, "", false, Sta6, Sta6},
	"AE-4":  {"", true, "", true, Sta1, Sta1},
	"AE-5":  {"", false, "start", false, Sta2, Sta2},
	"AE-6":  {"", true, "stop", false, Sta3, Sta3},
	"AE-7":  {"given", false, "", false, Sta6, Sta6},
	"AE-8":  {"given", false, "start", false, Sta13, Sta13},
	"DT-1":  {"given", false, "", false, Sta6, Sta6},
	"DT-2":  {"", true, "", false, Sta6, Sta6},
	"AR-1":  {"A-RELEASE-RQ", false, "", false, Sta7, Sta7},
	"AR-2":  {"", true, "", false, Sta8, Sta8},
	"AR-3":  {"", true, "", true, Sta1, Sta1},
	"AR-4":  {"A-RELEASE-RP", false, "start", false, Sta13, Sta13},
	"AR-5":  {"", false, "stop", false, Sta1, Sta1},
	"AR-6":  {"", true, "", false, Sta7, Sta7},
	"AR-7":  {"given", false, "", false, Sta8, Sta8},
	"AR-8":  {"", true, "", false, Sta9, Sta10},
	"AR-9":  {"A-RELEASE-RP", false, "", false, Sta11, Sta11},
	"AR-10": {"", true, "", false, Sta12, Sta12},
	"AA-1":  {"A-ABORT 0", false, "start", false, Sta13, Sta13},
	"AA-2":  {"", false, "stop", true, Sta1, Sta1},
	"AA-3":  {"", true, "", true, Sta1, Sta1},
	"AA-4":  {"", true, "", false, Sta1, Sta1},
	"AA-5":  {"", false, "stop", false, Sta1, Sta1},
	"AA-6":  {"", false, "", false, Sta13, Sta13},
	"AA-7":  {"A-ABORT 2", false, "", false, Sta13, Sta13},
	"AA-8":  {"A-ABORT 2", true, "start", false, Sta13, Sta13},
}

// recorder is a connection that keeps what is written and whether it is closed.
type recorder struct {
	net.Conn
	wrote  []byte
	closed bool
}

func (r *recorder) Write(b []byte) (int, error)      { r.wrote = append(r.wrote, b...); return len(b), nil }
func (r *recorder) Close() error                     { r.closed = true; return nil }
func (r *recorder) SetWriteDeadline(time.Time) error { return nil }

func (r *recorder) sent(t *testing.T) string {
	if len(r.wrote) == 0 {
		return ""
	}
	if string(r.wrote) == "given" {
		return "given"
	}
	h := pdu.DecodeHeader(r.wrote)
	p, err := pdu.Decode(h.Type, r.wrote[pdu.HeaderSize:])
	if err != nil {
		t.Fatal(err)
	}
	switch p := p.(type) {
	case *pdu.ReleaseRQ:
		return "A-RELEASE-RQ"
	case *pdu.ReleaseRP:
		return "A-RELEASE-RP"
	case *pdu.Abort:
		return "A-ABORT " + string('0'+p.Source)
	}
	return "?"
}

// TestEveryStateAndEvent runs each cell of the table through a link, in both
// roles, and compares all that it does with the standard's tables.
func TestEveryStateAndEvent(t *testing.T) {
	cells := 0
	for line := range strings.SplitSeq(strings.TrimSpace(table910), "\n") {
		columns := strings.Fields(line)
		if len(columns) != 14 {
			t.Fatalf("row %q has %d columns", line, len(columns))
		}
		event := Evt1
		for event.String() != columns[0] {
			event++
		}
		for i, name := range columns[1:] {
			for _, requestor := range []bool{true, false} {
				cells++
				checkCell(t, Sta1+State(i), event, name, requestor)
			}
		}
	}
	if cells != 13*19*2 {
		t.Errorf("walked %d cells, want %d", cells, 13*19*2)
	}
}

func checkCell(t *testing.T, state State, event Event, name string, requestor bool) {
	conn := &recorder{}
	l := newLink(conn, time.Hour, time.Hour, 0)
	l.state, l.requestor = state, requestor
	stopped := time.Now().Add(time.Minute)
	l.expires = stopped
	issued, err := l.do(event, net.Buffers{[]byte("given")}, &pdu.AssociateRQ{})
	row, some := actionRows[name]
	if !some {
		if err == nil || l.state != state || conn.closed || len(conn.wrote) > 0 {
			t.Errorf("%v %v: an empty cell must be an error that changes nothing; got %v, %v", state, event, l.state, err)
		}
		return
	}
	want := row.acceptor
	if requestor {
		want = row.requestor
	}
	if err != nil || l.state != want {
		t.Errorf("%v %v %s: next state %v, want %v, %v", state, event, name, l.state, want, err)
	}
	if issued != row.issued || conn.closed != row.closed || conn.sent(t) != row.sent {
		t.Errorf("%v %v %s: issued %v, closed %v, sent %q; want %+v", state, event, name, issued, conn.closed, conn.sent(t), row)
	}
	timer := ""
	switch {
	case l.expires.IsZero():
		timer = "stop"
	case l.expires != stopped:
		timer = "start"
	}
	if timer != row.timer {
		t.Errorf("%v %v %s: timer %q, want %q", state, event, name, timer, row.timer)
	}
}

// TestAE6Refused is the second case of AE-6: the provider rejects.
func TestAE6Refused(t *testing.T) {
	conn := &recorder{}
	l := newLink(conn, time.Hour, time.Hour, 0)
	l.state = Sta2
	l.refuse = func(*pdu.AssociateRQ) *Rejection { return &RejectProtocolVersion }
	issued, err := l.do(Evt6, nil, &pdu.AssociateRQ{})
	if issued || err != nil || l.state != Sta13 || l.expires.IsZero() {
		t.Errorf("issued %v, %v, %v", issued, l.state, err)
	}
	p, err := pdu.Decode(pdu.TypeAssociateRJ, conn.wrote[pdu.HeaderSize:])
	if err != nil || *p.(*pdu.AssociateRJ) != (pdu.AssociateRJ{Result: 1, Source: 2, Reason: 2}) {
		t.Errorf("sent %x", conn.wrote)
	}
}
