package node

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"concord/hl7"
)

// joinReport enters a report: it withdraws, replaces or begins the cases of
// its report key, one for each study that it names.
func (n *Node) joinReport(tx Tx, r *hl7.Report, now time.Time) error {
	if !withdrawn(r.Status) && len(r.Blocks) == 0 && len(r.NotChecked) == 0 {
		return nil // an order's status only: nothing to check
	}
	prior, err := tx.ReportCases(reportKey(r))
	if err != nil {
		return err
	}
	order, err := tx.FindOrder(r.Placer, r.Filler)
	if err != nil {
		return err
	}
	r = withOrder(r, order)
	if withdrawn(r.Status) {
		return n.withdraw(tx, prior, now)
	}
	for _, uid := range studyTargets(r) {
		if err := n.joinStudy(tx, r, uid, prior, now); err != nil {
			return err
		}
	}
	return nil
}

// perOrder gives a report that answers several orders as one report for each.
func perOrder(r *hl7.Report) []*hl7.Report {
	first := *r
	first.Further = nil
	reports := []*hl7.Report{&first}
	for _, order := range r.Further {
		next := first
		next.Order = order
		reports = append(reports, &next)
	}
	return reports
}

// studyTargets lists the studies a report names by UID, or one empty entry
// for a report that names its study by other keys only.
func studyTargets(r *hl7.Report) []string {
	if len(r.StudyUIDs) > 1 {
		return r.StudyUIDs
	}
	return []string{strings.Join(r.StudyUIDs, "")}
}

// reportKey tells one report from another over its revisions: the sender with
// the filler order number, or the next best key that the message has.
func reportKey(r *hl7.Report) string {
	key := cmp.Or(r.Filler, r.Placer, r.Accession, r.ControlID)
	return strings.Join([]string{r.SendingFacility, r.SendingApplication, key}, "|")
}

// withdrawn says whether a result status (OBR-25, HL7 table 0123; OBX-11,
// table 0085) takes a report back.
func withdrawn(status string) bool { return status == "X" || status == "D" || status == "W" }

func (n *Node) withdraw(tx Tx, prior []*Case, now time.Time) error {
	for _, c := range prior {
		if !c.Accepts(ReportWithdrawn) {
			continue
		}
		if err := n.move(tx, c, ReportWithdrawn, now); err != nil {
			return err
		}
		if err := n.withdrawResults(tx, c, now); err != nil {
			return err
		}
	}
	return nil
}

// joinStudy makes the case of a report and one of its studies, replacing the
// case of the report's earlier revision.
func (n *Node) joinStudy(tx Tx, r *hl7.Report, uid string, prior []*Case, now time.Time) error {
	next := &Case{Revision: 1, ReportKey: reportKey(r), StudyUID: uid, Accession: r.Accession,
		PatientID: r.Patient.ID, Modality: r.Modality, Report: r, CreatedAt: now}
	for _, old := range prior {
		if uid != "" && old.StudyUID != "" && old.StudyUID != uid {
			continue
		}
		next.Revision = max(next.Revision, old.Revision+1)
		next.StudyUID = cmp.Or(next.StudyUID, old.StudyUID)
		if old.Accepts(ReportReplaced) {
			if err := n.move(tx, old, ReportReplaced, now); err != nil {
				return err
			}
		}
	}
	next.Report = withAddendum(r, prior)
	found, err := n.findStudies(tx, r, next.StudyUID)
	switch {
	case err != nil:
		return err
	case len(found.studies) == 1:
		return n.attach(tx, next, &found.studies[0], now)
	case len(found.studies) > 1:
		next.Candidates = candidates(found.studies, found.keys, false)
		next.Reason = fmt.Sprintf("%d studies carry the %s of this report: choose one of them", len(found.studies), found.keys)
		return n.awaitChoice(tx, next, now)
	}
	weak, err := n.weakCandidates(tx, r)
	if err != nil {
		return err
	}
	if next.StudyUID == "" && len(weak) > 0 {
		next.Candidates = candidates(weak, "patient and date", true)
		next.Reason = "no study carries a key of this report, but patient and date fit: choose a study, or wait for the right one"
		return n.awaitChoice(tx, next, now)
	}
	return n.awaitImages(tx, next, now)
}

