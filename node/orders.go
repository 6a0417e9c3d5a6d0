package node

import (
	"slices"
	"strings"
	"time"

	"concord/hl7"
)

// noteOrders keeps what orders and patient events say for joins to come.
func noteOrders(tx Tx, notices []hl7.Notice, now time.Time) error {
	for _, notice := range notices {
		if p := notice.Patient; notice.Code == "ADT" && p.ID != "" && p.Name != "" {
			if err := tx.PutPatient(Patient{ID: p.ID, Issuer: p.Issuer, Name: p.Name, BirthDate: p.BirthDate, Sex: p.Sex}, now); err != nil {
				return err
			}
		}
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

// withEvents reads a report's patient in the light of patient events: one whose
// ID was merged with that of the images has theirs, too, and a name, birth date
// or sex that an event changed is not another patient's where the images have
// the one that it was before.
func withEvents(tx Tx, r *hl7.Report, objects []Object) (*hl7.Report, error) {
	if len(objects) == 0 || r.Patient.ID == "" {
		return r, nil
	}
	images := objects[0].Header.Patient
	merged, err := withMerges(tx, r, images)
	if err != nil || !slices.ContainsFunc(merged.Patient.IDs, func(id hl7.ID) bool { return id.Value == images.ID }) {
		return merged, err
	}
	known, err := tx.KnownPatients(r.Patient.ID, r.Patient.Issuer)
	if err != nil || len(known) < 2 {
		return merged, err
	}
	same := *merged
	for _, d := range []struct {
		report *string
		images string
		of     func(Patient) string
	}{
		{&same.Patient.Name, images.Name, func(p Patient) string { return p.Name }},
		{&same.Patient.BirthDate, images.BirthDate, func(p Patient) string { return p.BirthDate }},
		{&same.Patient.Sex, images.Sex, func(p Patient) string { return p.Sex }},
	} {
		was := func(p Patient) bool { return strings.EqualFold(d.of(p), d.images) }
		if strings.EqualFold(*d.report, d.of(known[0])) && slices.ContainsFunc(known[1:], was) {
			*d.report = d.images
		}
	}
	return &same, nil
}

func withMerges(tx Tx, r *hl7.Report, images Patient) (*hl7.Report, error) {
	if r.Patient.ID == images.ID {
		return r, nil
	}
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
