package hl7

import (
	"strings"
	"testing"
)

// withoutTime empties MSH-7, which is the time of the answer.
func withoutTime(ack []byte) string {
	separator := string(ack[3:4])
	fields := strings.Split(string(ack), separator)
	fields[6] = ""
	return strings.Join(fields, separator)
}

func TestAck(t *testing.T) {
	problem := Error{Code: ErrorTableValue, Location: "OBX[2]-5[1].3", Text: "unknown | code"}
	for name, c := range map[string]struct {
		msh  string
		code AckCode
		text string
		errs []Error
		want string
	}{
		"accepted": {
			`MSH|^~\&|RIS|HOSP|CC|NODE|2026||ORU^R01^ORU_R01|ID1|P|2.5.1||||||UNICODE UTF-8`, AA, "", nil,
			`MSH|^~\&|CC|NODE|RIS|HOSP|||ACK^R01^ACK|ID1|P|2.5.1||||||UNICODE UTF-8` + "\rMSA|AA|ID1\r",
		},
		"error in 2.5": {
			`MSH|^~\&|RIS|HOSP|CC|NODE|2026||ORU^R01|ID1|P|2.5`, AE, "not read", []Error{problem},
			`MSH|^~\&|CC|NODE|RIS|HOSP|||ACK^R01^ACK|ID1|P|2.5` + "\rMSA|AE|ID1|not read\r" +
				`ERR||OBX^2^5^1^3|103^Table value not found^HL70357|E|||unknown \F\ code|unknown \F\ code` + "\r",
		},
		"two errors": {
			`MSH|^~\&|RIS|HOSP|CC|NODE|2026||ORU^R01|ID1|T|2.6`, AR, "", []Error{{Code: 200, Location: "MSH-9"}, {Code: 101, Location: "PID"}},
			`MSH|^~\&|CC|NODE|RIS|HOSP|||ACK^R01^ACK|ID1|T|2.6` + "\rMSA|AR|ID1\r" +
				"ERR||MSH^1^9|200^Unsupported message type^HL70357|E\rERR||PID|101^Required field missing^HL70357|E\r",
		},
		"error in 2.3.1": {
			`MSH|^~\&|RIS|HOSP|CC|NODE|2026||ORU^R01|ID1|P|2.3.1`, AE, "", []Error{problem},
			`MSH|^~\&|CC|NODE|RIS|HOSP|||ACK^R01|ID1|P|2.3.1` + "\rMSA|AE|ID1||||103^Table value not found^HL70357\r" +
				"ERR|OBX^2^5^103&Table value not found&HL70357\r",
		},
		"version 2.1": {
			`MSH|^~\&|RIS|HOSP|CC|NODE|2026||ORU|ID1|P|2.1`, AA, "", nil,
			`MSH|^~\&|CC|NODE|RIS|HOSP|||ACK|ID1|P|2.1` + "\rMSA|AA|ID1\r",
		},
		"other delimiters": {
			`MSH#*!?%#RIS#HOSP#CC*1%2#NODE#2026##ORU*R01#ID1#P#2.4`, AE, "a|b#c", []Error{{Code: 207}},
			`MSH#*!?%#CC*1%2#NODE#RIS#HOSP###ACK*R01*ACK#ID1#P#2.4` + "\rMSA#AE#ID1#a|b?F?c###207*Application internal error*HL70357\r" +
				"ERR#***207%Application internal error%HL70357\r",
		},
	} {
		m := parse(t, c.msh+"\r")
		if got := withoutTime(m.Ack(c.code, c.text, c.errs...)); got != c.want {
			t.Errorf("%s:\n got %q\nwant %q", name, got, c.want)
		}
		ack, err := ParseAck(m.Ack(c.code, c.text, c.errs...))
		if err != nil || ack.Code != c.code || ack.ControlID != "ID1" || len(c.errs) > 0 && ack.ErrorCode != c.errs[0].Code {
			t.Errorf("%s reads back as %+v, %v", name, ack, err)
		}
	}
}

// TestAckCannotBeSplit puts line breaks into the fields that are echoed.
func TestAckCannotBeSplit(t *testing.T) {
	m := parse(t, "MSH|^~\\&|A\nB\x1cC|H|||||ORU^R01|I\nD|P|2.5\rPID|1\r")
	if got := m.Ack(AA, "one\rtwo"); strings.Count(string(got), "\r") != 2 || strings.ContainsAny(string(got), "\n\x1c") {
		t.Errorf("got %q", got)
	}
}

