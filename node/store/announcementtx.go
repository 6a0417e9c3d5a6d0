package store

import (
	"fmt"
	"slices"
	"time"

	"concord/node"
)

// keepAnnouncements is how long after its last change an announcement is of
// use.
const keepAnnouncements = 30 * 24 * time.Hour

// newestAnnouncements bounds what is looked at for a study: some senders notify
// of each instance. The limit is written out as firstMatches is.
var newestAnnouncements = fmt.Sprintf(" LIMIT %d", node.MaxAnnouncements)

const announcementColumns = `source, uid, sender, status, promised, pulls, at`

func scanAnnouncement(row scanner) (*node.Announcement, error) {
	var a node.Announcement
	var at int64
	err := row.Scan(&a.Source, &a.UID, &a.From, &a.Status, &a.Count, &a.Pulls, &at)
	a.At = fromMillis(at)
	return &a, err
}

// PutAnnouncement also forgets announcements that are too old.
func (t *tx) PutAnnouncement(a *node.Announcement) error {
	if _, err := t.exec(`DELETE FROM announcements WHERE at < $1`, toMillis(a.At.Add(-keepAnnouncements))); err != nil {
		return failed("forget announcements", err)
	}
	_, err := t.exec(`INSERT INTO announcements (`+announcementColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7)
		ON CONFLICT (source, uid) DO UPDATE SET sender = excluded.sender, status = excluded.status,
			promised = excluded.promised, pulls = excluded.pulls, at = excluded.at`,
		string(a.Source), a.UID, a.From, a.Status, a.Count, a.Pulls, toMillis(a.At))
	if err != nil {
		return failed("put announcement", err)
	}
	for _, uid := range a.StudyUIDs {
		if err := t.putKey(a, byStudy, uid); err != nil {
			return err
		}
	}
	for _, accession := range a.Accessions {
		if err := t.putKey(a, byAccession, accession); err != nil {
			return err
		}
	}
	return t.putInstances(a)
}

// putKey makes an announcement findable. The kinds are those of cases' keys.
func (t *tx) putKey(a *node.Announcement, kind, value string) error {
	_, err := t.exec(`INSERT INTO announced_keys (source, uid, kind, value) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`,
		string(a.Source), a.UID, kind, value)
	return failed("put key of an announcement", err)
}

func (t *tx) putInstances(a *node.Announcement) error {
	if a.Instances == nil {
		return nil
	}
	if _, err := t.exec(`DELETE FROM announced_instances WHERE source = $1 AND uid = $2`, string(a.Source), a.UID); err != nil {
		return failed("put announced instances", err)
	}
	for _, i := range a.Instances {
		_, err := t.exec(`INSERT INTO announced_instances (source, uid, sop_uid, series_uid, sop_class_uid) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT DO NOTHING`, string(a.Source), a.UID, i.SOPUID, i.SeriesUID, i.ClassUID)
		if err != nil {
			return failed("put announced instances", err)
		}
	}
	return nil
}

func (t *tx) Announcement(source node.Source, uid string) (*node.Announcement, error) {
	a, err := one(t, scanAnnouncement, `SELECT `+announcementColumns+` FROM announcements WHERE source = $1 AND uid = $2`, string(source), uid)
	if err != nil || a == nil {
		return nil, failed("find announcement", err)
	}
	return a, t.readKeys(a)
}

func (t *tx) readKeys(a *node.Announcement) error {
	studies, err := t.keys(a, byStudy)
	if err != nil {
		return err
	}
	accessions, err := t.keys(a, byAccession)
	a.StudyUIDs, a.Accessions = studies, accessions
	return err
}

func (t *tx) keys(a *node.Announcement, kind string) ([]string, error) {
	list, err := all(t, scanColumn[string], `SELECT value FROM announced_keys WHERE source = $1 AND uid = $2 AND kind = $3 ORDER BY value`,
		string(a.Source), a.UID, kind)
	return values(list), failed("list keys of an announcement", err)
}

func (t *tx) Announcements(studyUID, accession string) ([]node.Announcement, error) {
	list, err := t.announcedUnder(byStudy, studyUID)
	if err != nil || len(list) > 0 || accession == "" {
		return list, err
	}
	return t.announcedUnder(byAccession, accession)
}

func (t *tx) announcedUnder(kind, value string) ([]node.Announcement, error) {
	list, err := all(t, scanAnnouncement, `SELECT `+announcementColumns+` FROM announcements a WHERE EXISTS (
		SELECT 1 FROM announced_keys k WHERE k.kind = $1 AND k.value = $2 AND k.source = a.source AND k.uid = a.uid)
		ORDER BY at DESC, uid DESC`+newestAnnouncements, kind, value)
	if err != nil {
		return nil, failed("list announcements", err)
	}
	slices.Reverse(list)
	for _, a := range list {
		if err := t.readKeys(a); err != nil {
			return nil, err
		}
	}
	return values(list), nil
}

func (t *tx) MissingInstances(source node.Source, uid string) ([]node.Reference, error) {
	list, err := all(t, func(row scanner) (*node.Reference, error) {
		var r node.Reference
		return &r, row.Scan(&r.SOPUID, &r.SeriesUID, &r.ClassUID)
	}, `SELECT sop_uid, series_uid, sop_class_uid FROM announced_instances i WHERE source = $1 AND uid = $2
		AND NOT EXISTS (SELECT 1 FROM objects o WHERE o.sop_uid = i.sop_uid AND o.aside = 0) ORDER BY series_uid, sop_uid`, string(source), uid)
	return values(list), failed("list missing instances", err)
}
