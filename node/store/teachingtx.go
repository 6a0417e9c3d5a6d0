package store

import "concord/node"

// PutSum keeps what a judged case adds to its author's week.
func (t *tx) PutSum(caseID int64, w node.AuthorWeek) error {
	_, err := t.exec(`INSERT INTO case_sums (case_id, author, week, statements, contradicted, open, vague, flags)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
		ON CONFLICT (case_id) DO UPDATE SET author = excluded.author, week = excluded.week, statements = excluded.statements,
			contradicted = excluded.contradicted, open = excluded.open, vague = excluded.vague, flags = excluded.flags`,
		caseID, w.Author, toMillis(w.Week), w.Statements, w.No, w.Maybe, w.Vague, w.Flags)
	return failed("sum up case", err)
}

// Sums adds by author and week.
func (t *tx) Sums(limit int) ([]node.AuthorWeek, error) {
	list, err := all(t, func(row scanner) (*node.AuthorWeek, error) {
		var w node.AuthorWeek
		var week int64
		err := row.Scan(&w.Author, &week, &w.Reports, &w.Statements, &w.No, &w.Maybe, &w.Vague, &w.Flags)
		w.Week = fromMillis(week)
		return &w, err
	}, `WITH s AS (SELECT * FROM case_sums ORDER BY case_id DESC LIMIT $1)
		SELECT s.author, s.week, count(*), sum(s.statements), sum(s.contradicted), sum(s.open), sum(s.vague), sum(s.flags)
		FROM s WHERE s.case_id NOT IN (SELECT id FROM cases WHERE state IN ('`+string(node.Superseded)+`', '`+string(node.Withdrawn)+`')
			AND id >= (SELECT min(case_id) FROM s))
		GROUP BY s.author, s.week ORDER BY s.author, s.week`, limit)
	return values(list), failed("sum up cases", err)
}
