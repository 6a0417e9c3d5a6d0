package inference

import "sync"

// A Session is one caller's use of a Model, which stays open until End. Sessions of several callers share runs;
// urgent ones go first.
type Session struct {
	Model  *Model
	urgent bool
	end    func()
}

func (m *Model) begin(urgent bool) *Session {
	m.queue.enter()
	return &Session{Model: m, urgent: urgent, end: m.queue.leave}
}

// End says that the caller will ask no more.
func (s *Session) End() { s.end() }

// Live is the pack that is in use. It may be swapped for another while callers use it: a session keeps the
// model that it began with.
type Live struct {
	mu    sync.Mutex
	model *Model
	users *sync.WaitGroup // sessions of the model
}

// NewLive begins with a model, which it closes when its time is over.
func NewLive(m *Model) *Live { return &Live{model: m, users: new(sync.WaitGroup)} }

// Begin starts a session with the pack in use now.
func (l *Live) Begin(urgent bool) *Session {
	l.mu.Lock()
	defer l.mu.Unlock()
	users := l.users
	users.Add(1)
	s := l.model.begin(urgent)
	leave := s.end
	s.end = func() {
		leave()
		users.Done()
	}
	return s
}

// Swap lets new sessions begin with m at once. It returns when the last session of the model before has ended
// and that model is closed.
func (l *Live) Swap(m *Model) error {
	l.mu.Lock()
	before, users := l.model, l.users
	l.model, l.users = m, new(sync.WaitGroup)
	l.mu.Unlock()
	users.Wait()
	return before.Close()
}

// Close waits for the last session to end and closes the model. No session may begin any more.
func (l *Live) Close() error {
	l.mu.Lock()
	model, users := l.model, l.users
	l.mu.Unlock()
	users.Wait()
	return model.Close()
}

// Model is the pack in use now, for its name and digest: use it in a session only.
func (l *Live) Model() *Model {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.model
}