// withAddendum gives a message that brings nothing but an addendum the text
// that it adds to: the newest revision's.
func withAddendum(r *hl7.Report, prior []*Case) *hl7.Report {
	addendum := func(b hl7.Block) bool { return b.Section == hl7.SectionAddendum }
	if len(prior) == 0 || len(r.Blocks) == 0 || slices.ContainsFunc(r.Blocks, func(b hl7.Block) bool { return !addendum(b) }) {
		return r
	}
	newest := slices.MaxFunc(prior, func(a, b *Case) int { return cmp.Compare(a.Revision, b.Revision) })
	if newest.Report == nil || newest.State == Withdrawn {
		return r
	}
	whole := *r
	whole.Blocks = append(slices.Clone(newest.Report.Blocks), r.Blocks...)
	return &whole
}

func candidates(studies []Study, keys string, weak bool) (out []Candidate) {
	for _, s := range studies {
		out = append(out, Candidate{StudyUID: s.UID, Keys: keys, Weak: weak})
	}
	return out
}

// awaitChoice begins a case that a person has to join.
func (n *Node) awaitChoice(tx Tx, c *Case, now time.Time) error {
	c.State = Ambiguous
	if err := n.begin(tx, c, string(KeysConflict), now); err != nil {
		return err
	}
	if err := n.lookFor(tx, c, now); err != nil {
		return err
	}
	return n.scheduleExpiry(tx, c, now)
}

// found are the studies that the strongest key names which names any.
type found struct {
	studies []Study
	keys    string // what that key is called
}

// findStudies looks for the study of a report by the strongest key that finds
// one: study UID, accession number with its issuer, filler or placer number.
func (n *Node) findStudies(tx Tx, r *hl7.Report, uid string) (found, error) {
	if uid != "" {
		study, err := tx.Study(uid)
		if err != nil || study == nil {
			return found{}, err
		}
		return found{[]Study{*study}, "study UID"}, nil
	}
	named, err := tx.FindStudies(StudyKeys{Accessions: AccessionKeys(r.Accession), Placer: r.Placer, Filler: r.Filler})
	if err != nil {
		return found{}, err
	}
	byAccession := keep(named, func(s Study) bool {
		return sameAccession(r.Accession, s.Accession) && issuersAgree(s.AccessionIssuer, r.AccessionIssuer)
	})
	byAccession = narrow(byAccession, func(s Study) bool {
		return r.RequestedProcedureID != "" && s.ProcedureID == r.RequestedProcedureID
	})
	byAccession = narrow(byAccession, func(s Study) bool { return s.Patient.ID == r.Patient.ID })
	if len(byAccession) > 0 {
		return found{byAccession, "accession number"}, nil
	}
	return found{keep(named, func(s Study) bool {
		return (r.Filler != "" && s.Filler == r.Filler) || (r.Placer != "" && s.Placer == r.Placer)
	}), "order number"}, nil
}

// maxSH is the length at which DICOM cuts an accession number (PS3.5 6.2, SH).
const maxSH = 16

// AccessionKeys are the forms in which images may carry an accession number.
func AccessionKeys(accession string) []string {
	if runes := []rune(accession); len(runes) > maxSH {
		return []string{accession, strings.TrimSpace(string(runes[:maxSH]))}
	}
	return []string{accession}
}

// sameAccession says whether images carry the accession number of a report.
func sameAccession(ofReport, ofImages string) bool {
	return ofReport != "" && slices.Contains(AccessionKeys(ofReport), ofImages)
}

// withOrder lends a report the keys that it lacks and its order has.
func withOrder(r *hl7.Report, order *Order) *hl7.Report {
	if order == nil {
		return r
	}
	whole := *r
	if order.Accession != "" && (r.Accession == "" || r.Accession == r.Filler) {
		whole.Accession, whole.AccessionIssuer = order.Accession, order.AccessionIssuer
	}
	if order.StudyUID != "" && len(r.StudyUIDs) == 0 {
		whole.StudyUIDs = []string{order.StudyUID}
	}
	setDefault(&whole.RequestedProcedureID, order.ProcedureID)
	return &whole
}

// narrow keeps the studies that match a further key, when some do.
func narrow(studies []Study, match func(Study) bool) []Study {
	if len(studies) > 1 {
		if fewer := keep(studies, match); len(fewer) > 0 {
			return fewer
		}
	}
	return studies
}

