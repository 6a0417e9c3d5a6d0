package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"concord/node"
)

// sweepBatch is how many files are deleted between two transactions.
const sweepBatch = 1000

// messageBatch is how many messages lose their bytes in one transaction.
const messageBatch = 500

// removable is true for a study s that is of no more use: nothing happened to
// it or its cases since $1, each of its cases is finished or dismissed and every
// result settled, and no report waits for a person who may choose it.
var removable = `s.last_object_at < $1
	AND NOT EXISTS (SELECT 1 FROM cases c WHERE c.study_uid = s.uid AND (c.updated_at >= $1 OR c.dismissed_at >= $1
		OR (c.dismissed_at = 0 AND c.state NOT IN (` + quoted(node.FinishedStates) + `))))
	AND NOT EXISTS (SELECT 1 FROM cases c JOIN deliveries d ON d.case_id = c.id WHERE c.study_uid = s.uid
		AND d.state IN (` + unsettled + `))
	AND NOT EXISTS (SELECT 1 FROM cases c WHERE c.state = '` + string(node.Ambiguous) + `' AND c.candidates LIKE '%"' || s.uid || '"%')`

// unsettled are the states of results that are still to be sent.
const unsettled = `'` + string(node.DeliveryWaiting) + `', '` + string(node.DeliveryRetrying) + `'`

// awaiting are the states whose cases have a deadline: what they came from is
// kept as it was received.
var awaiting = slices.DeleteFunc(slices.Clone(node.States), func(s node.State) bool {
	return s == node.Failed || slices.Contains(node.FinishedStates, s)
})

// quoted writes states, which are constants of the program, as a list of SQL.
func quoted(states []node.State) string {
	var list []string
	for _, s := range states {
		list = append(list, "'"+string(s)+"'")
	}
	return strings.Join(list, ", ")
}

// FinishedStudies lists the UIDs of removable studies, oldest first.
func (t *tx) FinishedStudies(before time.Time, limit int) ([]string, error) {
	if may, err := t.holds(); err != nil || !may {
		return nil, err
	}
	list, err := all(t, scanColumn[string], `SELECT s.uid FROM studies s WHERE `+removable+`
		ORDER BY s.last_object_at LIMIT $2`, toMillis(before), limit)
	return values(list), failed("list finished studies", err)
}

// RemoveStudy leaves the files to Sweep.
func (t *tx) RemoveStudy(uid string, before time.Time) (*node.Removed, error) {
	found, err := one(t, scanColumn[int], `SELECT 1 FROM studies s WHERE `+removable+` AND s.uid = $2`, toMillis(before), uid)
	if err != nil || found == nil {
		return nil, failed("remove study", err)
	}
	removed, err := one(t, func(row scanner) (*node.Removed, error) {
		var r node.Removed
		return &r, row.Scan(&r.Objects, &r.Bytes)
	}, `SELECT count(*), coalesce(sum(size), 0) FROM objects WHERE study_uid = $1`, uid)
	if err != nil {
		return nil, failed("remove study", err)
	}
	if err := t.rememberImage(uid); err != nil {
		return nil, failed("remove study", err)
	}
	for _, query := range []string{
		`INSERT INTO removals (path) SELECT path FROM objects WHERE study_uid = $1`,
		`DELETE FROM objects WHERE study_uid = $1`,
		`DELETE FROM studies WHERE uid = $1`,
	} {
		if _, err := t.exec(query, uid); err != nil {
			return nil, failed("remove study", err)
		}
	}
	return removed, nil
}

// rememberImage keeps one object, if possible a picture, for the study's judged
// cases. An expired one may still get its images, and is judged on those.
func (t *tx) rememberImage(studyUID string) error {
	list, err := all(t, scanObject, `SELECT `+objectColumns+` FROM objects WHERE study_uid = $1 AND aside = 0
		ORDER BY series_number, instance_number, sop_uid LIMIT 50`, studyUID)
	if err != nil || len(list) == 0 {
		return err
	}
	kept := list[max(0, slices.IndexFunc(list, func(o *node.Object) bool { return o.Header.Frames > 0 }))]
	kept.Path = ""
	text, err := toJSON(kept)
	if err != nil {
		return err
	}
	_, err = t.exec(`INSERT INTO removed_images (case_id, object) SELECT id, $1 FROM cases WHERE study_uid = $2 AND state <> $3
		ON CONFLICT (case_id) DO NOTHING`, text, studyUID, string(node.Expired))
	return err
}

func (t *tx) RemovedImage(caseID int64) (*node.Object, error) {
	o, err := one(t, func(row scanner) (*node.Object, error) {
		var o node.Object
		return &o, row.Scan(jsonColumn{&o})
	}, `SELECT object FROM removed_images WHERE case_id = $1`, caseID)
	return o, failed("find removed image", err)
}

func (t *tx) Dismiss(caseID int64, at time.Time) (bool, error) {
	n, err := t.exec(`UPDATE cases SET dismissed_at = $1 WHERE id = $2 AND state = '`+string(node.Failed)+`'`, toMillis(at), caseID)
	return n > 0, failed("dismiss case", err)
}

// thinBatch cases are looked at in one transaction.
const thinBatch = 200

