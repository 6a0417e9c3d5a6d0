package hl7

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

var fuzzSeeds = []string{
	"", "MSH", `MSH|^~\&|`, `MSH|0000|||||||00|||2.8.1`, "\v" + `MSH|^~\&|A` + "\x1c\r", "FHS|^~\\&|\rBHS|\rMSH|^~\\&|\rBTS|\r",
	strings.Join(exampleORU, "\r"),
	msg(`PID|1||A^^^X&1.2&ISO^MR~B||DOE^JANE`, `ORC|RE|1|2`, `OBR|1||F1`, `OBX|1|TX|&GDT||one\.br\two~three`, `OBX|2|TX|&IMP||`, `NTE|1||n`, `ZDS|1.2.3`),
	strings.Replace(msg("TXA|1|DI|TX|||||||||D1|D0|P|F||AU", "OBX|1|ED|||^text^xml^A^<ClinicalDocument><section><text>a</text></section>"), "ORU^R01", "MDM^T06", 1),
	"MSH#*!?%#A#B#C#D#2026##ORU*R01#9#P#2.3\nPID#1##7***Q%1.2\nOBR#1\nOBX#1#FT#%IMP##a\rb\n",
	"MSH|^~\\&|\xab|\xab||||ORU^R01|1|P|2.5||||||GB18030\rOBR|1\rOBX|1|FT|||\xab\x7c\\XAB7C\\\r",
	"MSH|^~\\&|A|||||||ORU^R01|1|P|2.5||||||~ISO IR87\rOBX|1|TX|||\x1b$B;3\x1b(J\\F\\\r",
	"MSH|^~\\&|A|||||||ORU^R01|1|P|2.5||||||8859/1~ISO IR87\rOBR|1\rOBX|1|TX|||\\M2442\\;3\\C2842\\\xe9\x1b$(D0+\x1b(J\x1b)I\xb1\r",
	"MSH|!||||||||||||||||ISOIR87\r\xff",
	"M\x00S\x00H\x00|\x00", `MSH|^~\&|RIS|HOSP|CC|HOSP|||ACK|9|P|2.5` + "\rMSA|AE|1\rERR||PID^1|207^x|E|||d|u",
}

// FuzzMessage holds for any bytes: they are read, or refused with an answer that names an
// error; what is read is UTF-8 whose segments can be answered, and reports whose lines lie
// in their text.
func FuzzMessage(f *testing.F) {
	for _, seed := range fuzzSeeds {
		f.Add([]byte(seed), "")
		f.Add([]byte(seed), "GB18030")
	}
	f.Fuzz(func(t *testing.T, raw []byte, charset string) {
		kept := bytes.Clone(raw)
		for one := range Split(raw) {
			m, err := Parse(one, Options{DefaultCharset: charset})
			if err != nil {
				refusal, ok := err.(*Error)
				if !ok || refusal.Code == 0 || refusal.Text == "" {
					t.Fatalf("refused without a reason: %v", err)
				}
				if nack := Nack(one, refusal.Text, *refusal); len(nack) > 0 {
					checkAnswer(t, nack, AE, CE)
				}
				continue
			}
			checkAnswer(t, m.Ack(AA, "", Error{Code: ErrorInternal, Location: m.Get("PID-3"), Text: m.Get("OBX-5")}), AA)
			checkMessage(t, m)
		}
		if !bytes.Equal(raw, kept) {
			t.Fatal("the received bytes were changed")
		}
	})
}

func checkAnswer(t *testing.T, raw []byte, codes ...AckCode) {
	t.Helper()
	ack, err := ParseAck(raw)
	if err != nil || !slices.Contains(codes, ack.Code) || !bytes.HasSuffix(raw, []byte("\r")) || bytes.ContainsAny(raw, "\v\x1c\n") {
		t.Fatalf("answer %q reads as %+v, %v", raw, ack, err)
	}
}

func checkMessage(t *testing.T, m *Message) {
	t.Helper()
	for _, s := range m.All() {
		if !utf8.ValidString(s.Text()) || len(s.Name()) != 3 {
			t.Fatalf("segment %q", s.Text())
		}
		for n := 1; n < 8; n++ {
			for v := range s.Field(n).Repetitions() {
				_ = v.Component(2).Subcomponent(2).String()
			}
		}
	}
	found, err := Reports(m, Mapping{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range found {
		checkBlocks(t, &found[i])
	}
}

func checkBlocks(t *testing.T, r *Report) {
	t.Helper()
	for _, b := range r.Blocks {
		if strings.TrimSpace(b.Text) == "" || len(b.Lines) == 0 || b.Lines[0].Start != 0 {
			t.Fatalf("block %+v", b)
		}
		for i, line := range b.Lines[1:] {
			if line.Start > len(b.Text) || b.Text[line.Start-1] != '\n' || line.OBX < b.Lines[i].OBX {
				t.Fatalf("line %+v of %+v", line, b)
			}
		}
		if r.Locator(&b, 0, len(b.Text)) == "" {
			t.Fatal("no locator")
		}
	}
}

// unpaired are characters without a place of their own: the replacement character, which
// stands for what could not be read, and private ones, which golang.org/x/text does not
// map back from GB 18030 one to one.
func unpaired(r rune) bool { return r == utf8.RuneError || unicode.Is(unicode.Co, r) }

// FuzzText holds that any text survives a message in any set that has its characters.
func FuzzText(f *testing.F) {
	for _, text := range []string{"", `|^~\&`, "a\r\nb", "右肺|珅\\", "\x00\v\x1c", `\.br\`, "𬱖 é"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if !utf8.ValidString(text) || strings.ContainsFunc(text, unpaired) {
			t.Skip()
		}
		r := exampleResult()
		r.Findings[0].Rule = text
		want := strings.ReplaceAll(strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\r", " "), "\n", " ")
		for _, charset := range []string{"UTF-8", "GB18030"} {
			r.Charset = charset
			raw, err := ORU(r)
			if err != nil {
				t.Fatal(err)
			}
			m, err := Parse(raw, Options{})
			if err != nil {
				t.Fatal(err)
			}
			rule := ""
			for s := range m.Segments("OBX") {
				if s.Field(3).Component(1).String() == "CC004" {
					rule = s.Field(5).String()
				}
			}
			if rule != want && text != `""` {
				t.Fatalf("%q came back as %q", want, rule)
			}
		}
	})
}