// weakCandidates are the studies of the report's patient on its day, of its
// modality where both name one: for a person to choose from.
func (n *Node) weakCandidates(tx Tx, r *hl7.Report) ([]Study, error) {
	if r.Patient.ID == "" || r.ObservedAt.IsZero() {
		return nil, nil
	}
	studies, err := tx.PatientStudies(r.Patient.ID, r.ObservedAt.Format("20060102"))
	return keep(studies, func(s Study) bool { return s.Modality == "" || r.Modality == "" || s.Modality == r.Modality }), err
}

func keep(studies []Study, match func(Study) bool) (kept []Study) {
	for _, s := range studies {
		if match(s) {
			kept = append(kept, s)
		}
	}
	return kept
}

// issuersAgree is false only when both sides name an issuer and they differ.
func issuersAgree(a, b string) bool { return a == "" || b == "" || strings.EqualFold(a, b) }

// awaitImages begins a case whose images are not here yet.
func (n *Node) awaitImages(tx Tx, c *Case, now time.Time) error {
	c.State = WaitingImages
	c.Reason = "no study with the keys of this report has arrived; check that the PACS forwards it"
	if err := n.begin(tx, c, "report received", now); err != nil {
		return err
	}
	if err := n.lookFor(tx, c, now); err != nil {
		return err
	}
	return n.scheduleExpiry(tx, c, now)
}

// attach gives the report of next to its study: to the study's case that waits
// for a report, or as a case of its own when the study has other reports.
func (n *Node) attach(tx Tx, next *Case, study *Study, now time.Time) error {
	cases, err := tx.StudyCases(study.UID)
	if err != nil {
		return err
	}
	adoptStudy(next, study)
	for _, c := range cases {
		if c.Report != nil || !c.Accepts(ReportArrived) {
			continue
		}
		next.ID, next.CreatedAt, next.State = c.ID, c.CreatedAt, c.State
		if err := n.move(tx, next, ReportArrived, now); err != nil {
			return err
		}
		return n.scheduleSettle(tx, next, study, now)
	}
	next.State = Settling
	if err := n.begin(tx, next, "report received", now); err != nil {
		return err
	}
	return n.scheduleSettle(tx, next, study, now)
}

func adoptStudy(c *Case, s *Study) {
	c.StudyUID, c.Reason, c.Candidates = s.UID, "", nil
	c.Modality = cmp.Or(s.Modality, c.Modality)
	if c.Report != nil && c.Report.Accession == c.Report.Filler {
		c.Accession = "" // a filler number stood in for it until the images were here
	}
	c.Accession = cmp.Or(s.Accession, c.Accession)
	c.PatientID = cmp.Or(s.Patient.ID, c.PatientID)
}

// joinObjects enters indexed objects of one study.
func (n *Node) joinObjects(tx Tx, objects []Object, now time.Time) error {
	study, err := n.sumUp(tx, objects, now)
	if err != nil {
		return err
	}
	waiting, err := tx.WaitingFor(*study)
	if err != nil {
		return err
	}
	for _, c := range waiting {
		if err := adopt(tx, c, study, now); err != nil {
			return err
		}
	}
	cases, err := tx.StudyCases(study.UID)
	if err != nil {
		return err
	}
	if len(cases) == 0 {
		return n.awaitReport(tx, study, now)
	}
	for _, c := range cases {
		if err := n.imagesArrived(tx, c, study, objects, now); err != nil {
			return err
		}
	}
	return nil
}

// adopt gives a case that waits for its images the study that came.
func adopt(tx Tx, c *Case, study *Study, now time.Time) error {
	noted := false
	if c.StudyUID != "" {
		known, err := tx.Announcements(c.StudyUID, c.Accession)
		if err != nil {
			return err
		}
		noted = len(known) > 0
	}
	adoptStudy(c, study)
	if err := tx.PutCase(c); err != nil || noted {
		return err
	}
	return noteAnnounced(tx, c, now)
}

