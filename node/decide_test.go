package node_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"concord/dicom/sr"
	"concord/hl7"
	"concord/node"
)

func TestPersonChoosesAmongStudies(t *testing.T) {
	h := newHarness(t, nil)
	h.store(chest(study1, "A1"))
	h.store(chest(study2, "A1"))
	h.wait(node.WaitingReport, node.WaitingReport)
	h.send(message{control: "M1", filler: "F1", accession: "A1", patient: "P1", status: "F", text: "Normal heart."})
	c := h.wait(node.WaitingReport, node.WaitingReport, node.Ambiguous)[2]
	if len(c.Candidates) != 2 || c.Candidates[0].Weak || c.Reason == "" {
		t.Fatalf("candidates %+v, reason %q", c.Candidates, c.Reason)
	}
	late := chest(study1, "A1")
	late.uid = study1 + ".1.9"
	h.store(late) // more images of a contender decide nothing
	if err := h.node.ChooseStudy(t.Context(), c.ID, "2.25.404", ""); !errors.As(err, new(*node.NotFoundError)) {
		t.Errorf("a study that is not there was chosen: %v", err)
	}
	if err := h.node.ChooseStudy(t.Context(), c.ID, study2, ""); err != nil {
		t.Fatal(err)
	}
	cases := h.wait(node.WaitingReport, node.Superseded, node.Done)
	if done := cases[2]; done.StudyUID != study2 {
		t.Errorf("joined to %s, want the chosen %s", done.StudyUID, study2)
	}
	if waited := cases[1]; waited.StudyUID != study2 || waited.Reason != fmt.Sprintf("its report is in case %d", c.ID) {
		t.Errorf("the case in which the chosen study waited says %q", waited.Reason)
	}
	if err := h.node.ChooseStudy(t.Context(), c.ID, study1, ""); !errors.As(err, new(*node.InputError)) {
		t.Errorf("a finished case was joined anew: %v", err)
	}
}

// Patient and day alone never join, and do not keep the right study away.
func TestWeakKeysOnlySuggest(t *testing.T) {
	h := newHarness(t, nil)
	h.store(chest(study1, ""))
	h.wait(node.WaitingReport)
	h.send(message{control: "M1", filler: "F1", accession: "A7", patient: "P1", status: "F", text: "Normal heart."})
	c := h.wait(node.WaitingReport, node.Ambiguous)[1]
	if len(c.Candidates) != 1 || !c.Candidates[0].Weak || c.Candidates[0].StudyUID != study1 {
		t.Fatalf("candidates %+v, want the weak %s", c.Candidates, study1)
	}
	h.store(chest(study2, "A7"))
	if done := h.wait(node.WaitingReport, node.Done)[1]; done.StudyUID != study2 || len(done.Candidates) != 0 {
		t.Errorf("joined to %s with candidates %v, want the study with the accession number", done.StudyUID, done.Candidates)
	}
}

func TestOrderLendsTheReportItsKeys(t *testing.T) {
	h := newHarness(t, nil)
	h.store(chest(study1, "A1"))
	h.wait(node.WaitingReport)
	order := "MSH|^~\\&|RIS|HOSP|CONCORD|HOSP|20261124||ORM^O01|O1|P|2.3\rPID|1||P1\rORC|NW|PL9|FI9\r" +
		"OBR|1|PL9|FI9|XR^Chest^L||||||||||||||A1\r"
	if ack := h.node.ReceiveMessage(t.Context(), "test", []byte(order)); !bytes.Contains(ack, []byte("MSA|AA|")) {
		t.Fatalf("the order was answered %q", ack)
	}
	h.send(message{control: "M1", filler: "FI9", patient: "P1", status: "F", text: "Normal heart."})
	h.wait(node.Done)
}

func TestMergedPatientIsTheSame(t *testing.T) {
	h := newHarness(t, nil)
	merge := "MSH|^~\\&|ADT|HOSP|CONCORD|HOSP|20261124||ADT^A40|D1|P|2.3.1\rPID|1||P2||DOE^JANE\rMRG|P1\r"
	if ack := h.node.ReceiveMessage(t.Context(), "test", []byte(merge)); !bytes.Contains(ack, []byte("MSA|AA|")) {
		t.Fatalf("the merge was answered %q", ack)
	}
	h.store(chest(study1, "A1")) // still under P1
	h.send(message{control: "M1", filler: "F1", study: study1, patient: "P2", status: "F", text: "Normal heart."})
	if c := h.wait(node.Done)[0]; len(c.Flags) != 0 {
		t.Errorf("a merged patient was flagged: %+v", c.Flags)
	}
}