func TestNack(t *testing.T) {
	for name, c := range map[string]struct{ raw, want string }{
		"no MSH":     {"PID|1\r", `MSH|^~\&|||||||ACK||P|2.5.1` + "\rMSA|AE||why\r"},
		"nothing":    {"", `MSH|^~\&|||||||ACK||P|2.5.1` + "\rMSA|AE||why\r"},
		"bad MSH-2":  {"MSH|^^|A\r", `MSH|^~\&|||||||ACK||P|2.5.1` + "\rMSA|AE||why\r"},
		"other set":  {"MSH|^~\\&|\xb2\xe9|H|C|N|||ORU^R01|77|P|2.4\rPID|\xff", "MSH|^~\\&|C|N|\xb2\xe9|H|||ACK^R01^ACK|77|P|2.4\rMSA|AE|77|why\r"},
		"LF, a mark": {"\xef\xbb\xbfMSH|^~\\&|A|H|C|N|||ORU|78|P|2.2\nPID|\xff", "MSH|^~\\&|C|N|A|H|||ACK|78|P|2.2\rMSA|AE|78|why\r"},
	} {
		if got := withoutTime(Nack([]byte(c.raw), "why")); got != c.want {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}

// TestAnswer walks MSH-15 and MSH-16 (table 0155).
func TestAnswer(t *testing.T) {
	for conditions, want := range map[string][2]AckCode{ // what AA and AE become; "" is silence
		"|":     {AA, AE},
		"AL|NE": {CA, CE},
		"AL|":   {CA, CE},
		"AL|AL": {AA, AE},
		"NE|AL": {AA, AE},
		"NE|NE": {"", ""},
		"ER|NE": {"", CE},
		"SU|NE": {CA, ""},
		"AL|ER": {CA, AE},
		"NE|SU": {AA, ""},
		"|NE":   {CA, CE},
	} {
		m := parse(t, `MSH|^~\&|A|B|C|D|||ORU^R01|ID1|P|2.4|||`+conditions+"\r")
		for i, code := range []AckCode{AA, AE} {
			raw := m.Answer(code, "")
			ack, _ := ParseAck(raw)
			if ack.Code != want[i] || (len(raw) == 0) != (want[i] == "") || raw == nil {
				t.Errorf("%s: %s became %q, want %q", conditions, code, ack.Code, want[i])
			}
		}
		refused := Nack([]byte(`MSH|^~\&|A|B|C|D|||ORU^R01|ID1|P|2.4|||`+conditions+"\r\xff"), "no")
		if ack, _ := ParseAck(refused); ack.Code != want[1] || refused == nil {
			t.Errorf("%s: refused by %q, want %q", conditions, ack.Code, want[1])
		}
	}
}

func TestAckActions(t *testing.T) {
	for ack, want := range map[Ack][2]bool{ // accepted, retryable
		{Code: AA}: {true, false}, {Code: CA}: {true, false}, {Code: AE}: {false, true}, {Code: CE}: {false, true},
		{Code: AR}: {false, false}, {Code: CR, ErrorCode: 200}: {false, false},
		{Code: AR, ErrorCode: 207}: {false, true}, {Code: CR, ErrorCode: 206}: {false, true}, {Code: AA, ErrorCode: 207}: {true, false},
	} {
		if ack.Accepted() != want[0] || ack.Retryable() != want[1] {
			t.Errorf("%+v: accepted %t, retryable %t", ack, ack.Accepted(), ack.Retryable())
		}
	}
}

func TestParseAck(t *testing.T) {
	head := `MSH|^~\&|A|B|C|D|2026||ACK|9|P|2.5` + "\r"
	for raw, want := range map[string]Ack{
		head + "MSA|AA|1":                                      {AA, "1", "", 0},
		head + "MSA|aa|1|fine\r":                               {AA, "1", "fine", 0},
		head + "MSA|AE|1|||Z|206^Locked\r":                     {AE, "1", "", 206},
		head + "MSA|AE|1\rERR||PID^1|207^x|E|||diag|user\r":    {AE, "1", "user", 207},
		head + "MSA|CR|1\rERR|PID^1^3^205&Duplicate&HL70357\r": {CR, "1", "", 205},
		head + "ERR||||E\rMSA|CE|1":                            {CE, "1", "", 0},
		strings.ReplaceAll(head, "\r", "\n") + "MSA|AR|1|\xe9": {AR, "1", "é", 0},
	} {
		if got, err := ParseAck([]byte(raw)); err != nil || got != want {
			t.Errorf("%q is %+v, %v", raw, got, err)
		}
	}
	for _, raw := range []string{"", "hello", head, head + "MSA||1", head + "MSA|OK|1", "PID|1"} {
		if got, err := ParseAck([]byte(raw)); err == nil || !strings.HasPrefix(err.Error(), "hl7: ") {
			t.Errorf("%q is %+v, %v", raw, got, err)
		}
	}
}
