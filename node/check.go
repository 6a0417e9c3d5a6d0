package node

import (
	"context"
	"fmt"

	"concord/hl7"
)

// CheckRequest asks what a report would come to before it is signed: its text
// or the HL7 message that will carry it, and the study that it is about. Keys
// given here win over those of the message.
type CheckRequest struct {
	Text                string // of the report, when HL7 is empty
	HL7                 []byte // an ORU or MDM message
	StudyUID, Accession string
}

// Checked is what the node thinks of one report of one study.
type Checked struct {
	ControlID  string      `json:"control_id,omitempty"` // MSH-10
	StudyUID   string      `json:"study_uid"`
	Accession  string      `json:"accession"`
	Modality   string      `json:"modality"`
	Language   string      `json:"language"` // of the report: en or zh
	Pack       string      `json:"pack,omitempty"`
	Statements []Statement `json:"statements"`
	Flags      []Flag      `json:"flags"`
}

// maxChecks bounds the pairs of a report and a study that one request may name.
const maxChecks = 16

// Check judges at once what is asked about. It stores and sends nothing. What
// is wrong with the request is an *InputError or a *NotFoundError.
func (n *Node) Check(ctx context.Context, q CheckRequest) ([]Checked, error) {
	reports, err := n.reportsOf(q)
	if err != nil {
		return nil, err
	}
	if err := n.settled(ctx); err != nil { // orders and merges count, too
		return nil, err
	}
	checked := []Checked{}
	for _, r := range reports {
		for _, uid := range studyTargets(r) {
			if len(checked) == maxChecks {
				return nil, &InputError{fmt.Sprintf("more than %d pairs of a report and a study; ask in several requests", maxChecks)}
			}
			one, err := n.checkReport(ctx, r, uid)
			if err != nil {
				return nil, err
			}
			checked = append(checked, *one)
		}
	}
	return checked, nil
}

// reportsOf reads the reports of a request, one for each order they answer.
func (n *Node) reportsOf(q CheckRequest) (reports []*hl7.Report, err error) {
	found := []hl7.Report{{Blocks: []hl7.Block{{Text: q.Text}}}}
	if len(q.HL7) > 0 {
		if found, err = n.readReports(q.HL7); err != nil {
			return nil, err
		}
	}
	for i := range found {
		for _, r := range perOrder(&found[i]) {
			if !hasText(r) || withdrawn(r.Status) {
				continue
			}
			if q.Accession != "" {
				r.Accession, r.AccessionIssuer, r.StudyUIDs = q.Accession, "", nil
			}
			if q.StudyUID != "" {
				r.StudyUIDs = []string{q.StudyUID}
			}
			reports = append(reports, r)
		}
	}
	if len(reports) == 0 {
		return nil, &InputError{"there is no report text to check"}
	}
	return reports, nil
}

func hasText(r *hl7.Report) bool {
	for _, b := range r.Blocks {
		if b.Text != "" {
			return true
		}
	}
	return false
}

func (n *Node) readReports(raw []byte) ([]hl7.Report, error) {
	m, err := n.parse("", raw)
	if err != nil {
		return nil, &InputError{"the HL7 message cannot be read: " + err.Error()}
	}
	reports, err := hl7.Reports(m, n.Config.Mapping)
	if err != nil {
		return nil, &InputError{"the HL7 message cannot be read: " + err.Error()}
	}
	return reports, nil
}

// checkReport judges a report against the study that it or uid names.
func (n *Node) checkReport(ctx context.Context, r *hl7.Report, uid string) (*Checked, error) {
	var study *Study
	var objects []Object
	err := n.Index.View(ctx, func(tx Tx) (err error) {
		if study, err = n.studyOf(tx, &r, uid); err != nil {
			return err
		}
		if objects, err = tx.StudyObjects(study.UID); err != nil {
			return err
		}
		r, err = withEvents(tx, r, objects)
		return err
	})
	if err != nil {
		return nil, err
	}
	j, err := n.Judge.judge(ctx, r, objects, manner{urgent: true, once: true})
	if err != nil {
		return nil, err
	}
	return &Checked{ControlID: r.ControlID, StudyUID: study.UID, Accession: study.Accession, Modality: study.Modality,
		Language: j.Language, Pack: j.Pack, Statements: orEmpty(j.Statements), Flags: orEmpty(j.Flags)}, nil
}

// studyOf finds the one study of a report, which takes over the keys of its
// order as it would when it is joined.
func (n *Node) studyOf(tx Tx, r **hl7.Report, uid string) (*Study, error) {
	order, err := tx.FindOrder((*r).Placer, (*r).Filler)
	if err != nil {
		return nil, err
	}
	whole := withOrder(*r, order)
	if uid == "" && len(whole.StudyUIDs) == 1 {
		uid = whole.StudyUIDs[0]
	}
	found, err := n.findStudies(tx, whole, uid)
	switch {
	case err != nil:
		return nil, err
	case len(found.studies) == 0:
		return nil, &NotFoundError{"study with this study UID or accession number here"}
	case len(found.studies) > 1:
		return nil, &InputError{fmt.Sprintf("%d studies carry this %s; name one by its study UID", len(found.studies), found.keys)}
	}
	*r = whole
	return &found.studies[0], nil
}
