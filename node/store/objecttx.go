package store

import (
	"crypto/sha256"
	"fmt"

	"concord/node"
)

// maxMatches bounds the studies that one key of a report may name. A key that
// so many studies share names none of them.
const maxMatches = 1000

// firstMatches is written out, not bound: SQLite looks at a bound limit when
// it plans, and so plans the query again each time it runs.
var firstMatches = fmt.Sprintf(" ORDER BY uid LIMIT %d", maxMatches)

const objectColumns = `path, sop_uid, sop_class_uid, transfer_syntax, size, caller, aside, received_at, header`

func scanObject(row scanner) (*node.Object, error) {
	var o node.Object
	var received int64
	err := row.Scan(&o.Path, &o.SOPInstanceUID, &o.SOPClassUID, &o.TransferSyntax, &o.Size, &o.Caller, &o.Aside,
		&received, jsonColumn{&o.Header})
	o.ReceivedAt = fromMillis(received)
	return &o, err
}

// AddObject enters an object. A second one of the same SOP instance that is
// not put aside is an error, as is a second one of the same path.
func (t *tx) AddObject(o node.Object) error {
	header, err := toJSON(o.Header)
	if err != nil {
		return failed("add object", err)
	}
	_, err = t.exec(`INSERT INTO objects (`+objectColumns+`, study_uid, series_number, instance_number)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`,
		o.Path, o.SOPInstanceUID, o.SOPClassUID, o.TransferSyntax, o.Size, o.Caller, toInt(o.Aside),
		toMillis(o.ReceivedAt), header, o.Header.StudyUID, o.Header.SeriesNumber, o.Header.InstanceNumber)
	return failed("add object", err)
}

func (t *tx) ReplaceObject(o node.Object) error {
	if _, err := t.exec(`DELETE FROM objects WHERE sop_uid = $1 AND aside = 0`, o.SOPInstanceUID); err != nil {
		return failed("replace object", err)
	}
	return t.AddObject(o)
}

func (t *tx) Object(sopInstanceUID string) (*node.Object, error) {
	o, err := one(t, scanObject, `SELECT `+objectColumns+` FROM objects WHERE sop_uid = $1 AND aside = 0`, sopInstanceUID)
	return o, failed("find object", err)
}

func (t *tx) StudyObjects(studyUID string) ([]node.Object, error) {
	list, err := all(t, scanObject, `SELECT `+objectColumns+` FROM objects WHERE study_uid = $1 AND aside = 0
		ORDER BY series_number, instance_number, sop_uid`, studyUID)
	return values(list), failed("list objects of a study", err)
}

// folderPaths are the indexed paths of a folder of the object store.
func (t *tx) folderPaths(folder string) (map[string]bool, error) {
	list, err := all(t, scanColumn[string], `SELECT path FROM objects WHERE path > $1 AND path < $2`, folder+"/", folder+"0")
	known := make(map[string]bool, len(list))
	for _, path := range list {
		known[*path] = true
	}
	return known, failed("list paths of a folder", err)
}

func (t *tx) sealed(folder string) (bool, error) {
	n, err := one(t, scanColumn[int], `SELECT 1 FROM sealed_folders WHERE name = $1`, folder)
	return n != nil, failed("find folder", err)
}

func (t *tx) seal(folder string) error {
	_, err := t.exec(`INSERT INTO sealed_folders (name) VALUES ($1) ON CONFLICT (name) DO NOTHING`, folder)
	return failed("seal folder", err)
}

func (t *tx) unseal(folder string) error {
	_, err := t.exec(`DELETE FROM sealed_folders WHERE name = $1`, folder)
	return failed("unseal folder", err)
}

const studyColumns = `uid, accession, accession_issuer, placer, filler, modality, objects, last_object_at, patient,
	procedure_id, patient_id, study_date`

