package node

import (
	"cmp"
	"time"

	"concord/dicom/sr"
	"concord/hl7"
)

// private is the coding scheme of Concord's own codes.
const private = sr.Private

// message is the ORU of a case for one destination.
func (r *result) message(to Destination, srInstanceUID string) ([]byte, error) {
	report := r.c.Report
	assessment := r.assessment()
	result := hl7.Result{
		ControlID: r.controlID(to.Name), Time: r.at, Version: to.HL7Version, Charset: to.HL7Charset, Layout: to.HL7Layout,
		SendingApplication: r.site.AETitle, SendingFacility: r.site.Name,
		ReceivingApplication: report.SendingApplication, ReceivingFacility: report.SendingFacility,
		Patient: report.Patient, Visit: report.Visit,
		Placer: report.Placer, PlacerNamespace: report.PlacerNamespace,
		Filler: cmp.Or(report.Filler, report.ControlID), FillerNamespace: report.FillerNamespace,
		Accession:            r.accession(),
		RequestedProcedureID: report.RequestedProcedureID, Procedure: report.Procedure,
		AcquiredAt: r.acquiredAt(), StudyUID: r.c.StudyUID, SRInstanceUID: srInstanceUID,
		Assessment: coded(assessment.Code()), Abnormal: assessment == sr.Flagged,
		Status: r.resultStatus(to), Note: r.summary() + " " + r.words.limitation,
		Device: hl7.Device{Name: r.site.AETitle, UID: r.deviceUID()},
	}
	for i := range r.c.Statements {
		if s := &r.c.Statements[i]; s.Verdict != NotJudged || r.flagOf(s) != nil {
			result.Findings = append(result.Findings, r.statementFinding(s))
		}
	}
	for i := range r.c.Flags {
		if f := &r.c.Flags[i]; f.Rule != supportRule {
			result.Findings = append(result.Findings, r.ruleFinding(f, len(r.c.Statements)+i+1))
		}
	}
	return hl7.ORU(result)
}

// accession is the images' own; a report's filler number may stand in for an
// accession number in the join, but not in what is sent.
func (r *result) accession() string {
	report := r.c.Report
	if a := r.objects[0].Header.Accession; a != "" || report.Accession == report.Filler {
		return a
	}
	return report.Accession
}

// withdrawResults takes back the results of a case whose report was withdrawn:
// an ORU by the same groups of OBX with the status D, a Structured Report by one
// without findings that supersedes it.
func (n *Node) withdrawResults(tx Tx, c *Case, now time.Time) error {
	sent, err := tx.CaseDeliveries(c.ID)
	if err != nil {
		return err
	}
	objects, err := tx.StudyObjects(c.StudyUID)
	if err != nil {
		return err
	}
	if len(objects) == 0 {
		removed, err := tx.RemovedImage(c.ID)
		if err != nil || removed == nil {
			return err
		}
		objects = []Object{*removed}
	}
	decided, err := tx.CaseAlerts(c.ID)
	if err != nil {
		return err
	}
	judged := &Judgement{Language: n.Judge.read(c.Report).Language}
	named := "" // the document that messages name
	for i := range sent {
		d := &sent[i]
		to := n.destination(d.Destination)
		if to == nil {
			continue
		}
		r := n.resultFor(to, c, judged, objects, alertsFor(decided, d.Destination).held())
		r.at, r.withdraws = now, true
		named = cmp.Or(named, r.documentUID())
		withdrawal, err := r.withdrawal(tx, to, d, named)
		if err != nil {
			return err
		}
		if err := n.queueResult(tx, c, withdrawal, now); err != nil {
			return err
		}
	}
	return nil
}

// withdrawal takes a result back.
func (r *result) withdrawal(tx Tx, to *Destination, sent *Delivery, named string) (w *Delivery, err error) {
	if to.Kind == ORU {
		w = &Delivery{Destination: to.Name, Kind: ORU, UID: r.controlID(to.Name), Names: named}
		w.Payload, err = r.message(*to, named)
		return w, err
	}
	prior, err := tx.Delivery(sent.ID)
	if err != nil {
		return nil, err
	}
	w = &Delivery{Destination: to.Name, Kind: SR, UID: r.documentUID()}
	w.Payload, err = sr.Encode(r.document(prior))
	return w, err
}

// resultStatus is the destination's status, C for a revision (the receiver
// replaces what it had) or D for a withdrawal.
func (r *result) resultStatus(to Destination) string {
	switch {
	case r.withdraws:
		return "D"
	case r.corrects:
		return "C"
	}
	return to.HL7Status
}

// acquiredAt reads the DICOM DT of the first picture.
func (r *result) acquiredAt() time.Time {
	for i := range r.objects {
		if h := &r.objects[i].Header; h.Frames > 0 {
			return hl7.ParseTime(h.AcquiredAt + h.TimezoneOffset)
		}
	}
	return time.Time{}
}

func coded(c sr.Code) hl7.Coded { return hl7.Coded{Code: c.Value, Text: c.Meaning, Scheme: c.Scheme} }

func (r *result) statementFinding(s *Statement) hl7.Finding {
	f := hl7.Finding{Group: s.N, Verdict: string(s.Verdict), Certainty: s.Confidence, Statement: s.Text, Locator: s.Locator,
		Comment: s.Reason, AnalysedAt: r.at, Algorithm: hl7.Coded{Code: "VLM", Text: "concord-vlm " + r.c.Pack, Scheme: private}}
	if flag := r.flagOf(s); flag != nil {
		f.Severity, f.Rule, f.Comment = coded(srSeverity(flag.Severity).Code()), flag.Rule, flag.Text
		f.Critical = flag.Severity == Critical
	}
	return f
}

// ruleFinding gives a rule's flag a group of its own: its statement may have a
// verdict of the model as well.
func (r *result) ruleFinding(flag *Flag, group int) hl7.Finding {
	f := hl7.Finding{Group: group, Verdict: string(No), Severity: coded(srSeverity(flag.Severity).Code()),
		Critical: flag.Severity == Critical, Rule: flag.Rule, Comment: flag.Text, AnalysedAt: r.at,
		Algorithm: hl7.Coded{Code: "RULES", Text: "concord-rules " + r.site.Version, Scheme: private}}
	if flag.Statement > 0 {
		s := &r.c.Statements[flag.Statement-1]
		f.Statement, f.Locator = s.Text, s.Locator
	}
	return f
}
