package store

import (
	"time"

	"concord/node"
)

func (t *tx) AddOrder(o node.Order) error {
	_, err := t.exec(`INSERT INTO orders (placer, filler, accession, accession_issuer, study_uid, procedure_id, at)
		VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		o.Placer, o.Filler, o.Accession, o.AccessionIssuer, o.StudyUID, o.ProcedureID, toMillis(o.At))
	return failed("add order", err)
}

func (t *tx) FindOrder(placer, filler string) (*node.Order, error) {
	o, err := one(t, func(row scanner) (*node.Order, error) {
		var o node.Order
		var at int64
		err := row.Scan(&o.Placer, &o.Filler, &o.Accession, &o.AccessionIssuer, &o.StudyUID, &o.ProcedureID, &at)
		o.At = fromMillis(at)
		return &o, err
	}, `SELECT placer, filler, accession, accession_issuer, study_uid, procedure_id, at FROM orders
		WHERE (placer = $1 AND placer <> '') OR (filler = $2 AND filler <> '') ORDER BY id DESC LIMIT 1`, placer, filler)
	return o, failed("find order", err)
}

func (t *tx) AddMerge(prior, issuer, current string, at time.Time) error {
	_, err := t.exec(`INSERT INTO patient_merges (prior, issuer, current, at) VALUES ($1, $2, $3, $4)
		ON CONFLICT (prior, issuer) DO UPDATE SET current = excluded.current, at = excluded.at`,
		prior, issuer, current, toMillis(at))
	return failed("add merge", err)
}

// PutPatient keeps the order of events that come within a millisecond.
func (t *tx) PutPatient(p node.Patient, at time.Time) error {
	last, err := one(t, scanColumn[int64], `SELECT at FROM patients WHERE id = $1 ORDER BY at DESC LIMIT 1`, p.ID)
	if err != nil {
		return failed("put patient", err)
	}
	now := toMillis(at)
	if last != nil {
		now = max(now, *last+1)
	}
	_, err = t.exec(`INSERT INTO patients (id, issuer, name, birth_date, sex, at) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (id, issuer, name, birth_date, sex) DO UPDATE SET at = excluded.at`,
		p.ID, p.Issuer, p.Name, p.BirthDate, p.Sex, now)
	return failed("put patient", err)
}

// KnownPatients takes a patient without an issuer, or an ID without one, as of any.
func (t *tx) KnownPatients(id, issuer string) ([]node.Patient, error) {
	list, err := all(t, func(row scanner) (*node.Patient, error) {
		var p node.Patient
		return &p, row.Scan(&p.ID, &p.Issuer, &p.Name, &p.BirthDate, &p.Sex)
	}, `SELECT id, issuer, name, birth_date, sex FROM patients
		WHERE id = $1 AND (issuer = $2 OR issuer = '' OR $2 = '') ORDER BY at DESC LIMIT 20`, id, issuer)
	return values(list), failed("find patients", err)
}

// maxMerges is how far CurrentID follows; merges may run in a circle.
const maxMerges = 16

// CurrentID takes a merge without an issuer, or an ID without one, as of any.
func (t *tx) CurrentID(id, issuer string) (string, error) {
	for range maxMerges {
		next, err := one(t, scanColumn[string], `SELECT current FROM patient_merges
			WHERE prior = $1 AND (issuer = $2 OR issuer = '' OR $2 = '') ORDER BY at DESC LIMIT 1`, id, issuer)
		if err != nil || next == nil || *next == id {
			return id, failed("follow merges", err)
		}
		id = *next
	}
	return id, nil
}
