package audit

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

const (
	// authpriv is the facility of audit messages, notice and warning their
	// severities (PS3.15 A.6, A.7; RFC 5424 6.2.1).
	authpriv = 10
	warning  = 4
	notice   = 5

	appName = "concord"
	msgID   = "DICOM+RFC3881" // PS3.15 A.6
	bom     = "\ufeff"        // MSG-UTF8 begins with it (RFC 5424 6.4)

	// maxMessage is what every receiver takes (PS3.15 A.6), in octets.
	maxMessage = 32768
)

// header holds the fields that all messages of a process share.
type header struct{ hostname, procID string }

func newHeader() header {
	name, err := os.Hostname()
	if err != nil || name == "" {
		name = "-"
	}
	return header{printUSASCII(name, 255), strconv.Itoa(os.Getpid())}
}

// printUSASCII replaces what a header field may not hold.
func printUSASCII(s string, most int) string {
	return strings.Map(func(r rune) rune {
		if r < 33 || r > 126 {
			return '?'
		}
		return r
	}, clip(s, most))
}

// message is a SYSLOG-MSG (RFC 5424 6) with the XML of an audit message.
func (h header) message(at time.Time, outcome Outcome, xml []byte) []byte {
	severity := notice
	if outcome != Success {
		severity = warning
	}
	head := fmt.Sprintf("<%d>1 %s %s %s %s %s - %s", authpriv*8+severity, dateTime(at), h.hostname, appName, h.procID, msgID, bom)
	return append([]byte(head), xml...)
}
