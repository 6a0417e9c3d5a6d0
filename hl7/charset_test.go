package hl7

import (
	"encoding/hex"
	"path/filepath"
	"strings"
	"testing"
)

// TestChinese reads each Chinese report in its three encodings: the text is that of the
// UTF-8 twin, though trail bytes look like | ^ \ and ~.
func TestChinese(t *testing.T) {
	for _, file := range sharedFiles(t, "data/hl7-zh/*-utf8.hl7") {
		name := strings.TrimSuffix(file, "-utf8.hl7")
		twin := parse(t, string(readFile(t, file)))
		for suffix, options := range map[string]Options{
			"-gb18030.hl7":         {},
			"-gb18030-nomsh18.hl7": {DefaultCharset: "GB18030"},
		} {
			raw := readFile(t, name+suffix)
			m, err := Parse(raw, options)
			if err != nil {
				t.Errorf("%s%s: %v", filepath.Base(name), suffix, err)
				continue
			}
			for i, s := range twin.All()[1:] {
				if got := m.All()[i+1].Text(); got != s.Text() {
					t.Errorf("%s%s: segment %d is %q, want %q", filepath.Base(name), suffix, i+1, got, s.Text())
				}
			}
			if len(m.All()) != len(twin.All()) || m.Charset() != "GB 18030-2000" || m.ControlID() != twin.ControlID() {
				t.Errorf("%s%s: %d segments of %d, %s, %s", filepath.Base(name), suffix, len(m.All()), len(twin.All()), m.Charset(), m.ControlID())
			}
			sameReports(t, m, twin)
			if ack, err := Parse(m.Ack(AE, "文本"), options); err != nil || ack.Get("MSH-6") != m.Get("MSH-4") || ack.Get("MSA-3") != "文本" {
				t.Errorf("the ack does not read back: %v", err)
			}
		}
		if _, err := Parse(readFile(t, name+"-gb18030-nomsh18.hl7"), Options{}); err == nil || !strings.Contains(err.Error(), "configure this peer's character set") {
			t.Errorf("%s without any hint: %v", filepath.Base(name), err)
		}
	}
}

func sameReports(t *testing.T, a, b *Message) {
	t.Helper()
	got, _ := Reports(a, Mapping{})
	want, _ := Reports(b, Mapping{})
	if len(got) != 1 || len(want) != 1 || len(got[0].Blocks) != len(want[0].Blocks) {
		t.Fatalf("%d reports, %d of the twin", len(got), len(want))
	}
	for i, block := range want[0].Blocks {
		if got[0].Blocks[i].Text != block.Text || got[0].Blocks[i].Section != block.Section {
			t.Errorf("block %d differs from the twin's", i)
		}
	}
	t.Logf("%s: %s accession %s, %s by %s: %s", got[0].ControlID, got[0].Procedure.Text, got[0].Accession, got[0].Status, got[0].Author.Name, outline(got[0].Blocks))
}