// A patient whose name an event changed is the same where the images have the
// name from before; a name that no event knew of the ID is another's.
func TestRenamedPatientIsTheSame(t *testing.T) {
	for name, c := range map[string]struct {
		events []string // trigger and name
		flags  int
	}{
		"renamed":            {[]string{"A04", "DOE^JANE", "A08", "ROE^JANE"}, 0},
		"no event":           {nil, 1},
		"never had the name": {[]string{"A04", "POE^JANE", "A08", "ROE^JANE"}, 1},
		"renamed back":       {[]string{"A04", "ROE^JANE", "A08", "DOE^JANE"}, 1},
	} {
		h := newHarness(t, nil)
		for i := 0; i < len(c.events); i += 2 {
			adt := "MSH|^~\\&|ADT|HOSP|CONCORD|HOSP|20261124||ADT^" + c.events[i] + "|D" + c.events[i] + "|P|2.3.1\rPID|1||P1||" + c.events[i+1] + "|||F\r"
			if ack := h.node.ReceiveMessage(t.Context(), "test", []byte(adt)); !bytes.Contains(ack, []byte("MSA|AA|")) {
				t.Fatalf("the event was answered %q", ack)
			}
		}
		h.store(chest(study1, "A1"))
		report := message{control: "M1", filler: "F1", study: study1, patient: "P1", status: "F", text: "Normal heart."}.bytes()
		h.node.ReceiveMessage(t.Context(), "test", bytes.ReplaceAll(report, []byte("DOE^JANE"), []byte("ROE^JANE")))
		if got := h.wait(node.Done)[0]; len(got.Flags) != c.flags {
			t.Errorf("%s: flags %+v", name, got.Flags)
		}
	}
}

func TestAddendumKeepsTheText(t *testing.T) {
	h := newHarness(t, nil)
	h.store(chest(study1, "A1"))
	h.send(message{control: "M1", filler: "F1", study: study1, patient: "P1", status: "F", text: "Normal heart."})
	h.wait(node.Done)
	addendum := bytes.ReplaceAll(message{control: "M2", filler: "F1", study: study1, patient: "P1", status: "C",
		text: "No rib fracture."}.bytes(), []byte("&GDT"), []byte("&ADT"))
	h.node.ReceiveMessage(t.Context(), "test", addendum)
	c := h.wait(node.Superseded, node.Done)[1]
	if len(c.Statements) != 2 || c.Statements[0].Text != "Normal heart." {
		t.Errorf("statements %+v, want the first report's and the addendum's", c.Statements)
	}
}