func scanStudy(row scanner) (*node.Study, error) {
	var s node.Study
	var last int64
	var patientID string // of s.Patient, for the index
	err := row.Scan(&s.UID, &s.Accession, &s.AccessionIssuer, &s.Placer, &s.Filler, &s.Modality, &s.Objects, &last,
		jsonColumn{&s.Patient}, &s.ProcedureID, &patientID, &s.Date)
	s.LastObjectAt = fromMillis(last)
	return &s, err
}

// PutStudy enters a study or replaces it.
func (t *tx) PutStudy(s *node.Study) error {
	patient, err := toJSON(s.Patient)
	if err != nil {
		return failed("put study", err)
	}
	_, err = t.exec(`INSERT INTO studies (`+studyColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
		ON CONFLICT (uid) DO UPDATE SET accession = excluded.accession, accession_issuer = excluded.accession_issuer,
			placer = excluded.placer, filler = excluded.filler, modality = excluded.modality,
			objects = excluded.objects, last_object_at = excluded.last_object_at, patient = excluded.patient,
			procedure_id = excluded.procedure_id, patient_id = excluded.patient_id, study_date = excluded.study_date`,
		s.UID, s.Accession, s.AccessionIssuer, s.Placer, s.Filler, s.Modality, s.Objects, toMillis(s.LastObjectAt), patient,
		s.ProcedureID, s.Patient.ID, s.Date)
	return failed("put study", err)
}

func (t *tx) Study(uid string) (*node.Study, error) {
	s, err := one(t, scanStudy, `SELECT `+studyColumns+` FROM studies WHERE uid = $1`, uid)
	return s, failed("find study", err)
}

// FindStudies lists each study once: those named by UID first, then by
// accession number, placer and filler number, at most maxMatches for a key.
func (t *tx) FindStudies(keys node.StudyKeys) ([]node.Study, error) {
	var found []*node.Study
	for _, uid := range keys.UIDs {
		s, err := t.Study(uid)
		if err != nil {
			return nil, err
		}
		if s != nil {
			found = append(found, s)
		}
	}
	type key struct{ column, value string }
	var named []key
	for _, accession := range keys.Accessions {
		named = append(named, key{"accession", accession})
	}
	for _, key := range append(named, key{"placer", keys.Placer}, key{"filler", keys.Filler}) {
		if key.value == "" {
			continue
		}
		list, err := all(t, scanStudy, `SELECT `+studyColumns+` FROM studies WHERE `+key.column+` = $1`+firstMatches,
			key.value)
		if err != nil {
			return nil, failed("find studies", err)
		}
		found = append(found, list...)
	}
	return distinct(found), nil
}

// PatientStudies lists the studies of a patient on a day, at most maxMatches.
func (t *tx) PatientStudies(patientID, date string) ([]node.Study, error) {
	list, err := all(t, scanStudy, `SELECT `+studyColumns+` FROM studies WHERE patient_id = $1 AND study_date = $2`+firstMatches,
		patientID, date)
	return values(list), failed("find studies of a patient", err)
}

func distinct(studies []*node.Study) (list []node.Study) {
	seen := make(map[string]bool, len(studies))
	for _, s := range studies {
		if !seen[s.UID] {
			seen[s.UID] = true
			list = append(list, *s)
		}
	}
	return list
}

// AddMessage knows a message by its bytes, which hold sender and control ID
// (MSH-3, MSH-4, MSH-10). One that lies in quarantine and comes again when it
// can be read counts as added.
func (t *tx) AddMessage(m *node.Message) (added bool, err error) {
	digest := sha256.Sum256(m.Raw)
	n, err := t.exec(`INSERT INTO messages (digest, peer, control_id, problem, received_at, raw)
		VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (digest) DO UPDATE SET problem = '', control_id = excluded.control_id, received_at = excluded.received_at
		WHERE messages.problem <> '' AND excluded.problem = ''`,
		digest[:], m.Peer, m.ControlID, prose(m.Problem), toMillis(m.ReceivedAt), blob(m.Raw))
	return n > 0, failed("add message", err)
}
