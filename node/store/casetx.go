package store

import (
	"fmt"
	"strings"

	"concord/node"
)

// maxPage bounds the cases of one list.
const maxPage = 1000

const caseColumns = `id, revision, state, reason, study_uid, report_key, accession, patient_id, modality, pack,
	created_at, updated_at, report, statements, flags, candidates, fingerprint, dismissed_at`

func scanCase(row scanner) (*node.Case, error) {
	var c node.Case
	var created, updated, dismissed int64
	err := row.Scan(&c.ID, &c.Revision, &c.State, &c.Reason, &c.StudyUID, &c.ReportKey, &c.Accession, &c.PatientID,
		&c.Modality, &c.Pack, &created, &updated, jsonColumn{&c.Report}, jsonColumn{&c.Statements}, jsonColumn{&c.Flags},
		jsonColumn{&c.Candidates}, &c.Fingerprint, &dismissed)
	c.CreatedAt, c.UpdatedAt, c.DismissedAt = fromMillis(created), fromMillis(updated), fromMillis(dismissed)
	return &c, err
}

// caseValues are the values of all columns but the ID and what Dismiss sets.
func caseValues(c *node.Case) ([]any, error) {
	values := []any{c.Revision, string(c.State), prose(c.Reason), c.StudyUID, c.ReportKey, c.Accession, c.PatientID, c.Modality,
		c.Pack, toMillis(c.CreatedAt), toMillis(c.UpdatedAt)}
	for _, v := range []any{c.Report, c.Statements, c.Flags, c.Candidates} {
		text, err := toJSON(v)
		if err != nil {
			return nil, err
		}
		values = append(values, text)
	}
	return append(values, c.Fingerprint), nil
}

// AddCase enters a case and sets its ID.
func (t *tx) AddCase(c *node.Case) error {
	values, err := caseValues(c)
	if err != nil {
		return failed("add case", err)
	}
	c.ID, err = t.insert(`INSERT INTO cases (revision, state, reason, study_uid, report_key, accession,
			patient_id, modality, pack, created_at, updated_at, report, statements, flags, candidates, fingerprint)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)`, values...)
	if err != nil {
		return failed("add case", err)
	}
	t.count(c.State, 1)
	return t.addKeys(c)
}

// PutCase replaces a case that is there. Dismiss is undone by another state.
func (t *tx) PutCase(c *node.Case) error {
	before, err := one(t, scanColumn[node.State], `SELECT state FROM cases WHERE id = $1`, c.ID)
	if err != nil {
		return failed("put case", err)
	}
	if before == nil {
		return failed("put case", fmt.Errorf("case %d is not in the index", c.ID))
	}
	values, err := caseValues(c)
	if err != nil {
		return failed("put case", err)
	}
	_, err = t.exec(`UPDATE cases SET revision = $1, state = $2, reason = $3, study_uid = $4, report_key = $5,
		accession = $6, patient_id = $7, modality = $8, pack = $9, created_at = $10, updated_at = $11,
		report = $12, statements = $13, flags = $14, candidates = $15, fingerprint = $16,
		dismissed_at = CASE WHEN state = $2 THEN dismissed_at ELSE 0 END WHERE id = $17`, append(values, c.ID)...)
	if err != nil {
		return failed("put case", err)
	}
	t.count(*before, -1)
	t.count(c.State, 1)
	if _, err := t.exec(`DELETE FROM case_keys WHERE case_id = $1`, c.ID); err != nil {
		return failed("put case", err)
	}
	return t.addKeys(c)
}

// count adds to the cases in a state. The sums of a transaction go into the
// index at its end.
func (t *tx) count(state node.State, n int) {
	if t.counts == nil {
		t.counts = map[node.State]int{}
	}
	t.counts[state] += n
}

func (t *tx) flushCounts() error {
	for state, n := range t.counts {
		if n == 0 {
			continue
		}
		_, err := t.exec(`INSERT INTO case_counts (state, n) VALUES ($1, $2)
			ON CONFLICT (state) DO UPDATE SET n = case_counts.n + excluded.n`, string(state), n)
		if err != nil {
			return failed("count cases", err)
		}
	}
	t.counts = nil
	return nil
}

// The kinds of keys under which a case waits for its study.
const (
	byStudy     = "study"
	byAccession = "accession"
	byPlacer    = "placer"
	byFiller    = "filler"
)

// addKeys makes a case that waits for images findable by the keys of its
// report. One that names its study by UID waits for that study only.
func (t *tx) addKeys(c *node.Case) error {
	if !c.Awaited() {
		return nil
	}
	keys := []caseKey{{byStudy, c.StudyUID, ""}}
	if c.StudyUID == "" {
		order := c.Report.Order
		keys = []caseKey{{byPlacer, order.Placer, ""}, {byFiller, order.Filler, ""}}
		for _, accession := range node.AccessionKeys(order.Accession) {
			keys = append(keys, caseKey{byAccession, accession, order.AccessionIssuer})
		}
	}
	var rows []string
	values := []any{c.ID}
	for _, key := range keys {
		if key.value == "" {
			continue
		}
		n := len(values)
		rows = append(rows, fmt.Sprintf("($1, $%d, $%d, $%d)", n+1, n+2, n+3))
		values = append(values, key.kind, key.value, strings.ToLower(key.issuer)) // issuers agree whatever their case
	}
	if len(rows) == 0 {
		return nil
	}
	_, err := t.exec(`INSERT INTO case_keys (case_id, kind, value, issuer) VALUES `+strings.Join(rows, ", "), values...)
	return failed("add keys of a case", err)
}