func TestWithdrawalReachesTheRIS(t *testing.T) {
	h := newHarness(t, nil)
	h.store(chest(study1, "A1"))
	m := message{control: "M1", filler: "F1", study: study1, patient: "P1", status: "F", text: "Normal heart."}
	h.send(m)
	h.wait(node.Done)
	m.control, m.status = "M2", "X"
	h.send(m)
	h.wait(node.Withdrawn)
	for range 300 {
		if orus := h.ris.all(); len(orus) == 2 {
			srs := h.pacs.all()
			taken, err := sr.Decode(srs[len(srs)-1].Payload)
			if err != nil || len(srs) != 2 || taken.Predecessor == nil || taken.Predecessor.SOPInstanceUID != srs[0].UID || len(taken.Groups) > 0 {
				t.Errorf("the PACS has %d documents (%v), want a second one without findings that supersedes the first", len(srs), err)
			}
			if !bytes.Contains(orus[1].Payload, []byte(srs[1].UID)) {
				t.Error("the second ORU does not name the document that takes the first back")
			}
			if !bytes.Contains(orus[1].Payload, []byte("|D\r")) && !bytes.Contains(orus[1].Payload, []byte("|D|")) {
				t.Errorf("the second ORU does not withdraw: %q", orus[1].Payload)
			}
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Error("no withdrawal reached the RIS")
}

// A pause holds whichever node of an index was asked for it.
func TestPauseHoldsAndResumeSends(t *testing.T) {
	h := newHarness(t, nil)
	other := &node.Node{Config: h.node.Config, Index: h.node.Index}
	if err := other.Pause(t.Context(), "pacs"); err != nil {
		t.Fatal(err)
	}
	if err := h.node.Pause(t.Context(), "nobody"); !errors.As(err, new(*node.NotFoundError)) {
		t.Errorf("an unknown destination was paused: %v", err)
	}
	h.store(chest(study1, "A1"))
	h.send(message{control: "M1", filler: "F1", study: study1, patient: "P1", status: "F", text: "Normal heart."})
	h.wait(node.Delivering)
	for len(h.ris.all()) == 0 {
		time.Sleep(time.Millisecond)
	}
	if len(h.pacs.all()) != 0 {
		t.Fatal("a paused destination got a result")
	}
	if err := other.Resume(t.Context(), "pacs"); err != nil {
		t.Fatal(err)
	}
	h.wait(node.Done)
}

func TestDeadLetterIsSentAgain(t *testing.T) {
	h := newHarness(t, nil)
	h.ris.fail = func(try int) error {
		if try == 1 {
			return &node.RefusedError{Detail: "MSA-1 AR", Attempts: 1}
		}
		return nil
	}
	h.store(chest(study1, "A1"))
	h.send(message{control: "M1", filler: "F1", study: study1, patient: "P1", status: "F", text: "Normal heart."})
	c := h.wait(node.Failed)[0]
	for _, d := range c.Deliveries {
		err := h.node.Resend(t.Context(), d.ID, "Dr Li")
		if (d.State == node.DeliveryDead) != (err == nil) {
			t.Errorf("resend of a delivery that is %s: %v", d.State, err)
		}
	}
	h.wait(node.Done)
}

func TestDestinationsChooseWhatTheyGet(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*node.Destination)
		status string
		text   string
		sent   int
	}{
		"flagged, no flag":          {func(d *node.Destination) { d.When = node.Flagged }, "F", "Normal heart.", 0},
		"flagged, a flag":           {func(d *node.Destination) { d.When = node.Flagged }, "F", "The prostate is enlarged.", 1},
		"flagged, severe enough":    {func(d *node.Destination) { d.When, d.MinSeverity = node.Flagged, node.Critical }, "F", "The prostate is enlarged.", 1},
		"preliminary is held":       {func(d *node.Destination) { d.HoldPreliminary = true }, "P", "Normal heart.", 0},
		"preliminary goes out":      {func(*node.Destination) {}, "P", "Normal heart.", 1},
		"final of one that holds P": {func(d *node.Destination) { d.HoldPreliminary = true }, "F", "Normal heart.", 1},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t, func(config *node.Config) { c.change(&config.Destinations[1]) })
			h.store(chest(study1, "A1"))
			h.send(message{control: "M1", filler: "F1", study: study1, patient: "P1", status: c.status, text: c.text})
			h.wait(node.Done)
			if got := len(h.ris.all()); got != c.sent {
				t.Errorf("the RIS got %d results, want %d", got, c.sent)
			}
			if len(h.pacs.all()) != 1 {
				t.Error("the other destination did not get its result")
			}
		})
	}
}

func TestJudgeNowEndsTheQuietTimer(t *testing.T) {
	h := newHarness(t, func(c *node.Config) { c.Quiet = time.Hour })
	h.store(chest(study1, "A1"))
	h.send(message{control: "M1", filler: "F1", study: study1, patient: "P1", status: "F", text: "Normal heart."})
	c := h.wait(node.Settling)[0]
	if err := h.node.JudgeNow(t.Context(), c.ID, "Dr Li"); err != nil {
		t.Fatal(err)
	}
	h.wait(node.Done)
	if err := h.node.JudgeNow(t.Context(), c.ID, "Dr Li"); !errors.As(err, new(*node.InputError)) {
		t.Errorf("a finished case was judged again: %v", err)
	}
}

func TestFeedbackIsKept(t *testing.T) {
	h := newHarness(t, nil)
	h.store(chest(study1, "A1"))
	h.send(message{control: "M1", filler: "F1", study: study1, patient: "P1", status: "F", text: "Normal heart."})
	c := h.wait(node.Done)[0]
	good := node.Feedback{CaseID: c.ID, Statement: 1, Opinion: node.OpinionRight, Author: "R1"}
	if err := h.node.AddFeedback(t.Context(), good); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []node.Feedback{{CaseID: c.ID, Opinion: "perhaps"}, {CaseID: 999, Opinion: node.OpinionRight},
		{CaseID: c.ID, Statement: 7, Opinion: node.OpinionRight}, {CaseID: c.ID, Statement: -1, Opinion: node.OpinionRight}} {
		if h.node.AddFeedback(t.Context(), bad) == nil {
			t.Errorf("accepted %+v", bad)
		}
	}
}

