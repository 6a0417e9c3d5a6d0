package ae

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
)

// Suboperations are the counts of a C-MOVE or C-GET (PS3.7 9.1.3, 9.1.4).
type Suboperations struct{ Remaining, Completed, Failed, Warning int }

func suboperations(c *commandSet) Suboperations {
	return Suboperations{
		Remaining: c.number(remainingSuboperations),
		Completed: c.number(completedSuboperations),
		Failed:    c.number(failedSuboperations),
		Warning:   c.number(warningSuboperations),
	}
}

// Query is what C-FIND, C-MOVE and C-GET ask for (PS3.4 C).
type Query struct {
	SOPClass   string // of the information model and service
	Identifier []byte // data set in TransferSyntax

	// TransferSyntax chooses the context; "" is implicit VR little endian.
	TransferSyntax string
}

// Find performs a C-FIND (PS3.7 9.1.2): match gets each match, a data set in
// the query's transfer syntax that ends with the call. An error of match
// cancels the query and is returned in a *StatusError; the association stands.
func (a *Association) Find(ctx context.Context, q Query, match func(io.Reader) error) error {
	return a.query(ctx, cFindRQ, q, "", func(m *message) error {
		if m.data == nil {
			return errors.New("the peer sends a match without an identifier")
		}
		return match(m.data)
	}, nil)
}

// Move performs a C-MOVE (PS3.7 9.1.4): the peer sends what q names to the AE
// title destination, which it must know. progress, unless nil, gets the counts
// as they come. The last counts are returned; failed sub-operations alone are
// no error.
func (a *Association) Move(ctx context.Context, q Query, destination string, progress func(Suboperations)) (Suboperations, error) {
	var counts Suboperations
	err := a.query(ctx, cMoveRQ, q, destination, counting(&counts, progress), nil)
	return counts, err
}

// Get performs a C-GET (PS3.7 9.1.3): the peer sends what q names on this
// association, and store keeps it as a Server's Store does. The storage
// classes need contexts proposed with SCP.
func (a *Association) Get(ctx context.Context, q Query, store func(context.Context, *StoreRequest) error) (Suboperations, error) {
	var counts Suboperations
	err := a.query(ctx, cGetRQ, q, "", counting(&counts, nil), func(m *message) error {
		return a.performStore(ctx, m, store)
	})
	return counts, err
}

func counting(counts *Suboperations, progress func(Suboperations)) func(*message) error {
	return func(m *message) error {
		*counts = suboperations(m.command)
		if progress != nil {
			progress(*counts)
		}
		return nil
	}
}

// query sends a request and hands its responses to each, the last one without
// a data set too where it has counts. stored performs the C-STOREs of a C-GET.
func (a *Association) query(ctx context.Context, field uint16, q Query, destination string, each, stored func(*message) error) error {
	syntax := q.TransferSyntax
	if syntax == "" {
		syntax = implicitVRLittleEndian
	}
	contextID, ok := a.context(q.SOPClass, syntax)
	if !ok {
		return &StatusError{Status: StatusSOPClassNotSupported, Err: fmt.Errorf("the peer did not accept %s with transfer syntax %s", q.SOPClass, syntax)}
	}
	return a.use(ctx, func() error {
		rq := newRequest(field, a.nextID(), affectedSOPClassUID, q.SOPClass)
		rq.setUint16(priority, 0) // medium
		if destination != "" {
			rq.setText(moveDestination, destination)
		}
		if err := a.dimse.send(contextID, rq, bytes.NewReader(q.Identifier)); err != nil {
			return a.sendFailed(err)
		}
		return a.responses(contextID, rq, each, stored)
	})
}

// responses receives the responses of a query up to the final one (PS3.7 C.4).
func (a *Association) responses(contextID byte, rq *commandSet, each, stored func(*message) error) error {
	var failed error // of each; the query is cancelled
	for {
		m, err := a.dimse.receive()
		if err != nil {
			return err
		}
		if stored != nil && m.command.field() == cStoreRQ {
			if err := stored(m); err != nil {
				return err
			}
			continue
		}
		if err := a.answers(m, rq); err != nil {
			return err
		}
		status, _ := m.command.uint16(statusElement)
		pending := status == StatusPending || status == StatusPendingWarning
		counts := rq.field() != cFindRQ
		cancel := false
		if failed == nil && (pending || counts) {
			failed = each(m)
			cancel = failed != nil && pending
		}
		if err := m.drain(); err != nil {
			return err
		}
		if !pending {
			return a.queryEnd(m.command, failed)
		}
		if cancel {
			if err := a.dimse.send(contextID, newCancel(rq), nil); err != nil {
				return err
			}
		}
	}
}

// queryEnd is the outcome of a query: what failed here, or the final status.
func (a *Association) queryEnd(final *commandSet, failed error) error {
	if failed != nil {
		return &StatusError{Status: StatusCancel, Err: failed}
	}
	return a.status(final)
}

// newCancel is the C-CANCEL of a query (PS3.7 9.3.2.3).
func newCancel(rq *commandSet) *commandSet {
	c := &commandSet{}
	c.setUint16(commandField, cCancelRQ)
	c.setUint16(messageIDBeingRespondedTo, uint16(rq.number(messageID)))
	c.setUint16(commandDataSetType, noDataSet)
	return c
}

// performStore performs a C-STORE sub-operation of a C-GET.
func (a *Association) performStore(ctx context.Context, m *message, store func(context.Context, *StoreRequest) error) error {
	rq := storeRequest(m)
	err := rq.check(m)
	if err == nil {
		rq.Data = m.data
		err = store(ctx, rq)
	}
	if err := m.drain(); err != nil {
		return err
	}
	status, comment := statusOf(err)
	return a.dimse.send(m.contextID, newResponse(m.command, status, comment), nil)
}