// caseKey is one of the keys that a case waits for.
type caseKey struct{ kind, value, issuer string }

func (t *tx) Case(id int64) (*node.Case, error) {
	c, err := one(t, scanCase, `SELECT `+caseColumns+` FROM cases WHERE id = $1`, id)
	return c, failed("find case", err)
}

// StudyCases lists the cases of a study, oldest first.
func (t *tx) StudyCases(studyUID string) ([]*node.Case, error) {
	list, err := all(t, scanCase, `SELECT `+caseColumns+` FROM cases WHERE study_uid = $1 ORDER BY id`, studyUID)
	return list, failed("list cases of a study", err)
}

// ReportCases lists the cases of a report, oldest first.
func (t *tx) ReportCases(reportKey string) ([]*node.Case, error) {
	list, err := all(t, scanCase, `SELECT `+caseColumns+` FROM cases WHERE report_key = $1 ORDER BY id`, reportKey)
	return list, failed("list cases of a report", err)
}

// WaitingFor lists the cases in state waiting_images, and those expired with a
// report and no study, that the study's UID, accession number (issuers must
// not differ), placer or filler number names, oldest first.
func (t *tx) WaitingFor(s node.Study) ([]*node.Case, error) {
	list, err := all(t, scanCase, `SELECT `+caseColumns+` FROM cases WHERE id IN (
			SELECT case_id FROM case_keys WHERE kind = $1 AND value = $2
			UNION SELECT case_id FROM case_keys WHERE kind = $3 AND value = $4 AND (issuer = $5 OR issuer = '' OR $5 = '')
			UNION SELECT case_id FROM case_keys WHERE kind = $6 AND value = $7
			UNION SELECT case_id FROM case_keys WHERE kind = $8 AND value = $9)
		ORDER BY id`, byStudy, s.UID, byAccession, s.Accession, strings.ToLower(s.AccessionIssuer),
		byPlacer, s.Placer, byFiller, s.Filler)
	return list, failed("find waiting cases", err)
}

// SameText says whether a case of another patient has the fingerprint.
func (t *tx) SameText(fingerprint, patientID string) (bool, error) {
	n, err := one(t, scanColumn[int], `SELECT 1 FROM cases WHERE fingerprint = $1 AND fingerprint <> '' AND patient_id <> $2 LIMIT 1`,
		fingerprint, patientID)
	return n != nil, failed("find the same text", err)
}

// Cases lists cases, newest first, at most maxPage.
func (t *tx) Cases(f node.CaseFilter) ([]*node.Case, error) {
	where, args := caseConditions(f)
	limit := f.Limit
	if limit <= 0 || limit > maxPage {
		limit = maxPage
	}
	query := fmt.Sprintf(`SELECT %s FROM cases WHERE %s ORDER BY id DESC LIMIT $%d`, caseColumns, where, len(args)+1)
	list, err := all(t, scanCase, query, append(args, limit)...)
	return list, failed("list cases", err)
}

// caseConditions writes the filter as SQL. A state has many cases and the
// other keys few: beside one of those the state is an expression, so that no
// planner walks the index of states.
func caseConditions(f node.CaseFilter) (where string, args []any) {
	conditions := []string{"id > 0"}
	add := func(condition string, value any) {
		args = append(args, value)
		conditions = append(conditions, fmt.Sprintf("%s $%d", condition, len(args)))
	}
	for _, key := range []struct{ condition, value string }{
		{"study_uid =", f.StudyUID}, {"accession =", f.Accession}, {"patient_id =", f.PatientID},
	} {
		if key.value != "" {
			add(key.condition, key.value)
		}
	}
	if f.State != "" && len(args) > 0 {
		add("state || '' =", string(f.State))
	} else if f.State != "" {
		add("state =", string(f.State))
	}
	if f.BeforeID != 0 {
		add("id <", f.BeforeID)
	}
	return strings.Join(conditions, " AND "), args
}

// CountCases counts the cases in each state that has any.
func (t *tx) CountCases() (map[node.State]int, error) {
	if err := t.flushCounts(); err != nil {
		return nil, err
	}
	type entry struct {
		state node.State
		n     int
	}
	list, err := all(t, func(row scanner) (*entry, error) {
		var e entry
		return &e, row.Scan(&e.state, &e.n)
	}, `SELECT state, n FROM case_counts WHERE n > 0`)
	counts := make(map[node.State]int, len(list))
	for _, e := range list {
		counts[e.state] = e.n
	}
	return counts, failed("count cases", err)
}

func (t *tx) AddEvent(caseID int64, e node.CaseEvent) error {
	_, err := t.exec(`INSERT INTO case_events (case_id, at, event, person) VALUES ($1, $2, $3, $4)`, caseID, toMillis(e.At), prose(e.Event), e.By)
	return failed("add event", err)
}

// Timelines lists the events of each case in the order in which they were added.
func (t *tx) Timelines(caseIDs ...int64) (map[int64][]node.CaseEvent, error) {
	type entry struct {
		caseID int64
		node.CaseEvent
	}
	list, err := all(t, func(row scanner) (*entry, error) {
		var e entry
		var at int64
		err := row.Scan(&e.caseID, &at, &e.Event, &e.By)
		e.At = fromMillis(at)
		return &e, err
	}, `SELECT case_id, at, event, person FROM case_events WHERE case_id IN (`+numbers(caseIDs)+`) ORDER BY case_id, id`)
	timelines := make(map[int64][]node.CaseEvent, len(caseIDs))
	for _, e := range list {
		timelines[e.caseID] = append(timelines[e.caseID], e.CaseEvent)
	}
	return timelines, failed("list events", err)
}
