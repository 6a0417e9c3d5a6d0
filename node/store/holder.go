package store

import (
	"context"
	"fmt"

	"concord/node"
)

// Who keeps the objects of an index that nodes share.
const (
	nobodyYet = iota
	thisNode
	anotherNode
)

// holds says whether this node may keep objects: it does already, or nobody
// does. Objects lie in the data directory of one node, so only that one can
// judge them and remove them.
func (t *tx) holds() (bool, error) {
	s := t.store
	if s.name != "" && s.holder.Load() == nobodyYet {
		name, err := one(t, scanColumn[string], `SELECT node FROM object_holder WHERE one = 1`)
		if err != nil {
			return false, failed("find the node that keeps the objects", err)
		}
		if name != nil {
			s.holder.Store(heldBy(*name == s.name))
		}
	}
	return s.holder.Load() != anotherNode, nil
}

func heldBy(me bool) int32 {
	if me {
		return thisNode
	}
	return anotherNode
}

// hold makes this node the one that keeps objects, unless another does.
func (s *Store) hold() error {
	if s.name == "" || s.holder.Load() == thisNode {
		return nil
	}
	var may bool
	err := s.Update(context.Background(), func(t node.Tx) (err error) {
		_, err = t.(*tx).exec(`INSERT INTO object_holder (one, node) VALUES (1, $1) ON CONFLICT (one) DO NOTHING`, s.name)
		if err == nil {
			may, err = t.(*tx).holds()
		}
		return err
	})
	if err == nil && !may {
		err = fmt.Errorf("store: another node keeps the objects of this index: send them there")
	}
	return err
}
