package hl7

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// reports parses a message and reads its reports with the mapping.
func reports(t *testing.T, mapping Mapping, text string) []Report {
	t.Helper()
	found, err := Reports(parse(t, text), mapping)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// show writes blocks as section[first OBX]text, with | for a line break.
func show(blocks []Block) string {
	var parts []string
	for _, b := range blocks {
		parts = append(parts, fmt.Sprintf("%s[%d]%s", b.Section, b.OBX, strings.ReplaceAll(b.Text, "\n", "|")))
	}
	return strings.Join(parts, " ")
}

// TestText has the shapes of report text that senders use.
func TestText(t *testing.T) {
	pdf := base64.StdEncoding.EncodeToString([]byte("%PDF-1.7"))
	cda := base64.StdEncoding.EncodeToString([]byte(`<?xml version="1.0"?><ClinicalDocument><component><structuredBody>` +
		`<component><section><code code="59776-5"/><title>Befund</title><text><paragraph>Clear  lungs.</paragraph><list><item>No effusion</item></list></text></section></component>` +
		`<component><section><title>Impression</title><text>Normal<br/>study</text></section></component></structuredBody></component></ClinicalDocument>`))
	for name, c := range map[string]struct {
		segments []string
		want     string
	}{
		"lines by suffix": {[]string{
			"OBX|1|TX|&GDT||FINDINGS:", "OBX|2|TX|&GDT||Clear lungs.", "OBX|3|TX|&GDT||", "OBX|4|TX|&IMP||Normal.", "OBX|5|TX|&ADT||Late remark."},
			"findings[1]FINDINGS:|Clear lungs. impression[4]Normal. addendum[5]Late remark."},
		"interleaved": {[]string{"OBX|1|TX|&GDT||a", "OBX|2|TX|&IMP||b", "OBX|3|TX|&GDT||c"},
			"findings[1]a impression[2]b findings[3]c"},
		"suffix on a procedure code": {[]string{"OBX|1|CWE|71020&IMP^CHEST|1|^No acute disease.^||||||F", "OBX|2|CE|71020&GDT||X1^Lungs clear"},
			"impression[1]No acute disease. findings[2]Lungs clear"},
		"FT":                 {[]string{`OBX|1|FT|59776-5^Findings^LN||one\.br\two\.br\\.br\three`}, "findings[1]one|two||three"},
		"repetitions":        {[]string{"OBX|1|TX|19005-8^^LN||one~two~~three~"}, "impression[1]one|two||three"},
		"raw line breaks":    {[]string{"OBX|1|TX|19005-8||one\ntwo"}, "impression[1]one|two"},
		"hexadecimal breaks": {[]string{`OBX|1|ST|18782-3||one\X0D0A\two\X0D\three`}, "findings[1]one|two|three"},
		"blank first lines":  {[]string{"OBX|1|TX|||", "OBX|2|TX||| ", "OBX|3|TX|||text"}, "[3]text"},
		"blank of any name":  {[]string{"OBX|1|TX|&GDT||a", "OBX|2|TX|X||", "OBX|3|TX|&GDT||b"}, "findings[1]a||b"},
		"named in words": {[]string{"OBX|1|TX|1^Technique||t", "OBX|2|TX|2^Radiology Findings||f", "OBX|3|TX|3^CONCLUSION||c", "OBX|4|TX|4^Addendum 1||a"},
			"technique[1]t findings[2]f impression[3]c addendum[4]a"},
		"named in Chinese": {[]string{"OBX|1|FT|T^检查方法||t", "OBX|2|FT|H^临床诊断||h", "OBX|3|FT|F^影像所见||f", "OBX|4|FT|D^诊断意见||d", "OBX|5|FT|A^补充报告||a"},
			"technique[1]t history[2]h findings[3]f impression[4]d addendum[5]a"},
		"names for the whole": {[]string{"OBX|1|TX|1^Findings and Impression||a", "OBX|2|TX|2^影像诊断报告||b", "OBX|3|TX|3^检查所见及诊断意见||c"},
			"[1]a [2]b [3]c"},
		"no name, no type":       {[]string{"OBX|1||||text one", "OBX|2||||text two"}, "[1]text one|text two"},
		"unnamed apart by OBX-3": {[]string{"OBX|1|TX|A^Liver||one", "OBX|2|TX|B^Kidney||two"}, "[1]one [2]two"},
		"escapes":                {[]string{`OBX|1|TX|&IMP||3 \T\ 4 \H\big\N\ 5\S\2`}, "impression[1]3 & 4 big 5^2"},
		"stray delimiters":       {[]string{"OBX|1|TX|&IMP||a^b & c"}, "impression[1]a^b & c"},
		"numbers are no text":    {[]string{"OBX|1|NM|W^Weight||70", "OBX|2|ST|H^Height||1.80", "OBX|3|SN|X||>^90", "OBX|4|CE|Y||A^coded"}, ""},
		"UIDs are no text": {[]string{"OBX|1|ST|113014^DICOM Study^DCM||1.2.3.4", "OBX|2|ST|^SR Instance UID||1.2.3.5", "OBX|3|HD|^Study Instance UID||1.2.3.4", "OBX|4|ST|X||1.2.840.1.1", "OBX|5|TX|||text"},
			"[5]text"},
		"states part blocks":       {[]string{"OBX|1|TX|&GDT||a||||||F", "OBX|2|TX|&GDT||b||||||C"}, "findings[1]a findings[2]b"},
		"deleted lines":            {[]string{"OBX|1|TX|&GDT||a||||||F", "OBX|2|TX|&GDT||wrong||||||D", "OBX|3|TX|&GDT||b||||||F"}, "findings[1]a|b"},
		"set IDs that restart":     {[]string{"OBX|1|TX|&GDT||a", "OBX|1|TX|&IMP||b", "OBX||TX|&ADT||c"}, "findings[1]a impression[2]b addendum[3]c"},
		"notes":                    {[]string{"NTE|1||one", `NTE|2||two\.br\three`}, "[1]one|two|three"},
		"notes beside text":        {[]string{"OBX|1|TX|&IMP||a", "NTE|1||called the ward"}, "impression[1]a"},
		"notes on a number":        {[]string{"OBX|1|NM|X||7", "NTE|1||method A"}, ""},
		"notes after empty text":   {[]string{"OBX|1|TX|R||", "NTE|1||report"}, "[1]report"},
		"encapsulated text":        {[]string{"OBX|1|ED|&IMP||^text^plain^A^No fracture."}, "impression[1]No fracture."},
		"encapsulated Base64 text": {[]string{"OBX|1|ED|&IMP||^TEXT^PLAIN^Base64^" + base64.StdEncoding.EncodeToString([]byte("無骨折\r\n二"))}, "impression[1]無骨折|二"},
		"encapsulated hexadecimal": {[]string{"OBX|1|ED|&IMP||^text^plain^Hex^4E6F726D616C"}, "impression[1]Normal"},
		"not hexadecimal":          {[]string{"OBX|1|ED|&IMP||^text^plain^Hex^4E6"}, "! OBX 1: a document of type text/plain is not in hexadecimal"},
		"encapsulated, too long":   {[]string{"OBX|1|ED|&IMP||^text^plain^A^" + strings.Repeat("a", maxDocument+1)}, "! OBX 1: a document of type text/plain is 4194305 bytes long"},
		"encapsulated CDA":         {[]string{"OBX|1|ED|D||^text^xml^Base64^" + cda}, "findings[1]Clear lungs.|No effusion impression[1]Normal|study"},
		"PDF":                      {[]string{"OBX|1|ED|D||^Application^PDF^Base64^" + pdf}, "! OBX 1: a document of type application/pdf is not read"},
		"bad Base64":               {[]string{"OBX|1|ED|D||^text^plain^Base64^###"}, "! OBX 1: a document of type text/plain is not in Base64"},
		"CDA cut off":              {[]string{"OBX|1|ED|D||^text^xml^A^<ClinicalDocument><section>"}, "! OBX 1: a document of type text/xml has no section text"},
		"a picture":                {[]string{"OBX|1|ED|D||^IM^JPEG^Base64^AAAA"}, ""},
		"RTF in FT":                {[]string{`OBX|1|FT|&IMP||{\E\rtf1\E\ansi No fracture.}`}, "! OBX 1: the text is RTF"},
		"PDF in TX":                {[]string{"OBX|1|TX|&IMP||JVBERi0xLjcK", "OBX|2|TX|&GDT||<HTML>x"}, "! OBX 1: the text is PDF, which is not read; send it as plain text ! OBX 2: the text is HTML"},
		"a piece of HTML":          {[]string{`OBX|1|FT|&IMP||<p>Right <b>lung</b> clear.</p>`}, "! OBX 1: the text is HTML"},
		"less than a tag":          {[]string{"OBX|1|FT|&IMP||<5 mm nodule"}, "impression[1]<5 mm nodule"},
		"text and PDF":             {[]string{"OBX|1|TX|&IMP||a", "OBX|2|ED|D||^AP^PDF^Base64^" + pdf}, "impression[1]a ! OBX 2: a document of type ap/pdf is not read"},
	} {
		got := ""
		if found := reports(t, Mapping{}, msg(append([]string{"PID|1", "OBR|1||F1"}, c.segments...)...)); len(found) > 0 {
			got = show(found[0].Blocks)
			for _, why := range found[0].NotChecked {
				got = strings.TrimSpace(got + " ! " + why)
			}
		}
		if got != c.want && !(strings.Contains(c.want, "!") && strings.HasPrefix(got, c.want)) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestLocator(t *testing.T) {
	r := reports(t, Mapping{}, msg("OBR|2||F1", `OBX|3|FT|&GDT||左肺清。\.br\右肺 clear.`, "OBX|4|TX|&GDT||", "OBX|7|TX|&GDT||心影不大。"))[0]
	b := &r.Blocks[0]
	if b.Text != "左肺清。\n右肺 clear.\n\n心影不大。" || !slices.Equal(b.Lines, []Line{{0, 3}, {13, 3}, {27, 4}, {28, 7}}) {
		t.Fatalf("%q %v", b.Text, b.Lines)
	}
	for part, want := range map[string]string{
		"左肺清。":                 "MSH-10=ID1;OBR=2;OBX=3;chars=0-4",
		"右肺 clear.":            "MSH-10=ID1;OBR=2;OBX=3;chars=5-14",
		"心影不大":                 "MSH-10=ID1;OBR=2;OBX=7;chars=0-4",
		"clear.\n\n心影":         "MSH-10=ID1;OBR=2;OBX=3-7;chars=8-2",
		b.Text:                 "MSH-10=ID1;OBR=2;OBX=3-7;chars=0-5",
		b.Text[len(b.Text)-3:]: "MSH-10=ID1;OBR=2;OBX=7;chars=4-5",
	} {
		start := strings.LastIndex(b.Text, part)
		if got := r.Locator(b, start, start+len(part)); got != want {
			t.Errorf("%q is at %s, want %s", part, got, want)
		}
	}
	if got := r.Locator(b, -5, 9999); got != "MSH-10=ID1;OBR=2;OBX=3-7;chars=0-5" {
		t.Errorf("out of range: %s", got)
	}
}

func TestFacts(t *testing.T) {
	const obr = "OBR|1|PL1^RIS|FI1^RISX|CTCH^CT Chest^L|||202601020304|||||||||||%s|RP1|%s||||CT|F|||||||7&Li&Wei|8^Zhao^Min"
	pid := "PID|1||123^^^CARD^PI~00456^^^HOSP&1.2.3&ISO^MR~99^^^GOV^SS||DOE&VAN^JANE^Q^JR^DR||19610203120000|f"
	text := "OBX|9|TX|&IMP||x||||||F|||||9^Observer"
	for name, c := range map[string]struct {
		mapping  Mapping
		segments []string
		want     func(Report) any
		value    any
	}{
		"accession OBR-18":        {Mapping{}, []string{fmt.Sprintf(obr, "A1^NS", "")}, func(r Report) any { return r.Accession + r.AccessionIssuer }, "A1NS"},
		"a body part in OBR-18":   {Mapping{}, []string{fmt.Sprintf(obr, "CHEST", "")}, func(r Report) any { return r.Accession + " " + r.AccessionIssuer }, "FI1 RISX"},
		"accession by mapping":    {Mapping{Accession: []string{"OBR-20", "OBR-2.1"}}, []string{fmt.Sprintf(obr, "A1", "")}, func(r Report) any { return r.Accession }, "PL1"},
		"accession without digit": {Mapping{}, []string{"OBR|1|||||||||||||||||ABC"}, func(r Report) any { return r.Accession }, "ABC"},
		"accession from ORC":      {Mapping{}, []string{"ORC|RE||F9^X", "OBR|1"}, func(r Report) any { return r.Accession + r.Filler + r.FillerNamespace }, "F9F9X"},
		"accession from IPC":      {Mapping{}, []string{"OBR|1", "IPC|A7^NS|RP|1.2.3.4|S|MR"}, func(r Report) any { return r.Accession + r.RequestedProcedureID + r.Modality + r.StudyUIDs[0] }, "A7RPMR1.2.3.4"},
		"stripped": {Mapping{AccessionStrip: Strip{Prefixes: []string{"XX", "HOSP-"}, Suffixes: []string{"/1"}, LeadingZeros: true}}, []string{fmt.Sprintf(obr, " HOSP-0012/1", "")},
			func(r Report) any { return r.Accession }, "12"},
		"stripped to nothing": {Mapping{AccessionStrip: Strip{LeadingZeros: true}}, []string{fmt.Sprintf(obr, "000", "")}, func(r Report) any { return r.Accession }, "000"},
		"study UIDs": {Mapping{}, []string{"OBR|1||F1", "OBX|1|ST|113014^DICOM Study^DCM||1.2.3.1", "OBX|2|HD|110180^^DCM||^1.2.3.2^ISO", "OBX|3|ST|^study instance uid||1.2.3.1", "OBX|4|HD|113014||not a uid", "ZDS|1.2.3.3^X^Application^DICOM"},
			func(r Report) any { return strings.Join(r.StudyUIDs, " ") }, "1.2.3.1 1.2.3.2 1.2.3.3"},
		"order": {Mapping{}, []string{fmt.Sprintf(obr, "A1", "")}, func(r Report) any {
			return r.Order.Placer + r.PlacerNamespace + r.Filler + r.FillerNamespace + r.RequestedProcedureID + r.Modality + r.Procedure.Text
		}, "PL1RISFI1RISXRP1CTCT Chest"},
		"interpreter":        {Mapping{}, []string{fmt.Sprintf(obr, "A1", "")}, func(r Report) any { return r.Author }, Person{"7", "Li^Wei"}},
		"observer":           {Mapping{}, []string{"OBR|1||F1"}, func(r Report) any { return r.Author }, Person{"9", "Observer"}},
		"referrer":           {Mapping{}, []string{"OBR|1||F1|||||||||||||5^Ord^Er"}, func(r Report) any { return r.ReferringPhysician }, Person{"5", "Ord^Er"}},
		"patient by type":    {Mapping{}, []string{"OBR|1||F1"}, func(r Report) any { return r.Patient.ID + "@" + r.Patient.Issuer }, "00456@HOSP"},
		"by authority":       {Mapping{PatientAuthorities: []string{"NONE", "card"}}, []string{"OBR|1||F1"}, func(r Report) any { return r.Patient.ID }, "123"},
		"by universal ID":    {Mapping{PatientAuthorities: []string{"1.2.3"}, PatientIDStrip: Strip{LeadingZeros: true}}, []string{"OBR|1||F1"}, func(r Report) any { return r.Patient.ID }, "456"},
		"authority not sent": {Mapping{PatientAuthorities: []string{"NONE"}}, []string{"OBR|1||F1"}, func(r Report) any { return r.Patient.ID + fmt.Sprint(len(r.Patient.IDs)) }, "3"},
		"type by mapping":    {Mapping{PatientIDTypes: []string{"SS"}}, []string{"OBR|1||F1"}, func(r Report) any { return r.Patient.ID }, "99"},
		"name and the rest":  {Mapping{}, []string{"OBR|1||F1"}, func(r Report) any { return r.Patient.Name + " " + r.Patient.BirthDate + r.Patient.Sex }, "DOE^JANE^Q^DR^JR 19610203F"},
		"as sent":            {Mapping{}, []string{"OBR|1||F1"}, func(r Report) any { return r.Patient.Segment }, pid},
		"header": {Mapping{}, []string{"OBR|1||F1"}, func(r Report) any {
			return r.ControlID + r.Event + r.SendingApplication + r.SendingFacility + FormatTime(r.MessageTime)[:14]
		}, "ID1R01RISHOSP20260102030405"},
		"section by mapping": {Mapping{Sections: map[string]string{"imp": SectionFindings}}, []string{"OBR|1||F1"}, func(r Report) any { return r.Blocks[0].Section }, SectionFindings},
	} {
		found := reports(t, c.mapping, msg(append(append([]string{pid}, c.segments...), text)...))
		if len(found) != 1 {
			t.Errorf("%s: %d reports", name, len(found))
		} else if got := c.want(found[0]); got != c.value {
			t.Errorf("%s: %q, want %q", name, got, c.value)
		}
	}
}

func TestPatientIsNotGuessed(t *testing.T) {
	for pid, want := range map[string]string{
		"PID|1||A~B": "", "PID|1||A^^^X^SS~B^^^Y^AN": "", "PID|1||A": "A", "PID|1||A^^^X^AN": "A", "PID|1|E1": "E1", "PID|1": "", `PID|1||""~B^^^Y^MR`: "B",
	} {
		if got := reports(t, Mapping{}, msg(pid, "OBR|1||F1", "OBX|1|TX|||x"))[0].Patient.ID; got != want {
			t.Errorf("%s: %q, want %q", pid, got, want)
		}
	}
}

func TestGroups(t *testing.T) {
	text := func(n int, s string) string { return fmt.Sprintf("OBX|%d|TX|&IMP||%s||||||F", n, s) }
	for name, c := range map[string]struct {
		segments []string
		want     string // per report: patient, filler, further fillers, status, blocks
	}{
		"two orders":                   {[]string{"PID|1||P", "ORC|RE", "OBR|1||F1", text(1, "a"), "ORC|RE", "OBR|2||F2", text(1, "b")}, "P F1 [] F impression[1]a; P F2 [] F impression[1]b"},
		"no ORC":                       {[]string{"PID|1||P", "OBR|1||F1", text(1, "a"), "OBR|2||F2", text(1, "b")}, "P F1 [] F impression[1]a; P F2 [] F impression[1]b"},
		"one text for two":             {[]string{"PID|1||P", "OBR|1||F1", text(1, "a"), "OBR|2||F2", text(1, "a")}, "P F1 [F2] F impression[1]a"},
		"text under the first":         {[]string{"PID|1||P", "OBR|1||F1", text(1, "a"), "OBR|2||F2||||||||||||||||||||||F", "OBR|3||F3"}, "P F1 [F2] F impression[1]a"},
		"no result of another patient": {[]string{"PID|1||P", "OBR|1||F1", text(1, "a"), "PID|2||Q", "OBR|2||F2||||||||||||||||||||||F"}, "P F1 [] F impression[1]a"},
		"two patients":                 {[]string{"PID|1||P", "OBR|1||F1", text(1, "a"), "PID|2||Q", "OBR|2||F2", text(1, "a")}, "P F1 [] F impression[1]a; Q F2 [] F impression[1]a"},
		"no text":                      {[]string{"PID|1||P", "OBR|1||F1"}, ""},
		"no order":                     {[]string{"PID|1||P", text(1, "a")}, ""},
		"words for states":             {[]string{"OBR|1||F1||||||||||||||||||||||Wet Read", text(1, "a")}, " F1 [] P impression[1]a"},
		"unknown word":                 {[]string{"OBR|1||F1||||||||||||||||||||||whatever", text(1, "a")}, " F1 [] F impression[1]a"},
		"state of the parts":           {[]string{"OBR|1||F1", text(1, "a"), "OBX|2|TX|&IMP||b||||||P"}, " F1 [] P impression[1]a impression[2]b"},
		"withdrawn by OBR":             {[]string{"OBR|1||F1||||||||||||||||||||||X"}, " F1 [] X "},
		"withdrawn line by line":       {[]string{"OBR|1||F1", "OBX|1|TX|&IMP||a||||||D", "OBX|2|TX|&IMP||b||||||D"}, " F1 [] D "},
		"withdrawn as wrong":           {[]string{"OBR|1||F1", "OBX|1|TX|&IMP||a||||||W"}, " F1 [] W "},
		"status only":                  {[]string{"OBR|1||F1", "OBX|1|TX|&IMP||||||||U"}, " F1 [] U "},
	} {
		var parts []string
		for _, r := range reports(t, Mapping{}, msg(c.segments...)) {
			var further []string
			for _, o := range r.Further {
				further = append(further, o.Filler)
			}
			parts = append(parts, fmt.Sprintf("%s %s %v %s %s", r.Patient.ID, r.Filler, further, r.Status, show(r.Blocks)))
		}
		if got := strings.Join(parts, "; "); got != c.want {
			t.Errorf("%s:\n got %q\nwant %q", name, got, c.want)
		}
	}
}

func TestDocuments(t *testing.T) {
	for name, c := range map[string]struct {
		event, txa string
		segments   []string
		want       string // filler, status, document, parent, author, blocks
	}{
		"new":             {"T02", "TXA|1|DI|TX|202601020304|5^Act||202601||||7^Ori^G|D1|D0|PL|FI^X||AU||AV", []string{"OBX|1|TX|&IMP||a"}, "FI F D1 D0 Act impression[1]a"},
		"in progress":     {"T02", "TXA|1|||||||||||D1|||||IP", []string{"OBX|1|TX|||a"}, " P D1   [1]a"},
		"addendum":        {"T06", "TXA|1|||||||||||D2|D1||||LA", []string{"OBX|1|TX|||a"}, " F D2 D1  addendum[1]a"},
		"edited":          {"T08", "TXA|1|||||||||||D1|||||AU", []string{"OBX|1|TX|||a"}, " C D1   [1]a"},
		"replaced":        {"T10", "TXA|1|||||||||||D2|D1||||AU", []string{"OBX|1|TX|||a"}, " C D2 D1  [1]a"},
		"cancelled":       {"T11", "TXA|1|||||||||||D1", nil, " X D1   "},
		"not available":   {"T04", "TXA|1|||||||||||D1|||||AU||CA", nil, " D D1   "},
		"notice only":     {"T01", "TXA|1|||||||||||D1|||||AU", nil, ""},
		"text after OBR":  {"T02", "TXA|1|||||||||||D1|||||AU", []string{"OBX|1|FT|||a"}, " F D1   [1]a"},
		"text in notes":   {"T02", "TXA|1|||||||||||D1|||||AU", []string{"NTE|1||a"}, " F D1   [1]a"},
		"PDF only":        {"T02", "TXA|1|||||||||||D1|||||AU", []string{"OBX|1|ED|||^AP^PDF^Base64^AA"}, " F D1   "},
		"status by words": {"T02", "TXA|1|||||||||||D1|||||Final", []string{"OBX|1|TX|||a"}, " F D1   [1]a"},
	} {
		text := strings.Replace(msg(append([]string{"EVN|" + c.event, "PID|1||P", c.txa}, c.segments...)...), "ORU^R01", "MDM^"+c.event, 1)
		got := ""
		for _, r := range reports(t, Mapping{}, text) {
			got = fmt.Sprintf("%s %s %s %s %s %s", r.Filler, r.Status, r.DocumentID, r.ParentDocumentID, r.Author.Name, show(r.Blocks))
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	orders := strings.Replace(msg("PID|1||P", "ORC|RE", "OBR|1|P1|F1|||||||||||||||A1", "OBR|2|P2|F2|||||||||||||||A2", "TXA|1|||||||||||D1|||||AU", "OBX|1|TX|||a"), "ORU^R01", "MDM^T02", 1)
	if r := reports(t, Mapping{}, orders)[0]; r.Accession != "A1" || len(r.Further) != 1 || r.Further[0].Accession != "A2" || r.OBR != 1 {
		t.Errorf("%+v", r.Order)
	}
}

func TestOtherMessagesHaveNoReports(t *testing.T) {
	for _, kind := range []string{"ORM^O01", "ADT^A08", "ACK", "ORR^O02"} {
		if found := reports(t, Mapping{}, strings.Replace(msg("OBR|1||F1", "OBX|1|TX|||x"), "ORU^R01", kind, 1)); len(found) != 0 {
			t.Errorf("%s: %d reports", kind, len(found))
		}
	}
}

func TestMappingRefuses(t *testing.T) {
	for want, mapping := range map[string]Mapping{
		"mapping accession":               {Accession: []string{"OBR-18", "OBR18"}},
		"mapping study_uid":               {StudyUID: []string{"ZDS"}},
		"use one of findings, impression": {Sections: map[string]string{"x": "summary"}},
	} {
		if err := mapping.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
		if _, err := Reports(parse(t, msg("OBR|1")), mapping); err == nil {
			t.Errorf("%s: Reports took it", want)
		}
	}
	if err := (Mapping{}).Validate(); err != nil {
		t.Error(err)
	}
}

// TestForeignDelimiters sends a patient in other delimiters back in the standard ones.
func TestForeignDelimiters(t *testing.T) {
	m := parse(t, "MSH#*!?%#A#B#C#D#2026##ORU*R01#9#P#2.3\rPID#1##7***Q%1.2%ISO*MR##DOE*J?T?|^K\rOBR#1##F1\rOBX#1#TX#%IMP##a|b\r")
	found, err := Reports(m, Mapping{})
	if err != nil || len(found) != 1 {
		t.Fatal(found, err)
	}
	if r := found[0]; r.Patient.Segment != `PID|1||7^^^Q&1.2&ISO^MR||DOE^J\T\\F\\S\K` || show(r.Blocks) != "impression[1]a|b" {
		t.Errorf("%q %s", r.Patient.Segment, show(r.Blocks))
	}
}
