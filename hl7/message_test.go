package hl7

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

func parse(t testing.TB, text string) *Message {
	t.Helper()
	m, err := Parse([]byte(text), Options{})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// msg joins segments by CR, after a plain MSH.
func msg(segments ...string) string {
	return `MSH|^~\&|RIS|HOSP|CC|HOSP|20260102030405||ORU^R01|ID1|P|2.5.1` + "\r" + strings.Join(segments, "\r") + "\r"
}

func TestGet(t *testing.T) {
	m := parse(t, msg(`PID|1||A^^^X&1.2&ISO^MR~B^^^Y&3.4&ISO^PI||DOE&VAN^JANE|""`, `OBX|1|TX|&GDT||one`, `OBX|2|CE|71020&IMP^X||c^two\T\3`, `ZZ1|a|b`))
	for path, want := range map[string]string{
		"MSH-1": "|", "MSH-2": `^~\&`, "MSH-2.1": `^~\&`, "MSH-3": "RIS", "MSH-9.2": "R01", "MSH-10": "ID1", "MSH-12": "2.5.1",
		"PID-3": "A^^^X&1.2&ISO^MR", "PID-3.1": "A", "PID-3[2].1": "B", "PID-3[2].4.1": "Y", "PID-3[2].4.2": "3.4", "PID-3[1].5": "MR",
		"PID-5.1.2": "VAN", "PID-5.2": "JANE", "PID-6": "", "PID-99": "", "PID-3[9].1": "", "PID-5.2.2": "", "PID-5.9": "",
		"OBX-3.1.2": "GDT", "OBX[2]-3.1.2": "IMP", "OBX[2]-5.2": "two&3", "OBX[2]-5": "c^two&3", "OBX[3]-5": "",
		"ZZ1-2": "b", "XXX-1": "",
		"": "", "PID": "", "PID-": "", "PID-0": "", "pid-3": "", "PID-3.": "", "PID-3[": "", "PID-3[2": "", "PID-3.1.1.1": "", "PID-9999999": "", "PID-3[0].1": "",
	} {
		if got := m.Get(path); got != want {
			t.Errorf("%s is %q, want %q", path, got, want)
		}
	}
	for _, path := range []string{"PID-3", "PID-3[2].4.1", "OBX[12]-5", "OBX[2]-5[3].1"} {
		if p, err := ParsePath(path); err != nil || p.String() != path {
			t.Errorf("%s is read as %s, %v", path, p, err)
		}
	}
	if _, err := ParsePath("PID-3.x"); err == nil || !strings.Contains(err.Error(), "PID-3[2].4.1") {
		t.Errorf("the error does not show how to write a path: %v", err)
	}
	if n := testing.AllocsPerRun(100, func() { m.Get("PID-3[2].4.1") }); n != 0 {
		t.Errorf("Get allocates %v times", n)
	}
}

func TestSegmentEnds(t *testing.T) {
	head := `MSH|^~\&|A|B|C|D|20260101||ORU^R01|1|P|2.4`
	for name, c := range map[string]struct {
		text string
		want []string // the segments after MSH
	}{
		"CR":                {head + "\rPID|1\rOBX|1\r", []string{"PID|1", "OBX|1"}},
		"no CR at the end":  {head + "\rPID|1\rOBX|1", []string{"PID|1", "OBX|1"}},
		"LF":                {head + "\nPID|1\nOBX|1\n", []string{"PID|1", "OBX|1"}},
		"CRLF":              {head + "\r\nPID|1\r\nOBX|1\r\n", []string{"PID|1", "OBX|1"}},
		"blank lines":       {head + "\r\r\rPID|1\r\n\r\nOBX|1\r\r", []string{"PID|1", "OBX|1"}},
		"LF is data":        {head + "\rOBX|1|TX|||a\nPID|b\rNTE|1\r", []string{"OBX|1|TX|||a\nPID|b", "NTE|1"}},
		"LF, one stray CR":  {head + "\nOBX|1|TX|||a\rb\nNTE|1\n", []string{"OBX|1|TX|||a\rb", "NTE|1"}},
		"text over lines":   {head + "\nOBX|1|TX|||one\ntwo\n\nthree||||||F\nNTE|1\n", []string{"OBX|1|TX|||one\ntwo\n\nthree||||||F", "NTE|1"}},
		"Z and unknown":     {head + "\rZDS|1.2.3\rXY9|1\r", []string{"ZDS|1.2.3", "XY9|1"}},
		"MLLP left in":      {"\v" + head + "\rPID|1\r\x1c\r", []string{"PID|1"}},
		"byte order mark":   {"\xef\xbb\xbf" + head + "\rPID|1\r", []string{"PID|1"}},
		"MSH alone":         {head, nil},
		"a name, no fields": {head + "\rPID|1\rPV1\rOBX|1", []string{"PID|1\rPV1", "OBX|1"}},
	} {
		m, err := Parse([]byte(c.text), Options{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var got []string
		for _, s := range m.All()[1:] {
			got = append(got, s.Text())
		}
		if strings.Join(got, "#") != strings.Join(c.want, "#") {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
		if m.ControlID() != "1" || m.Version() != "2.4" {
			t.Errorf("%s: control ID %q, version %q", name, m.ControlID(), m.Version())
		}
	}
}

func TestDelimiters(t *testing.T) {
	m := parse(t, "MSH#*!?%#A*1%x!B?F?#H#C#D#2026##ORU*R01#9#P#2.3\rPID#1##7***Q%1.2%ISO*MR!8##DOE*J?T?K\r")
	for path, want := range map[string]string{
		"MSH-1": "#", "MSH-2": "*!?%", "MSH-3.2.2": "x", "MSH-3[2]": "B#", "MSH-9.2": "R01", "MSH-10": "9",
		"PID-3.4.2": "1.2", "PID-3[2].1": "8", "PID-5.2": "J%K",
	} {
		if got := m.Get(path); got != want {
			t.Errorf("%s is %q, want %q", path, got, want)
		}
	}
	if short := parse(t, "MSH|^~|A|B|C|D|||ADT^A01|1|P|2.1\rPID|1||a\\F\\&b~c"); short.Get("PID-3") != `a\F\&b` {
		t.Errorf("without escape and subcomponent PID-3 is %q", short.Get("PID-3"))
	}
	if long := parse(t, "MSH|^~\\&#|A|B|C|D|||ADT^A01|1|P|2.8\rPID|1||a\\P\\b"); long.Get("PID-3") != "a#b" {
		t.Errorf("with a truncation character PID-3 is %q", long.Get("PID-3"))
	}
}

func TestParseRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		raw  string
		code int
		want string
	}{
		"nothing":         {"", ErrorSegmentSequence, "is empty"},
		"blanks":          {"\r\n \x1c\r", ErrorSegmentSequence, "is empty"},
		"no MSH":          {"PID|1\r", ErrorSegmentSequence, "does not start with an MSH"},
		"batch":           {"FHS|^~\\&|A\rMSH|^~\\&|\r", ErrorSegmentSequence, "split it first"},
		"MSH only":        {"MSH", ErrorRequiredField, "ends inside MSH-2"},
		"no MSH-2":        {"MSH||A|B", ErrorRequiredField, "MSH-2 holds 0"},
		"MSH-2 too long":  {"MSH|^~\\&#!$|A", ErrorRequiredField, "MSH-2 holds 7"},
		"letters":         {"MSHAB|C", ErrorDataType, "different punctuation"},
		"twice the same":  {"MSH|^^\\&|A", ErrorDataType, "different punctuation"},
		"UTF-16":          {"\xff\xfeM\x00S\x00H\x00|\x00", ErrorDataType, "UTF-16"},
		"UTF-16, no mark": {"M\x00S\x00H\x00|\x00^\x00", ErrorDataType, "UTF-16"},
		"UTF-16 declared": {"MSH|^~\\&|A|B|C|D|||ORU^R01|1|P|2.5||||||UNICODE UTF-16\r", ErrorTableValue, "UNICODE UTF-8"},
		"segments":        {"MSH|^~\\&|A\r" + strings.Repeat("Z|\rZZZ|\r", maxSegments), ErrorInternal, "more than"},
	} {
		m, err := Parse([]byte(c.raw), Options{})
		var e *Error
		if m != nil || !errors.As(err, &e) || e.Code != c.code || !strings.Contains(e.Error(), c.want) {
			t.Errorf("%s: got %v, %v", name, m, err)
		}
	}
}

func TestSplit(t *testing.T) {
	const a, b = "MSH|^~\\&|A\rPID|1", "MSH|^~\\&|B\rPID|2"
	for name, c := range map[string]struct {
		file string
		want []string
	}{
		"one":            {a + "\r", []string{a}},
		"two":            {a + "\r" + b + "\r", []string{a, b}},
		"batch":          {"FHS|^~\\&|X\rBHS|^~\\&|X\r" + a + "\r" + b + "\rBTS|2\rFTS|1\r", []string{a, b}},
		"LF and comment": {"// a file\n" + strings.ReplaceAll(a, "\r", "\n") + "\n\n" + b, []string{strings.ReplaceAll(a, "\r", "\n"), b}},
		"in blocks":      {"\v" + a + "\r\x1c\r\v" + b + "\r\x1c\r", []string{a + "\r\x1c", b + "\r\x1c"}},
		"no message":     {"PID|1\r", []string{"PID|1\r"}},
		"nothing":        {"", []string{""}},
		"MSH in text":    {a + "\rOBX|1|TX|||MSH|x\r", []string{a + "\rOBX|1|TX|||MSH|x"}},
	} {
		var got []string
		for m := range Split([]byte(c.file)) {
			got = append(got, strings.TrimPrefix(string(m), "\v"))
		}
		if strings.Join(got, "#") != strings.Join(c.want, "#") {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestEscapes(t *testing.T) {
	for raw, want := range map[string]string{
		`a\F\b\S\c\T\d\R\e\E\f`:         `a|b^c&d~e\f`,
		`\H\bold\N\ plain`:              "bold plain",
		`one\.br\two\.BR\three`:         "one\ntwo\nthree",
		`one\.sp\two\.sp3\three\.sp+2\`: "one\ntwo\n\n\nthree\n\n",
		`\.sk4\x\.in+4\\.ti-4\y\.fi\z`:  "    xyz",
		`\.ce\centred\.nf\`:             "\ncentred",
		`\.sp99999999999999\x`:          strings.Repeat("\n", maxSkip) + "x",
		`\.sp9999\x`:                    strings.Repeat("\n", maxSkip) + "x",
		`\X0D\\X0A\x`:                   "\r\nx",
		`\XE58FB3\`:                     "右",
		`\XE5\\X8FB3\`:                  "右",
		`\XE5\`:                         "å",
		`\Xzz\`:                         `\Xzz\`,
		`\XE\`:                          `\XE\`,
		`\C2842\a\M824041\b`:            "ab",
		`C:\temp\x`:                     `C:\temp\x`,
		`a\b\.br\c`:                     "a\\b\nc",
		`50\`:                           `50\`,
		`\\`:                            `\\`,
		`\\.br\`:                        "\\\n",
		`\Zlocal\x`:                     `\Zlocal\x`,
		`\C\x\.q1\`:                     `\C\x\.q1\`,
	} {
		m := parse(t, msg("OBX|1|FT|||"+raw))
		if got := m.Get("OBX-5"); got != want {
			t.Errorf("%s is %q, want %q", raw, got, want)
		}
	}
	for _, text := range []string{"plain", `|^~\&`, "a\vb\x1cc\x00", "右肺|珅", "tab\tstays"} {
		escaped := Escape(text, StandardDelimiters, " ")
		if got := parse(t, msg("OBX|1|FT|||"+escaped)).Get("OBX-5"); got != text {
			t.Errorf("%q escaped as %q comes back as %q", text, escaped, got)
		}
	}
	if got := Escape("a\r\nb\nc\rd", StandardDelimiters, `\.br\`); got != `a\.br\b\.br\c\.br\d` {
		t.Errorf("line breaks: %q", got)
	}
}

func TestTimes(t *testing.T) {
	for s, want := range map[string]string{
		"20260102030405":          "2026-01-02T03:04:05",
		"20260102030405.1234":     "2026-01-02T03:04:05.1234",
		"20260102":                "2026-01-02T00:00:00",
		"202601020304":            "2026-01-02T03:04:00",
		"2026":                    "2026-01-01T00:00:00",
		"20260102030405+0800":     "2026-01-02T03:04:05",
		"20260102030405.99-0500":  "2026-01-02T03:04:05.99",
		" 20260102 ":              "2026-01-02T00:00:00",
		"":                        "0001-01-01T00:00:00",
		"20261302":                "0001-01-01T00:00:00",
		"Aug 14, 2004":            "0001-01-01T00:00:00",
		"20260102030405+":         "2026-01-02T03:04:05",
		"99999999999999999999999": "0001-01-01T00:00:00",
	} {
		if got := ParseTime(s).Format("2006-01-02T15:04:05.999999999"); got != want {
			t.Errorf("%q is %s, want %s", s, got, want)
		}
	}
	if got := FormatTime(ParseTime("20260102030405+0800")); got != "20260102030405+0800" {
		t.Errorf("written back: %s", got)
	}
	if FormatTime(ParseTime("")) != "" {
		t.Error("the zero time is written")
	}
}

// TestLargeMessage reads a message with 20 MB of Base64 in one field.
func TestLargeMessage(t *testing.T) {
	m := parse(t, msg("OBR|1||F1", "OBX|1|ED|PDF||^Application^PDF^Base64^"+strings.Repeat("JVBERi0x", 20<<17)+"||||||F"))
	reports, err := Reports(m, Mapping{})
	if err != nil || len(reports) != 1 || len(reports[0].NotChecked) != 1 {
		t.Errorf("got %s, %v", fmt.Sprintf("%.300v", reports), err)
	}
}