// DICOM cuts an accession number at 16 characters, and a site may add a prefix
// on one side only.
func TestAccessionNumbersThatDiffer(t *testing.T) {
	for name, c := range map[string]struct{ images, message string }{
		"cut at 16":          {"2026112400001234", "20261124000012345678"},
		"prefix of the PACS": {"HOSP-A77", "A77"},
		"prefix of the RIS":  {"A77", "HOSP-A77"},
	} {
		for _, reportFirst := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				h := newHarness(t, func(config *node.Config) {
					config.Mapping.AccessionStrip = hl7.Strip{Prefixes: []string{"HOSP-"}}
				})
				m := message{control: "M1", filler: "F1", accession: c.message, patient: "P1", status: "F", text: "Normal heart."}
				if reportFirst {
					h.send(m)
					h.wait(node.WaitingImages)
					h.store(chest(study1, c.images))
				} else {
					h.store(chest(study1, c.images))
					h.wait(node.WaitingReport)
					h.send(m)
				}
				if got := h.wait(node.Done)[0]; len(got.Flags) != 0 {
					t.Errorf("flagged: %+v", got.Flags)
				}
			})
		}
	}
}

func TestTextOfAnotherPatientIsFlagged(t *testing.T) {
	h := newHarness(t, nil)
	text := "Nodule of 8 mm in the right upper lobe. Small left pleural effusion. Cardiomegaly."
	for i, patient := range []string{"P1", "P1", "P2"} {
		image := chest(fmt.Sprintf("2.25.70%d", i), "")
		image.patient = patient
		h.store(image)
		h.send(message{control: fmt.Sprint("M", i), filler: fmt.Sprint("F", i), study: image.study, patient: patient, status: "F", text: text})
		states := []node.State{node.Done, node.Done, node.Done}[:i+1]
		flags := h.wait(states...)[i].Flags
		if copied := slices.ContainsFunc(flags, func(f node.Flag) bool { return f.Rule == "DUP-001" }); copied != (patient == "P2") {
			t.Errorf("report %d of %s: flags %+v", i, patient, flags)
		}
	}
}

// A radiologist's opinion may come back by HL7, under the order number that the
// result had.
func TestFeedbackByHL7(t *testing.T) {
	h := newHarness(t, nil)
	h.store(chest(study1, "A1"))
	h.wait(node.WaitingReport)
	h.send(message{control: "M1", filler: "F1", study: study1, patient: "P1", status: "F", text: "Normal heart. The prostate is enlarged."})
	c := h.wait(node.Done)[0]
	rule := len(c.Statements) + 1 // the first flag's group
	opinion := fmt.Sprintf("MSH|^~\\&|RIS|HOSP|CONCORD|HOSP|2026||ORU^R01|FB1|P|2.5.1\rPID|1||P1\rOBR|1||F1.CC^CONCORD|CCCHK^^99CONCORD\r"+
		"OBX|1|CWE|CC005^Feedback^99CONCORD|1|right||||||F|||||7^Reader\rOBX|2|CWE|CC005^Feedback^99CONCORD|%d|wrong||||||F|||||7^Reader\r", rule)
	if ack := h.node.ReceiveMessage(t.Context(), "test", []byte(opinion)); !bytes.Contains(ack, []byte("MSA|AA|")) {
		t.Fatalf("answered %q", ack)
	}
	var said []node.Feedback
	for range 300 {
		err := h.node.Index.View(t.Context(), func(tx node.Tx) (err error) {
			said, err = tx.CaseFeedback(c.ID)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if len(said) == 2 {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if len(said) != 2 || said[0].Opinion != node.OpinionRight || said[0].Statement != 1 || said[0].Author != "Reader" ||
		said[1].Opinion != node.OpinionWrong || said[1].Rule != c.Flags[0].Rule {
		t.Errorf("feedback %+v, want one on statement 1 and one on %s", said, c.Flags[0].Rule)
	}
	h.wait(node.Done) // the message began no case
}

// A filler number that stood in for an accession number goes when the images
// have none.
func TestFillerNumberIsNoAccessionNumber(t *testing.T) {
	h := newHarness(t, nil)
	h.send(message{control: "M1", filler: "F1", study: study1, patient: "P1", status: "F", text: "Normal heart."})
	if c := h.wait(node.WaitingImages)[0]; c.Accession != "F1" {
		t.Errorf("while it waits the case is found by %q, want its filler number", c.Accession)
	}
	h.store(chest(study1, ""))
	if c := h.wait(node.Done)[0]; c.Accession != "" || c.Report.Filler != "F1" {
		t.Errorf("accession number %q, filler number %q", c.Accession, c.Report.Filler)
	}
}
