package store

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"concord/hl7"
	"concord/node"
)

// testIndex is what every node.Index must do. Each test gets an empty one.
func testIndex(t *testing.T, open func(t *testing.T) node.Index) {
	for _, test := range []struct {
		name string
		run  func(t *testing.T, index node.Index)
	}{
		{"objects", testObjects},
		{"twins", testTwins},
		{"studies", testStudies},
		{"many studies of one key", testManyStudies},
		{"messages", testMessages},
		{"cases", testCases},
		{"case filters and pages", testCaseFilters},
		{"case counts", testCaseCounts},
		{"waiting cases", testWaitingFor},
		{"orders and merges", testOrders},
		{"announcements", testAnnouncements},
		{"commitments", testCommitments},
		{"feedback and pauses", testFeedbackAndPauses},
		{"timeline", testTimeline},
		{"deliveries", testDeliveries},
		{"alerts", testAlerts},
		{"sums", testSums},
		{"job order", testJobOrder},
		{"job fifo", testJobFIFO},
		{"job moves", testJobMoves},
		{"job lease", testJobLease},
		{"jobs that are hastened", testJobsHastened},
		{"job asked for while claimed", testJobAskedAgain},
		{"job of a dead worker moved", testJobMovedThenTakenOver},
		{"jobs follow the clock", testJobsFollowTheClock},
		{"failed update", testFailedUpdate},
		{"view cannot write", testViewCannotWrite},
		{"leaked transaction", testLeakedTx},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, open(t)) })
	}
}

var day = time.UnixMilli(1_750_000_000_123).UTC()

