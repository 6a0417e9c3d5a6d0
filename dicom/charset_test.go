package dicom

import (
	"fmt"
	"strings"
	"testing"
)

// TestCharacterSets holds the examples of PS3.5 Annexes H to K and every
// single-byte repertoire of PS3.3 C.12.1.1.2.
func TestCharacterSets(t *testing.T) {
	for _, c := range []struct{ name, set, value, want string }{
		{"default repertoire", "", "Buc^Jerome", "Buc^Jerome"},
		{"Latin 1", "ISO_IR 100", "Buc^J\xe9r\xf4me", "Buc^Jérôme"},
		{"Latin 2", "ISO_IR 101", "W\xb3odarczyk", "Włodarczyk"},
		{"Latin 3", "ISO_IR 109", "\xa6eli", "Ĥeli"},
		{"Latin 4", "ISO_IR 110", "\xe0bols", "ābols"},
		{"Latin 5", "ISO_IR 148", "\xddnce", "İnce"},
		{"Latin 9", "ISO_IR 203", "\xa4", "€"},
		{"Cyrillic", "ISO_IR 144", "\xbb\xee\xda", "Люк"},
		{"Arabic", "ISO_IR 127", "\xe2\xc8\xc7\xe6\xea", "قباني"},
		{"Greek", "ISO_IR 126", "\xc4\xe9\xef", "Διο"},
		{"Hebrew", "ISO_IR 138", "\xf9\xf8\xe5\xef", "שרון"},
		{"Thai", "ISO_IR 166", "\xb9\xd2\xc2", "นาย"},
		{"katakana", "ISO_IR 13", "\xd4\xcf\xc0\xde^\xc0\xdb\xb3", "ﾔﾏﾀﾞ^ﾀﾛｳ"},
		{"Unicode, J.3.1", "ISO_IR 192", "Wang^XiaoDong=王^小東=", "Wang^XiaoDong=王^小東="},
		{"GB18030, J.3.2", "GB18030", "Wang^XiaoDong=\xcd\xf5^\xd0\xa1\xb6\xab=", "Wang^XiaoDong=王^小东="},
		{"GB18030 of four bytes", "GB18030", "\x81\x39\xee\x39^\x95\x5c", "㐀^昞"},
		{"GBK", "GBK", "\xcd\xf5^\x95\x5c", "王^昞"},
		{"Japanese, H.3.1", "\\ISO 2022 IR 87",
			"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B=\x1b$B$d$^$@\x1b(B^\x1b$B$?$m$&\x1b(B", "Yamada^Tarou=山田^太郎=やまだ^たろう"},
		{"Japanese, H.3.2", "ISO 2022 IR 13\\ISO 2022 IR 87",
			"\xd4\xcf\xc0\xde^\xc0\xdb\xb3=\x1b$B;3ED\x1b(J^\x1b$BB@O:\x1b(J=\x1b$B$d$^$@\x1b(J^\x1b$B$?$m$&\x1b(J", "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう"},
		{"JIS X 0212", "\\ISO 2022 IR 159", "A=\x1b$(D0!\x1b(B", "A=丂"},
		{"Korean, I.2", "\\ISO 2022 IR 149",
			"Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7=\x1b$)C\xc8\xab^\x1b$)C\xb1\xe6\xb5\xbf", "Hong^Gildong=洪^吉洞=홍^길동"},
		{"Korean, no escape after ^", "\\ISO 2022 IR 149", "\x1b$)C\xfb\xf3^\xd1\xce\xd4\xd7", "洪^吉洞"},
		{"Chinese, K.2", "\\ISO 2022 IR 58", "Zhang^XiaoDong=\x1b$)A\xd5\xc5^\x1b$)A\xd0\xa1\xb6\xab=", "Zhang^XiaoDong=张^小东="},
		{"two alphabets", "ISO 2022 IR 100\\ISO 2022 IR 144", "J\xe9r\xf4me=\x1b-L\xbb\xee\xda^\xe9", "Jérôme=Люк^é"},
		{"misspelt term", "ISO-IR 100", "J\xe9r\xf4me", "Jérôme"},
		{"UTF-8 declared, Latin 1 sent", "ISO_IR 192", "J\xe9r\xf4me", "Jérôme"},
		{"unknown term, UTF-8 sent", "X-KLINGON", "Jérôme", "Jérôme"},
		{"unknown term, Latin 1 sent", "X-KLINGON", "J\xe9r\xf4me", "Jérôme"},
		{"unknown escape", "\\ISO 2022 IR 87", "A\x1b(ZB", "A(ZB"},
		{"escape at the end", "\\ISO 2022 IR 87", "A\x1b", "A"},
		{"half a character", "\\ISO 2022 IR 87", "A=\x1b$B;", "A=;"},
	} {
		t.Run(c.name, func(t *testing.T) {
			body := elem(explicitLE, SpecificCharacterSet, CS, c.set) + elem(explicitLE, PatientName, PN, c.value)
			obj, err := scanString(part10(t, ExplicitVRLittleEndian, body))
			if err != nil {
				t.Fatal(err)
			}
			if got := obj.String(PatientName); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// TestDecodeBeforeSplit: trail bytes that look like a backslash belong to their
// character.
func TestDecodeBeforeSplit(t *testing.T) {
	for _, c := range []struct{ set, value, want string }{
		{"GB18030", "\x95\x5c\\\x95\x5c\x95\x5c", `["昞" "昞昞"]`},
		{"GBK", "\x95\x5c\\B", `["昞" "B"]`},
		{"\\ISO 2022 IR 87", "\x1b$B;\\\x1b(B\\B", `["施" "B"]`},
	} {
		body := elem(explicitLE, SpecificCharacterSet, CS, c.set) + elem(explicitLE, SeriesDescription, LO, c.value)
		obj, err := scanString(part10(t, ExplicitVRLittleEndian, body))
		if err != nil {
			t.Fatal(err)
		}
		if got := obj.Strings(SeriesDescription); len(got) != 2 || fmt.Sprintf("%q", got) != c.want {
			t.Errorf("%s: %q, want %s", c.set, got, c.want)
		}
	}
}

// TestISO2022Resets: PS3.5 6.1.2.5.3, a new line and a new value begin in the
// set of value 1; ^ and = do so only in names.
func TestISO2022Resets(t *testing.T) {
	set := elem(explicitLE, SpecificCharacterSet, CS, "ISO 2022 IR 100\\ISO 2022 IR 144")
	value := "\x1b-L\xbb\xee\r\n\xe9^\x1b-L\xbb^\xbb"
	obj, err := scanString(part10(t, ExplicitVRLittleEndian,
		set+elem(explicitLE, PatientName, PN, value)+elem(explicitLE, ImageComments, LT, value)))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := obj.String(PatientName), "Лю\r\né^Л^»"; got != want {
		t.Errorf("name %q, want %q", got, want)
	}
	if got, want := obj.String(ImageComments), "Лю\r\né^Л^Л"; got != want {
		t.Errorf("text %q, want %q", got, want)
	}
}

// TestItemCharacterSet: an item may have its own SpecificCharacterSet; without,
// that of the data set around it holds.
func TestItemCharacterSet(t *testing.T) {
	e := explicitLE
	item := func(s string) string { return elem(e, Item, 0, s) }
	body := elem(e, SpecificCharacterSet, CS, "ISO_IR 144") +
		elem(e, RequestAttributesSequence, SQ,
			item(elem(e, RequestedProcedureDescription, LO, "\xbb\xee\xda"))+
				item(elem(e, SpecificCharacterSet, CS, "ISO_IR 126")+elem(e, RequestedProcedureDescription, LO, "\xc4\xe9\xef")+
					elem(e, RequestedProcedureCodeSequence, SQ, item(elem(e, CodeMeaning, LO, "\xc4")))))
	obj, err := scanString(part10(t, ExplicitVRLittleEndian, body))
	if err != nil {
		t.Fatal(err)
	}
	items := obj.Items(RequestAttributesSequence)
	if len(items) != 2 {
		t.Fatalf("%d items", len(items))
	}
	got := []string{items[0].String(RequestedProcedureDescription), items[1].String(RequestedProcedureDescription),
		items[1].Item(RequestedProcedureCodeSequence).String(CodeMeaning)}
	if strings.Join(got, " ") != "Люк Διο Δ" {
		t.Errorf("got %q", got)
	}
}
