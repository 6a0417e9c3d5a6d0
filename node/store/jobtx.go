package store

import (
	"time"

	"concord/node"
)

// AddJob queues a job. One that a worker holds right now stays with it, and is
// queued again at j.RunAt when the worker is done: what the worker saw may be
// older than what this call is about.
func (t *tx) AddJob(j node.Job) error {
	_, err := t.exec(`INSERT INTO jobs (queue, job_key, case_id, run_at, due_at) VALUES ($1, $2, $3, $4, $4)
		ON CONFLICT (queue, job_key) DO UPDATE SET run_at = excluded.run_at, moved = jobs.leased,
			due_at = CASE WHEN jobs.leased = 1 THEN jobs.due_at ELSE excluded.due_at END`,
		j.Queue, j.Key, j.CaseID, toMillis(j.RunAt))
	t.wake = append(t.wake, j.Queue)
	return failed("add job", err)
}

// queued is a job as it lies in its queue.
type queued struct {
	node.Job
	due   int64 // milliseconds: when it may be claimed
	moved bool
}

func scanQueued(row scanner) (*queued, error) {
	var q queued
	var runAt int64
	err := row.Scan(&q.ID, &q.Queue, &q.Key, &q.CaseID, &runAt, &q.due, &q.moved, &q.Attempts)
	q.RunAt = fromMillis(runAt)
	return &q, err
}

const jobColumns = `id, queue, job_key, case_id, run_at, due_at, moved, attempts`

// ClaimJob takes the job that is due first or, with fifo, that was queued
// first. A job whose lease ran out is taken over like any other. Of nodes that
// share the index all deliver, which is first in, first out, and the one with
// the objects does the rest.
func (t *tx) ClaimJob(queue string, fifo bool, now time.Time, lease time.Duration) (*node.Job, time.Time, error) {
	if may, err := t.holds(); err != nil || !may && !fifo {
		return nil, time.Time{}, err
	}
	query := `SELECT ` + jobColumns + ` FROM jobs WHERE queue = $1 ORDER BY due_at, id LIMIT 1`
	if fifo {
		query = `SELECT ` + jobColumns + ` FROM jobs WHERE queue = $1 ORDER BY id LIMIT 1`
	}
	for {
		head, err := one(t, scanQueued, query, queue)
		if err != nil || head == nil {
			return nil, time.Time{}, failed("claim job", err)
		}
		if head.due > toMillis(now) {
			return nil, fromMillis(head.due), nil
		}
		if head.moved && head.RunAt.After(now) { // its worker died and a later time was asked for meanwhile
			if _, err := t.exec(`UPDATE jobs SET due_at = run_at, leased = 0, moved = 0 WHERE id = $1`, head.ID); err != nil {
				return nil, time.Time{}, failed("claim job", err)
			}
			continue
		}
		head.Attempts++
		_, err = t.exec(`UPDATE jobs SET due_at = $1, leased = 1, moved = 0, attempts = $2, owner = $3 WHERE id = $4`,
			toMillis(now.Add(lease)), head.Attempts, t.store.name, head.ID)
		return &head.Job, time.Time{}, failed("claim job", err)
	}
}

// RenewJob, FinishJob and RetryJob answer node.ErrLeaseLost for a job that this
// node does not hold: another took it over, and what this one did for it must
// be undone.
func (t *tx) RenewJob(id int64, until time.Time) error {
	n, err := t.exec(`UPDATE jobs SET due_at = $1 WHERE id = $2 AND leased = 1 AND owner = $3`, toMillis(until), id, t.store.name)
	if err == nil && n == 0 {
		err = node.ErrLeaseLost
	}
	return failed("renew job", err)
}

// FinishJob removes a job, and queues it as a new one if it was asked for
// again while it was claimed.
func (t *tx) FinishJob(id int64) error {
	j, err := one(t, scanQueued, `DELETE FROM jobs WHERE id = $1 AND leased = 1 AND owner = $2 RETURNING `+jobColumns, id, t.store.name)
	if err == nil && j == nil {
		err = node.ErrLeaseLost
	}
	if err != nil || !j.moved {
		return failed("finish job", err)
	}
	return t.AddJob(j.Job)
}

// RetryJob gives a job back. A time that was asked for meanwhile goes before at.
func (t *tx) RetryJob(id int64, at time.Time) error {
	queue, err := one(t, scanColumn[string], `UPDATE jobs SET run_at = CASE WHEN moved = 1 THEN run_at ELSE $1 END,
		due_at = CASE WHEN moved = 1 THEN run_at ELSE $1 END, leased = 0, moved = 0
		WHERE id = $2 AND leased = 1 AND owner = $3 RETURNING queue`, toMillis(at), id, t.store.name)
	if err == nil && queue == nil {
		err = node.ErrLeaseLost
	}
	if err != nil {
		return failed("retry job", err)
	}
	t.wake = append(t.wake, *queue)
	return nil
}

func (t *tx) HastenJobs(queue string, now time.Time) error {
	_, err := t.exec(`UPDATE jobs SET run_at = $1, due_at = $1 WHERE queue = $2 AND leased = 0 AND due_at > $1`, toMillis(now), queue)
	t.wake = append(t.wake, queue)
	return failed("hasten jobs", err)
}

func (t *tx) ShiftJobs(by time.Duration) error {
	queues, err := all(t, scanColumn[string], `SELECT DISTINCT queue FROM jobs`)
	if err != nil {
		return failed("shift jobs", err)
	}
	t.wake = append(t.wake, values(queues)...)
	_, err = t.exec(`UPDATE jobs SET run_at = run_at + $1, due_at = due_at + $1`, by.Milliseconds())
	return failed("shift jobs", err)
}