// update and view run fn and report its error, so that fn never ends the
// goroutine of the store.
func update(t *testing.T, index node.Index, fn func(node.Tx) error) {
	t.Helper()
	if err := index.Update(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
}

func view(t *testing.T, index node.Index, fn func(node.Tx) error) {
	t.Helper()
	if err := index.View(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
}

func equal(t *testing.T, what string, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s:\ngot  %+v\nwant %+v", what, got, want)
	}
}

func object(uid string, series, instance int) node.Object {
	return node.Object{SOPInstanceUID: uid, SOPClassUID: "1.2.840.10008.5.1.4.1.1.2", TransferSyntax: "1.2.840.10008.1.2.1",
		Path: "2025061511/" + uid + ".dcm", Size: 524_288, Caller: "CT1", ReceivedAt: day,
		Header: node.Header{StudyUID: "1.2.3", SeriesUID: "1.2.3.4", SeriesNumber: series, InstanceNumber: instance, Frames: 1,
			Modality: "CT", Patient: node.Patient{ID: "P1", Name: "王^小明", Sex: "F"}}}
}

func testObjects(t *testing.T, index node.Index) {
	first, second, third := object("1.1", 2, 1), object("1.2", 1, 10), object("1.3", 1, 9)
	other := object("1.4", 1, 1)
	other.Header.StudyUID = "9.9"
	update(t, index, func(tx node.Tx) error {
		return errors.Join(tx.AddObject(first), tx.AddObject(second), tx.AddObject(third), tx.AddObject(other))
	})
	view(t, index, func(tx node.Tx) error {
		got, err := tx.Object("1.1")
		equal(t, "object", got, &first)
		none, err2 := tx.Object("1.9")
		equal(t, "unknown object", none, (*node.Object)(nil))
		list, err3 := tx.StudyObjects("1.2.3")
		equal(t, "objects by series and instance", list, []node.Object{third, second, first})
		empty, err4 := tx.StudyObjects("5.5")
		equal(t, "objects of an unknown study", len(empty), 0)
		return errors.Join(err, err2, err3, err4)
	})
}

func testTwins(t *testing.T, index node.Index) {
	first, aside, another := object("1.1", 1, 1), object("1.1", 1, 1), object("1.1", 1, 1)
	aside.Aside, aside.Path = true, "2025061511/1.1~2.dcm"
	another.Path = "2025061511/1.1~3.dcm"
	update(t, index, func(tx node.Tx) error { return errors.Join(tx.AddObject(aside), tx.AddObject(first)) })
	if err := index.Update(t.Context(), func(tx node.Tx) error { return tx.AddObject(another) }); err == nil {
		t.Error("a second object of one SOP instance was accepted without being put aside")
	}
	view(t, index, func(tx node.Tx) error {
		got, err := tx.Object("1.1")
		equal(t, "object", got, &first)
		list, err2 := tx.StudyObjects("1.2.3")
		equal(t, "objects of the study", list, []node.Object{first})
		return errors.Join(err, err2)
	})
}

func testStudies(t *testing.T, index node.Index) {
	a := node.Study{UID: "1", Accession: "A1", AccessionIssuer: "RIS", Placer: "P1", Filler: "F1", Modality: "CT", Objects: 3,
		LastObjectAt: day, Patient: node.Patient{ID: "7", Name: "Doe^J"}}
	b := node.Study{UID: "2", Accession: "A1"}
	c := node.Study{UID: "3", Filler: "F3"}
	update(t, index, func(tx node.Tx) error {
		return errors.Join(tx.PutStudy(&node.Study{UID: "1", Objects: 1}), tx.PutStudy(&b), tx.PutStudy(&c), tx.PutStudy(&a))
	})
	view(t, index, func(tx node.Tx) error {
		got, err := tx.Study("1")
		equal(t, "study", got, &a)
		none, err2 := tx.Study("4")
		equal(t, "unknown study", none, (*node.Study)(nil))
		return errors.Join(err, err2)
	})
	for _, test := range []struct {
		keys node.StudyKeys
		want []node.Study
	}{
		{node.StudyKeys{}, nil},
		{node.StudyKeys{UIDs: []string{"2", "8", "2"}}, []node.Study{b}},
		{node.StudyKeys{Accessions: []string{"A1"}}, []node.Study{a, b}},
		{node.StudyKeys{Accessions: []string{"a1"}}, nil},
		{node.StudyKeys{Placer: "P1"}, []node.Study{a}},
		{node.StudyKeys{Placer: "F1"}, nil},
		{node.StudyKeys{UIDs: []string{"2"}, Accessions: []string{"A1"}, Filler: "F3"}, []node.Study{b, a, c}},
	} {
		view(t, index, func(tx node.Tx) error {
			got, err := tx.FindStudies(test.keys)
			equal(t, fmt.Sprintf("studies of %+v", test.keys), got, test.want)
			return err
		})
	}
}

func testManyStudies(t *testing.T, index node.Index) {
	update(t, index, func(tx node.Tx) error {
		for i := range maxMatches + 10 {
			if err := tx.PutStudy(&node.Study{UID: fmt.Sprintf("1.%d", i), Accession: "0"}); err != nil {
				return err
			}
		}
		return nil
	})
	view(t, index, func(tx node.Tx) error {
		list, err := tx.FindStudies(node.StudyKeys{Accessions: []string{"0"}})
		equal(t, "studies of a key that all share", len(list), maxMatches)
		return err
	})
}

func testMessages(t *testing.T, index node.Index) {
	add := func(m *node.Message) (added bool) {
		update(t, index, func(tx node.Tx) (err error) {
			added, err = tx.AddMessage(m)
			return err
		})
		return added
	}
	first := &node.Message{Peer: "10.0.0.1:4000", ControlID: "1", Raw: []byte("MSH|^~\\&|A"), ReceivedAt: day}
	again := &node.Message{Peer: "10.0.0.1:4001", ControlID: "1", Raw: []byte("MSH|^~\\&|A"), ReceivedAt: day}
	other := &node.Message{Peer: "10.0.0.1:4000", ControlID: "1", Raw: []byte("MSH|^~\\&|B"), ReceivedAt: day}
	broken := &node.Message{Peer: "10.0.0.1:4000", Raw: []byte{0xff, 0}, Problem: "no MSH"}
	fixed := &node.Message{Peer: "10.0.0.1:4000", Raw: []byte{0xff, 0}, ControlID: "2"}
	for i, test := range []struct {
		message *node.Message
		added   bool
	}{
		{first, true}, {again, false}, {other, true}, // a reused control ID is another message
		{broken, true}, {broken, false}, {fixed, true}, {fixed, false}, {broken, false},
		{&node.Message{}, true}, // nothing at all was received, yet it is kept
	} {
		if got := add(test.message); got != test.added {
			t.Errorf("message %d: added %v, want %v", i, got, test.added)
		}
	}
	worse := &node.Message{Peer: "10.0.0.2:4000", Raw: []byte("later"), Problem: "no MSH at all", ReceivedAt: day}
	add(&node.Message{Raw: []byte("before"), Problem: "no MSH"})
	add(worse)
	view(t, index, func(tx node.Tx) error {
		newest, err := tx.Quarantine(1)
		if err != nil || len(newest) != 1 {
			t.Fatalf("in quarantine are %+v, %v", newest, err)
		}
		equal(t, "newest in quarantine", newest[0], node.Quarantined{ID: newest[0].ID, Peer: worse.Peer, Problem: worse.Problem, ReceivedAt: day, Bytes: 5})
		all, err := tx.Quarantine(10)
		equal(t, "messages in quarantine", len(all), 2)
		m, bad := tx.QuarantinedMessage(newest[0].ID)
		equal(t, "message in quarantine", m, worse)
		none, worst := tx.QuarantinedMessage(1)
		equal(t, "message that is not", none == nil, true)
		return errors.Join(err, bad, worst)
	})
}

func report(accession, issuer, placer, filler string) *hl7.Report {
	return &hl7.Report{ControlID: "c", Order: hl7.Order{Accession: accession, AccessionIssuer: issuer, Placer: placer, Filler: filler}}
}

func testCases(t *testing.T, index node.Index) {
	c := &node.Case{Revision: 2, State: node.Settling, Reason: "because", StudyUID: "1.2", ReportKey: "RIS|F1", Accession: "A1",
		PatientID: "P1", Modality: "CR", Report: report("A1", "I", "P", "F"), Pack: "builtin sha256:00",
		Statements: []node.Statement{{N: 1, Section: "findings", Text: "右肺结节 \x00", Verdict: node.Maybe, Confidence: 0.25,
			Images: []node.ImageRef{{SOPUID: "1.1", Frame: 1}}}},
		Flags:     []node.Flag{{Code: "CC101", Severity: node.Critical, Statement: 1, Text: "left"}},
		CreatedAt: day, UpdatedAt: day.Add(time.Second)}
	bare := &node.Case{Revision: 1, State: node.WaitingReport, StudyUID: "1.2"}
	update(t, index, func(tx node.Tx) error { return errors.Join(tx.AddCase(c), tx.AddCase(bare)) })
	if c.ID == 0 || bare.ID <= c.ID {
		t.Fatalf("IDs %d and %d", c.ID, bare.ID)
	}
	c.State, c.Reason, c.Flags, c.StudyUID = node.Done, "", nil, "1.3"
	update(t, index, func(tx node.Tx) error { return tx.PutCase(c) })
	view(t, index, func(tx node.Tx) error {
		got, err := tx.Case(c.ID)
		equal(t, "case", got, c)
		none, err2 := tx.Case(99)
		equal(t, "unknown case", none, (*node.Case)(nil))
		ofStudy, err3 := tx.StudyCases("1.2")
		equal(t, "cases of a study", ofStudy, []*node.Case{bare})
		ofReport, err4 := tx.ReportCases("RIS|F1")
		equal(t, "cases of a report", ofReport, []*node.Case{c})
		return errors.Join(err, err2, err3, err4)
	})
	if err := index.Update(t.Context(), func(tx node.Tx) error { return tx.PutCase(&node.Case{ID: 99}) }); err == nil {
		t.Error("a case that is not there was put")
	}
}

func testCaseFilters(t *testing.T, index node.Index) {
	update(t, index, func(tx node.Tx) error {
		for i := range 20 {
			c := &node.Case{State: node.Done, Accession: fmt.Sprintf("A%d", i%2), PatientID: fmt.Sprintf("P%d", i%3), StudyUID: fmt.Sprintf("1.%d", i)}
			if i%5 == 0 {
				c.State = node.Failed
			}
			if err := tx.AddCase(c); err != nil {
				return err
			}
		}
		return nil
	})
	for _, test := range []struct {
		filter node.CaseFilter
		want   []int64 // IDs begin with 1
	}{
		{node.CaseFilter{Limit: 3}, []int64{20, 19, 18}},
		{node.CaseFilter{Limit: 3, BeforeID: 18}, []int64{17, 16, 15}},
		{node.CaseFilter{BeforeID: 2}, []int64{1}},
		{node.CaseFilter{BeforeID: 1}, nil},
		{node.CaseFilter{State: node.Failed}, []int64{16, 11, 6, 1}},
		{node.CaseFilter{State: node.Failed, Limit: 2, BeforeID: 11}, []int64{6, 1}},
		{node.CaseFilter{Accession: "A1", PatientID: "P0"}, []int64{16, 10, 4}},
		{node.CaseFilter{Accession: "A1", PatientID: "P0", State: node.Failed}, []int64{16}},
		{node.CaseFilter{StudyUID: "1.7"}, []int64{8}},
		{node.CaseFilter{StudyUID: "1.7", Accession: "A0"}, nil},
		{node.CaseFilter{Accession: "' OR 1=1 --"}, nil},
	} {
		view(t, index, func(tx node.Tx) error {
			list, err := tx.Cases(test.filter)
			equal(t, fmt.Sprintf("cases of %+v", test.filter), ids(list), test.want)
			return err
		})
	}
}

func ids(cases []*node.Case) (list []int64) {
	for _, c := range cases {
		list = append(list, c.ID)
	}
	return list
}

func testCaseCounts(t *testing.T, index node.Index) {
	counts := func() (n map[node.State]int) {
		view(t, index, func(tx node.Tx) (err error) {
			n, err = tx.CountCases()
			return err
		})
		return n
	}
	equal(t, "no cases", len(counts()), 0)
	c := &node.Case{State: node.Settling}
	update(t, index, func(tx node.Tx) error {
		return errors.Join(tx.AddCase(c), tx.AddCase(&node.Case{State: node.Settling}), tx.AddCase(&node.Case{State: node.Done}))
	})
	equal(t, "three cases", counts(), map[node.State]int{node.Settling: 2, node.Done: 1})
	c.State = node.Done
	update(t, index, func(tx node.Tx) error { return errors.Join(tx.PutCase(c), tx.PutCase(c)) })
	equal(t, "one moved", counts(), map[node.State]int{node.Settling: 1, node.Done: 2})
}

func testWaitingFor(t *testing.T, index node.Index) {
	cases := map[string]*node.Case{
		"study":          {State: node.WaitingImages, StudyUID: "1.2", Report: report("A2", "", "P2", "F2")},
		"accession":      {State: node.WaitingImages, Report: report("A1", "", "", "")},
		"issuer":         {State: node.WaitingImages, Report: report("A1", "RIS", "", "")},
		"other issuer":   {State: node.WaitingImages, Report: report("A1", "XIS", "", "")},
		"orders":         {State: node.WaitingImages, Report: report("", "", "P1", "F1")},
		"expired":        {State: node.Expired, Report: report("A1", "", "", "F1")},
		"expired study":  {State: node.Expired, StudyUID: "1.2", Report: report("A1", "", "", "")},
		"expired images": {State: node.Expired, StudyUID: "1.2"},
		"no key":         {State: node.WaitingImages, Report: report("", "", "", "")},
		"settling":       {State: node.Settling, StudyUID: "1.2", Report: report("A1", "", "P1", "F1")},
	}
	var names []string
	for name := range cases {
		names = append(names, name)
	}
	slices.Sort(names)
	update(t, index, func(tx node.Tx) error {
		for _, name := range names {
			if err := tx.AddCase(cases[name]); err != nil {
				return err
			}
		}
		return nil
	})
	waiting := func(s node.Study) (found []string) {
		view(t, index, func(tx node.Tx) error {
			list, err := tx.WaitingFor(s)
			for _, c := range list {
				found = append(found, names[slices.IndexFunc(names, func(n string) bool { return cases[n].ID == c.ID })])
			}
			return err
		})
		return found
	}
	for _, test := range []struct {
		study node.Study
		want  []string
	}{
		{node.Study{UID: "9"}, nil},
		{node.Study{UID: "1.2"}, []string{"study"}},
		{node.Study{UID: "9", Accession: "A1"}, []string{"accession", "expired", "issuer", "other issuer"}},
		{node.Study{UID: "9", Accession: "A1", AccessionIssuer: "ris"}, []string{"accession", "expired", "issuer"}},
		{node.Study{UID: "9", Accession: "A2", Placer: "P2"}, nil}, // that case names another study
		{node.Study{UID: "9", Placer: "P1"}, []string{"orders"}},
		{node.Study{UID: "1.2", Placer: "F1", Filler: "F1"}, []string{"expired", "orders", "study"}},
	} {
		equal(t, fmt.Sprintf("cases that wait for %+v", test.study), waiting(test.study), test.want)
	}
	found := cases["accession"]
	found.State, found.StudyUID = node.Settling, "9"
	update(t, index, func(tx node.Tx) error { return tx.PutCase(found) })
	equal(t, "once it has its images", waiting(node.Study{UID: "9", Accession: "A1", AccessionIssuer: "RIS"}), []string{"expired", "issuer"})
}

func testOrders(t *testing.T, index node.Index) {
	update(t, index, func(tx node.Tx) error {
		return errors.Join(
			tx.AddOrder(node.Order{Placer: "P1", Filler: "F1", Accession: "OLD", At: day}),
			tx.AddOrder(node.Order{Placer: "P1", Filler: "F1", Accession: "A1", AccessionIssuer: "RIS", StudyUID: "1.2", ProcedureID: "RP1", At: day}),
			tx.AddOrder(node.Order{Accession: "keyless", At: day}),
			tx.AddMerge("OLD", "HOSP", "MID", day), tx.AddMerge("MID", "", "NEW", day),
			tx.AddMerge("ROUND", "", "ABOUT", day), tx.AddMerge("ABOUT", "", "ROUND", day),
			tx.PutPatient(node.Patient{ID: "7", Issuer: "HOSP", Name: "B"}, day.Add(time.Second)), tx.PutPatient(node.Patient{ID: "7", Name: "A"}, day),
			tx.PutPatient(node.Patient{ID: "7", Name: "A"}, day.Add(time.Minute)), tx.PutPatient(node.Patient{ID: "8", Name: "A"}, day))
	})
	view(t, index, func(tx node.Tx) error {
		newest := &node.Order{Placer: "P1", Filler: "F1", Accession: "A1", AccessionIssuer: "RIS", StudyUID: "1.2", ProcedureID: "RP1", At: day}
		for _, c := range []struct {
			placer, filler string
			want           *node.Order
		}{{"P1", "", newest}, {"", "F1", newest}, {"P9", "F1", newest}, {"", "", nil}, {"P9", "F9", nil}} {
			o, err := tx.FindOrder(c.placer, c.filler)
			if err != nil {
				return err
			}
			equal(t, "order "+c.placer+"/"+c.filler, o, c.want)
		}
		for _, c := range []struct{ id, issuer, want string }{{"OLD", "HOSP", "NEW"}, {"OLD", "", "NEW"}, {"OLD", "OTHER", "OLD"},
			{"MID", "X", "NEW"}, {"NEW", "", "NEW"}} {
			id, err := tx.CurrentID(c.id, c.issuer)
			if err != nil {
				return err
			}
			equal(t, "current ID of "+c.id+" of "+c.issuer, id, c.want)
		}
		_, err := tx.CurrentID("ROUND", "") // a circle must end
		known, bad := tx.KnownPatients("7", "HOSP")
		equal(t, "known of a patient", known, []node.Patient{{ID: "7", Name: "A"}, {ID: "7", Issuer: "HOSP", Name: "B"}})
		other, worse := tx.KnownPatients("7", "OTHER")
		equal(t, "known of another issuer's", len(other), 1)
		return errors.Join(err, bad, worse)
	})
}

func testFeedbackAndPauses(t *testing.T, index node.Index) {
	c := &node.Case{State: node.Done, CreatedAt: day, UpdatedAt: day}
	update(t, index, func(tx node.Tx) error { return tx.AddCase(c) })
	said := node.Feedback{CaseID: c.ID, Statement: 2, Rule: "LAT-001", Opinion: node.OpinionWrong, Author: "R1", Note: "not so", At: day}
	update(t, index, func(tx node.Tx) error {
		return errors.Join(tx.AddFeedback(said), tx.AddFeedback(node.Feedback{CaseID: c.ID, Opinion: node.OpinionRight, At: day}),
			tx.PauseDestination("pacs", day), tx.PauseDestination("pacs", day.Add(time.Hour)), tx.PauseDestination("ris", day),
			tx.ResumeDestination("ris"))
	})
	view(t, index, func(tx node.Tx) error {
		list, err := tx.CaseFeedback(c.ID)
		if err != nil || len(list) != 2 {
			return fmt.Errorf("%d opinions, %w", len(list), err)
		}
		said.ID = list[0].ID
		equal(t, "first opinion", list[0], said)
		rest, err := tx.Feedback(list[0].ID, 10)
		equal(t, "opinions after the first", rest, list[1:])
		paused, err2 := tx.PausedDestinations()
		equal(t, "paused destinations", paused, map[string]time.Time{"pacs": day})
		return errors.Join(err, err2)
	})
}

func testTimeline(t *testing.T, index node.Index) {
	c, other := &node.Case{State: node.Done}, &node.Case{State: node.Done}
	silent := &node.Case{State: node.Done}
	want := []node.CaseEvent{{At: day, Event: "received"}, {At: day.Add(-time.Hour), Event: "the clock went back"}, {Event: "never"}}
	ofOther := []node.CaseEvent{{At: day, Event: "other"}}
	update(t, index, func(tx node.Tx) error {
		err := errors.Join(tx.AddCase(c), tx.AddCase(other), tx.AddCase(silent), tx.AddEvent(other.ID, ofOther[0]))
		for _, e := range want {
			err = errors.Join(err, tx.AddEvent(c.ID, e))
		}
		return err
	})
	view(t, index, func(tx node.Tx) error {
		got, err := tx.Timelines(c.ID)
		equal(t, "timeline", got, map[int64][]node.CaseEvent{c.ID: want})
		both, err2 := tx.Timelines(c.ID, silent.ID, other.ID)
		equal(t, "timelines", both, map[int64][]node.CaseEvent{c.ID: want, other.ID: ofOther})
		none, err3 := tx.Timelines()
		equal(t, "timelines of no case", none, map[int64][]node.CaseEvent{})
		return errors.Join(err, err2, err3)
	})
	if err := index.Update(t.Context(), func(tx node.Tx) error { return tx.AddEvent(99, want[0]) }); err == nil {
		t.Error("an event of a case that is not there was accepted")
	}
}

func testDeliveries(t *testing.T, index node.Index) {
	c, another := &node.Case{State: node.Judged}, &node.Case{State: node.Judged}
	ofAnother := &node.Delivery{Destination: "ris", Kind: node.ORU, UID: "M0", State: node.DeliverySent}
	sr := &node.Delivery{Destination: "pacs", Kind: node.SR, UID: "2.25.1", State: node.DeliveryWaiting, At: day, Payload: []byte{0, 1, 2}}
	oru := &node.Delivery{Destination: "ris", Kind: node.ORU, UID: "M1", State: node.DeliveryWaiting}
	update(t, index, func(tx node.Tx) error {
		err := errors.Join(tx.AddCase(c), tx.AddCase(another))
		sr.CaseID, oru.CaseID, ofAnother.CaseID = c.ID, c.ID, another.ID
		return errors.Join(err, tx.AddDelivery(ofAnother), tx.AddDelivery(sr), tx.AddDelivery(oru))
	})
	sr.State, sr.Attempts, sr.Refusals, sr.Detail, sr.At = node.DeliveryRetrying, 2, 1, "A700", day.Add(time.Minute)
	changed := *sr
	changed.Payload = nil // stays
	update(t, index, func(tx node.Tx) error { return tx.PutDelivery(&changed) })
	view(t, index, func(tx node.Tx) error {
		got, err := tx.Delivery(sr.ID)
		equal(t, "delivery", got, sr)
		none, err2 := tx.Delivery(99)
		equal(t, "unknown delivery", none, (*node.Delivery)(nil))
		list, err3 := tx.CaseDeliveries(c.ID)
		bare := *sr
		bare.Payload = nil
		equal(t, "deliveries of the case", list, []node.Delivery{bare, *oru})
		list, err4 := tx.CaseDeliveries(another.ID, c.ID)
		equal(t, "deliveries of both cases", list, []node.Delivery{bare, *oru, *ofAnother})
		return errors.Join(err, err2, err3, err4)
	})
	changed = *sr // another form of it was sent
	changed.UID, changed.Payload = "2.25.2", []byte{3}
	update(t, index, func(tx node.Tx) error { return tx.PutDelivery(&changed) })
	view(t, index, func(tx node.Tx) error {
		got, err := tx.Delivery(sr.ID)
		equal(t, "delivery in another form", got, &changed)
		return err
	})
	if err := index.Update(t.Context(), func(tx node.Tx) error { return tx.PutDelivery(&node.Delivery{ID: 99}) }); err == nil {
		t.Error("a delivery that is not there was put")
	}
}

func testFailedUpdate(t *testing.T, index node.Index) {
	refused := errors.New("refused")
	err := index.Update(t.Context(), func(tx node.Tx) error {
		return errors.Join(tx.PutStudy(&node.Study{UID: "1"}), tx.AddJob(node.Job{Queue: "q", Key: "k"}), refused)
	})
	if !errors.Is(err, refused) {
		t.Errorf("got error %v", err)
	}
	view(t, index, func(tx node.Tx) error {
		s, err := tx.Study("1")
		equal(t, "study of a failed update", s, (*node.Study)(nil))
		return err
	})
}

func testViewCannotWrite(t *testing.T, index node.Index) {
	err := index.View(t.Context(), func(tx node.Tx) error { return tx.PutStudy(&node.Study{UID: "1"}) })
	if err == nil {
		t.Error("a view wrote")
	}
}

func testLeakedTx(t *testing.T, index node.Index) {
	var leaked node.Tx
	leak := func(tx node.Tx) error {
		leaked = tx
		return nil
	}
	for _, run := range []func(){
		func() { update(t, index, leak) },
		func() { view(t, index, leak) },
	} {
		run()
		if _, err := leaked.Study("1"); err == nil {
			t.Error("a transaction read after its end")
		}
		if err := leaked.PutStudy(&node.Study{UID: "1"}); err == nil {
			t.Error("a transaction wrote after its end")
		}
	}
}