// sumUp adds the objects to their study's summary.
func (n *Node) sumUp(tx Tx, objects []Object, now time.Time) (*Study, error) {
	study, err := tx.Study(objects[0].Header.StudyUID)
	if err != nil {
		return nil, err
	}
	if study == nil {
		study = &Study{UID: objects[0].Header.StudyUID}
	}
	for _, o := range objects {
		h := &o.Header
		if study.Patient == (Patient{}) {
			study.Patient = h.Patient
		}
		setDefault(&study.Accession, n.Config.Mapping.AccessionStrip.Apply(h.Accession))
		setDefault(&study.AccessionIssuer, h.AccessionIssuer)
		setDefault(&study.Placer, h.Placer)
		setDefault(&study.Filler, h.Filler)
		setDefault(&study.ProcedureID, h.ProcedureID)
		setDefault(&study.Date, h.StudyDate)
		if h.Frames > 0 {
			setDefault(&study.Modality, h.Modality)
		}
		study.Objects++
	}
	study.LastObjectAt = now
	return study, tx.PutStudy(study)
}

func (n *Node) awaitReport(tx Tx, study *Study, now time.Time) error {
	c := &Case{Revision: 1, State: WaitingReport, CreatedAt: now}
	adoptStudy(c, study)
	c.Reason = "no report for this study has arrived; check that the RIS sends it"
	if err := n.begin(tx, c, "images received", now); err != nil {
		return err
	}
	return n.scheduleExpiry(tx, c, now)
}

// imagesArrived moves one case of a study that received objects. A case that
// was judged already gets a new revision when the late objects hold pictures.
func (n *Node) imagesArrived(tx Tx, c *Case, study *Study, objects []Object, now time.Time) error {
	if !c.Accepts(ImagesArrived) {
		return nil
	}
	if transitions[c.State][ImagesArrived] == Superseded {
		if !anyPicture(objects) {
			return nil
		}
		if removed, err := tx.RemovedImage(c.ID); err != nil || removed != nil {
			return err // a part of what it was judged on came again, or is all there is now
		}
		next := &Case{Revision: c.Revision + 1, ReportKey: c.ReportKey, Report: c.Report, State: Settling, CreatedAt: now}
		adoptStudy(next, study)
		if err := n.move(tx, c, ImagesArrived, now); err != nil {
			return err
		}
		if err := n.begin(tx, next, "images received after judging", now); err != nil {
			return err
		}
		return n.scheduleSettle(tx, next, study, now)
	}
	before := c.State
	if before == WaitingImages || before == Expired || before == Ambiguous {
		adoptStudy(c, study)
	}
	if before == Expired && c.Report == nil {
		return nil // still no report: a later one revives the case
	}
	if err := c.Apply(ImagesArrived); err != nil {
		return err
	}
	if c.State != before {
		if err := n.record(tx, c, string(ImagesArrived), now); err != nil {
			return err
		}
	}
	if c.State == Settling {
		return n.scheduleSettle(tx, c, study, now)
	}
	return nil
}

func anyPicture(objects []Object) bool {
	for _, o := range objects {
		if o.Header.Frames > 0 && o.Header.NotShown == "" {
			return true
		}
	}
	return false
}

// begin stores a new case with the first line of its timeline.
func (n *Node) begin(tx Tx, c *Case, event string, now time.Time) error {
	c.UpdatedAt = now
	if err := tx.AddCase(c); err != nil {
		return err
	}
	if err := tx.AddEvent(c.ID, CaseEvent{At: now, Event: event + " → " + string(c.State)}); err != nil {
		return err
	}
	return noteAnnounced(tx, c, now)
}

// move applies an event to a stored case.
func (n *Node) move(tx Tx, c *Case, e Event, now time.Time) error {
	if err := c.Apply(e); err != nil {
		return err
	}
	return n.record(tx, c, string(e), now)
}

func (n *Node) record(tx Tx, c *Case, event string, now time.Time) error {
	if c.State != Judging {
		n.judgings.stop(c.ID)
	}
	c.UpdatedAt = now
	if err := tx.PutCase(c); err != nil {
		return err
	}
	return tx.AddEvent(c.ID, CaseEvent{At: now, Event: event + " → " + string(c.State)})
}

func (n *Node) scheduleExpiry(tx Tx, c *Case, now time.Time) error {
	if n.Config.Expire == 0 {
		return nil
	}
	return tx.AddJob(Job{Queue: expireQueue, Key: caseKey(c.ID), CaseID: c.ID, RunAt: now.Add(n.Config.Expire)})
}

func caseKey(id int64) string { return strconv.FormatInt(id, 10) }

func parseKey(key string) (int64, error) { return strconv.ParseInt(key, 10, 64) }