// TestCharsets reads one name in the bytes of each set, by MSH-18, by the peer's default
// and by override. The bytes are from the tables of each standard.
func TestCharsets(t *testing.T) {
	for _, c := range []struct{ declared, bytes, want string }{
		{"UNICODE UTF-8", "e5bca0e78f85", "张珅"},
		{"GB 18030-2000", "d5c5ab7c", "张珅"},
		{"GB18030-2000", "8139ee399933c336", "㐀𬱖"},
		{"GB18030", "ab7c", "珅"},
		{"GBK", "ab7c", "珅"},
		{"BIG-5", "b3af5c", "陳\\"}, // a real backslash after
		{"BIG-5", "b35ca55cbb5c", "許功蓋"},
		{"ISO IR87", "1b24423b331b2842", "山"},
		{"~ISO IR87", "1b244245441b2842", "田"},
		{"ISO IR14~ISO IR87", "1b284a5e1b24423b331b284a5e", "^山^"},
		{"~ISO IR159", "1b242844302b1b2842", "丮"},
		{"KS X 1001", "b1e8", "김"},
		{"KS X 1001", "1b242943b1e8", "김"},
		{"8859/1", "4ae97ae9", "Jézé"},
		{"8859/2", "a3f364bc", "Łódź"},
		{"8859/5", "b8d2d0dd", "Иван"},
		{"8859/7", "c1", "Α"},
		{"8859/15", "a4", "€"},
		{"CP1251", "c8e2e0ed", "Иван"},
		{"CP1252", "809c", "€œ"},
		{"Shift_JIS", "8e52955c", "山表"},
	} {
		data, err := hex.DecodeString(c.bytes)
		if err != nil {
			t.Fatal(err)
		}
		header := `MSH|^~\&|A|B|C|D|20260101||ORU^R01|1|P|2.5`
		body := "\rPID|1||7||" + string(data) + "\r"
		name := c.declared[strings.LastIndex(c.declared, "~")+1:]
		for way, read := range map[string]func() (*Message, error){
			"declared": func() (*Message, error) { return Parse([]byte(header+"||||||"+c.declared+body), Options{}) },
			"default":  func() (*Message, error) { return Parse([]byte(header+body), Options{DefaultCharset: name}) },
			"override": func() (*Message, error) { return Parse([]byte(header+"||||||8859/9"+body), Options{Charset: name}) },
		} {
			m, err := read()
			if err != nil {
				t.Errorf("%s %s, %s: %v", c.declared, c.bytes, way, err)
				continue
			}
			if got := m.Segment("PID").Field(5).Raw(); got != c.want {
				t.Errorf("%s %s, %s: %q, want %q", c.declared, c.bytes, way, got, c.want)
			}
			if got := m.in.charset.encode([]byte(c.want)); !strings.HasPrefix(c.bytes, "1b") && string(got) != string(data) {
				t.Errorf("%s: %q written back as %x", c.declared, c.want, got)
			}
		}
	}
}

