package node

import (
	"strings"
	"time"

	"concord/hl7"
)

// noteOrders keeps what orders and patient events say for joins to come.
func noteOrders(tx Tx, notices []hl7.Notice, now time.Time) error {
	for _, notice := range notices {
		for _, prior := range notice.Merged {
			if prior.Value == "" || notice.Patient.ID == "" {
				continue
			}
			if err := tx.AddMerge(prior.Value, prior.Issuer, notice.Patient.ID, now); err != nil {
				return err
			}
		}
		for _, o := range notice.Orders {
			err := tx.AddOrder(Order{Placer: o.Placer, Filler: o.Filler, Accession: o.Accession,
				AccessionIssuer: o.AccessionIssuer, StudyUID: strings.Join(o.StudyUIDs[:min(1, len(o.StudyUIDs))], ""),
				ProcedureID: o.RequestedProcedureID, At: now})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// withMerges adds the images' patient ID to those of the report when merges
// say that both are one patient.
func withMerges(tx Tx, r *hl7.Report, objects []Object) (*hl7.Report, error) {
	if len(objects) == 0 || r.Patient.ID == "" || r.Patient.ID == objects[0].Header.Patient.ID {
		return r, nil
	}
	images := objects[0].Header.Patient
	ofImages, err := tx.CurrentID(images.ID, images.Issuer)
	if err != nil {
		return nil, err
	}
	ofReport, err := tx.CurrentID(r.Patient.ID, r.Patient.Issuer)
	if err != nil || ofReport != ofImages {
		return r, err
	}
	same := *r
	same.Patient.IDs = append([]hl7.ID{{Value: images.ID, Issuer: images.Issuer}}, r.Patient.IDs...)
	return &same, nil
}