func (t *tx) ThinCases(before time.Time, afterID int64) (lastID int64, err error) {
	list, err := all(t, scanCase, `SELECT `+caseColumns+` FROM cases WHERE id > $1 ORDER BY id LIMIT $2`, afterID, thinBatch)
	if err != nil {
		return 0, failed("find old cases", err)
	}
	for _, c := range list {
		if !c.CreatedAt.Before(before) {
			return 0, nil
		}
		lastID = c.ID
		if !ended(c, before) {
			continue
		}
		if err := t.thin(c); err != nil {
			return 0, failed("thin case", err)
		}
	}
	return lastID, nil
}

// ended says whether nothing is to happen to a case that has not happened
// before a time.
func ended(c *node.Case, before time.Time) bool {
	dismissed := !c.DismissedAt.IsZero() && c.DismissedAt.Before(before)
	return c.UpdatedAt.Before(before) && (dismissed || slices.Contains(node.FinishedStates, c.State))
}

// thin leaves of a case what it takes to know it again: keys, state and
// revision, and which results went where under which UIDs.
func (t *tx) thin(c *node.Case) error {
	used, err := one(t, scanColumn[int], `SELECT 1 FROM cases c WHERE c.id = $1 AND (
			EXISTS (SELECT 1 FROM studies s WHERE s.uid = c.study_uid)
			OR EXISTS (SELECT 1 FROM feedback f WHERE f.case_id = c.id)
			OR EXISTS (SELECT 1 FROM deliveries d WHERE d.case_id = c.id AND d.state IN (`+unsettled+`)))`, c.ID)
	if err != nil || used != nil {
		return err
	}
	if c.Report != nil {
		c.Report.Blocks, c.Report.NotChecked = nil, nil
	}
	c.Statements, c.Flags, c.Candidates = nil, nil, nil
	if err := t.PutCase(c); err != nil {
		return err
	}
	if _, err := t.exec(`DELETE FROM case_events WHERE case_id = $1`, c.ID); err != nil {
		return err
	}
	_, err = t.exec(`UPDATE deliveries SET payload = $1 WHERE case_id = $2`, []byte{}, c.ID)
	return err
}

// RemoveMessages empties messages and keeps what tells a repetition. It counts
// them; as long as there are some, there may be more.
func (t *tx) RemoveMessages(before time.Time) (int64, error) {
	oldest, err := one(t, scanColumn[int64], `SELECT coalesce(min(created_at), $1) FROM cases WHERE state IN (`+quoted(awaiting)+`)`,
		toMillis(before))
	if err != nil {
		return 0, failed("remove messages", err)
	}
	n, err := t.exec(`UPDATE messages SET raw = $1 WHERE id IN (SELECT id FROM messages
		WHERE problem = '' AND length(raw) > 0 AND received_at < $2 LIMIT $3)`, []byte{}, min(*oldest, toMillis(before)), messageBatch)
	return n, failed("remove messages", err)
}

// Sweep deletes the files whose objects RemoveStudy took out of the index.
// A path stays among the removals until its file is gone for good, and no new
// object gets it meanwhile: what a crash leaves is deleted by the next Open.
func (s *Store) Sweep(ctx context.Context) error {
	for {
		paths, err := s.removals(ctx)
		if err != nil || len(paths) == 0 {
			return err
		}
		if err := s.files.recent.settle(); err != nil { // or the journal would bring them back
			return fmt.Errorf("store: delete removed objects: %w", err)
		}
		s.files.reserve(paths)
		if err := s.files.delete(paths); err != nil {
			return fmt.Errorf("store: delete removed objects: %w", err)
		}
		if err := s.Update(ctx, func(t node.Tx) error { return t.(*tx).forget(paths) }); err != nil {
			return err
		}
		s.files.release(paths)
	}
}

func (s *Store) removals(ctx context.Context) (paths []string, err error) {
	err = s.View(ctx, func(t node.Tx) error {
		if may, err := t.(*tx).holds(); err != nil || !may {
			return err
		}
		list, err := all(t.(*tx), scanColumn[string], `SELECT path FROM removals ORDER BY path LIMIT $1`, sweepBatch)
		paths = values(list)
		return failed("list removals", err)
	})
	return paths, err
}

func (t *tx) forget(paths []string) error {
	for _, p := range paths {
		if _, err := t.exec(`DELETE FROM removals WHERE path = $1`, p); err != nil {
			return failed("forget removal", err)
		}
	}
	return nil
}

// reserve keeps new objects from getting the paths; release ends that.
func (f *files) reserve(paths []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, p := range paths {
		f.reserved[p] = true
	}
}

func (f *files) release(paths []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, p := range paths {
		delete(f.reserved, p)
	}
}

// delete returns once the files, which lie in order of their folders, cannot
// come back.
func (f *files) delete(paths []string) error {
	for _, p := range paths {
		if err := f.root.Remove(p); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	folders := make([]string, len(paths))
	for i, p := range paths {
		folders[i] = path.Dir(p)
	}
	for _, name := range slices.Compact(folders) {
		if err := syncDir(filepath.Join(f.dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if err := f.dropFolder(name); err != nil {
			return err
		}
	}
	return nil
}

// dropFolder removes an empty folder, unless drafts of this process may still
// go there.
func (f *files) dropFolder(name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.used[name] || unix.Rmdir(filepath.Join(f.dir, name)) != nil {
		return nil // it stays: there are objects in it, or may be
	}
	return f.index.Update(context.Background(), func(t node.Tx) error { return t.(*tx).unseal(name) })
}