// TestSwitchedSets reads text whose set changes by ESC sequences, and by the escapes that
// HL7 has for them (chapter 2.7.2).
func TestSwitchedSets(t *testing.T) {
	for _, c := range []struct{ declared, text, want string }{
		{"ISO IR87", "\x1b(I12\x1b(B|x", "ｱｲ"},
		{"ISO IR87", "\xb1\xb2\x1b$B;3\x1b(B^\xb1", "ｱｲ山^ｱ"},
		{"ISO IR13~ISO IR87", "\xd4\xcf\xc0^\xc0\xdb\xb3=\x1b$B;3ED\x1b(J", "ﾔﾏﾀ^ﾀﾛｳ=山田"},
		{"ISO IR14~ISO IR87~ISO IR159", "\x1b$(D0+\x1b$B;3\x1b(J\\S\\", "丮山\\S\\"},
		{"~ISO IR87", `\M2442\;3\C2842\^x`, "山^x"},
		{"~ISO IR159", `\M242844\0+\C2842\`, "丮"},
		{"ISO IR87", `\C2849\12\C2842\`, "ｱｲ"},
		{"ISO IR87", `C:\Mine\x`, `C:\Mine\x`},
		{"8859/1~8859/5", "\xe9\x1b-L\xb8\xd2", "éИв"},
		{"8859/1~8859/7", "\xe9\\C2D46\\\xe9", "éι"},
		{"8859/1~ISO IR87", "\xe9\x1b$B;3\x1b(B\xe9", "é山é"},
		{"~KS X 1001~ISO IR87", "\x1b$)C\xb1\xe8\x1b$B;3\x1b(B", "김山"},
		{"ISO IR87", "\x1b$B;3", "山"}, // the end of the line ends it
		{"ISO IR87", "\x1b$Bu!", "error"},
		{"ISO IR87", "\x1b$B;", "error"},
		{"ISO IR87", "\x1b$Zx", "\x1b$Zx"},
	} {
		m, err := Parse([]byte(`MSH|^~\&|A|B|C|D|20260101||ORU^R01|1|P|2.5||||||`+c.declared+"\rPID|1||7||"+c.text+"\rPV1|1|O\r"), Options{})
		if err != nil {
			if c.want != "error" {
				t.Errorf("%s %q: %v", c.declared, c.text, err)
			}
			continue
		}
		if got := m.Segment("PID").Field(5).Raw(); got != c.want || m.Get("PV1-2") != "O" {
			t.Errorf("%s %q: %q, want %q", c.declared, c.text, got, c.want)
		}
	}
}

func TestCharsetChoice(t *testing.T) {
	const gb = "\xab\x7c" // 珅 in GB 18030; not UTF-8
	head := func(msh18 string) string { return `MSH|^~\&|A|B|C|D|||ORU^R01|1|P|2.5||||||` + msh18 + "\rPID|1||7||" }
	for name, c := range map[string]struct {
		raw     string
		options Options
		want    string // the set, or a part of the error
	}{
		"ASCII":                       {head("") + "X", Options{}, "ASCII"},
		"declared, though ASCII":      {head("GB18030") + "X", Options{}, "GB 18030-2000"},
		"UTF-8, undeclared":           {head("") + "珅", Options{}, "UNICODE UTF-8"},
		"default":                     {head("") + gb, Options{DefaultCharset: "gb-18030"}, "GB 18030-2000"},
		"declared before default":     {head("GBK") + gb, Options{DefaultCharset: "8859/1"}, "GBK"},
		"override before declared":    {head("8859/1") + gb, Options{Charset: "GB18030"}, "GB 18030-2000"},
		"ASCII that is not, default":  {head("ASCII") + gb, Options{DefaultCharset: "GB18030"}, "GB 18030-2000"},
		"ASCII that is not":           {head("ASCII") + gb, Options{}, "configure this peer's"},
		"unknown set, ASCII text":     {head("ISO IR 999") + "X", Options{}, "ASCII"},
		"unknown set":                 {head("ISO IR 999") + gb, Options{}, `"ISO IR 999"`},
		"mark":                        {"\xef\xbb\xbf" + head("") + "珅", Options{DefaultCharset: "GBK"}, "UNICODE UTF-8"},
		"UTF-8 that is not":           {head("UNICODE UTF-8") + gb, Options{}, "not UNICODE UTF-8"},
		"GB 18030 that is not":        {head("GB18030") + "\xff\xff", Options{}, "not GB 18030-2000"},
		"default that is none":        {head("") + gb, Options{DefaultCharset: "klingon"}, "cannot be used"},
		"override that is refused":    {head("") + gb, Options{Charset: "UTF-16"}, "cannot be used"},
		"trail byte before MSH-18":    {"MSH|^~\\&|" + gb + "|" + gb + gb + "|C|D|||ORU^R01|1|P|2.5||||||GB18030\rPID|1||7||" + gb, Options{}, "GB 18030-2000"},
		"a set named in the text":     {`MSH|^~\&|A|B|C|D|||ORU^R01|1|P|2.5|||||||x|GBK` + "\rPID|1||7||珅", Options{}, "UNICODE UTF-8"},
		"several sets, ASCII first":   {head("ASCII~GB18030") + gb, Options{}, "GB 18030-2000"},
		"several sets, empty first":   {head("~ISO IR87~ISO IR159") + "X", Options{}, "ISO IR87"},
		"UTF-32 declared":             {head("UNICODE UTF-32") + "X", Options{}, "refused"},
		"UTF-16 declared, overridden": {head("UNICODE UTF-16") + "X", Options{Charset: "UTF-8"}, "UNICODE UTF-8"},
	} {
		m, err := Parse([]byte(c.raw), c.options)
		if err != nil {
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if m.Charset() != c.want || m.Get("PID-3") != "7" || m.ControlID() != "1" {
			t.Errorf("%s: %s, PID-3 %q, MSH-10 %q", name, m.Charset(), m.Get("PID-3"), m.ControlID())
		}
	}
	if CheckCharset("CP1252") != nil || CheckCharset("") == nil {
		t.Error("CheckCharset")
	}
}

// TestHexInCharset reads bytes given as escapes in the message's own set.
func TestHexInCharset(t *testing.T) {
	m := parse(t, `MSH|^~\&|A|B|C|D|||ORU^R01|1|P|2.5||||||GB18030`+"\rOBX|1|FT|||\\XAB7C\\=\\XD3\\\\XD2\\\r")
	if got := m.Get("OBX-5"); got != "珅=右" {
		t.Errorf("got %q", got)
	}
}
