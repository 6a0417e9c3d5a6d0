package audit

import (
	"encoding/base64"
	"sync"
	"time"
)

// Decided records that a person changed what becomes of a case (110111, PS3.15
// A.5.3.15): what holds no patient data, such as 'POST /api/v1/cases/7/judge'.
func (r *Recorder) Decided(by Peer, what string, p Patient, studyUID string) {
	if r == nil {
		return
	}
	objects := reportObjects(p, studyUID)
	objects[0].Details = []detail{{"Decision", base64.StdEncoding.EncodeToString([]byte(clip(what, maxDescription)))}}
	r.record(procedureRecord, Update, Success, nil, r.use(by), objects...)
}

// NetworkChanged records that a person changed whom the node talks with, or
// when (110113, PS3.15 A.5.3.11, type Network Configuration).
func (r *Recorder) NetworkChanged(by Peer, what string) {
	if r == nil {
		return
	}
	r.alert(networkConfiguration, Success, r.node.nodeID(), what, by.participant(true), r.self(false))
}

// UserSeen records the login of a user (110114, PS3.15 A.5.3.12) at the first
// request in half an hour: the proxy that knows the users keeps the sessions.
func (r *Recorder) UserSeen(user Peer) {
	if r == nil || !r.sessions.begins(user, r.now()) {
		return
	}
	r.record(userAuthentication, execute, Success, []code{login}, []participant{user.participant(true), r.self(false)})
}

// UserRefused records that somebody said he was a user and was not believed. He
// counts among the alerts of the minute.
func (r *Recorder) UserRefused(claimed Peer) {
	if r == nil {
		return
	}
	if _, ok := r.alerts.admit(r.now()); !ok {
		return
	}
	r.record(userAuthentication, execute, SeriousFailure, []code{login}, []participant{claimed.participant(true), r.self(false)})
}

const (
	sessionTime = 30 * time.Minute // without a request, then a session is over
	maxSessions = 4096             // of 200 bytes; then all of them begin anew
)

// sessions remember when users were seen last.
type sessions struct {
	mu   sync.Mutex
	seen map[Peer]time.Time
}

func (s *sessions) begins(user Peer, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	last, ok := s.seen[user]
	if s.seen == nil || !ok && len(s.seen) >= maxSessions {
		s.seen = map[Peer]time.Time{}
	}
	s.seen[user] = now
	return !ok || now.Sub(last) >= sessionTime
}
