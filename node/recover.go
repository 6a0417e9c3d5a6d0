package node

import (
	"context"
	"fmt"

	"go.uber.org/zap"

	"concord/dicom"
)

// Recover indexes the stored objects that the index lacks: the process may
// have died after it acknowledged them. It runs before the node listens.
func (n *Node) Recover(ctx context.Context, paths func(func(path string) error) error) error {
	var found []Object
	flush := func() error {
		if len(found) == 0 {
			return nil
		}
		n.Log.Info("indexing stored objects that the index lacked", zap.Int("objects", len(found)))
		err := n.index(ctx, found)
		found = found[:0]
		return err
	}
	err := paths(func(path string) error {
		o, err := n.unindexed(ctx, path)
		if err != nil || o == nil {
			return err
		}
		if found = append(found, *o); len(found) < indexBatch {
			return nil
		}
		return flush()
	})
	if err != nil {
		return fmt.Errorf("recover stored objects: %w", err)
	}
	return flush()
}

// unindexed reads the object at path unless the index has it.
func (n *Node) unindexed(ctx context.Context, path string) (*Object, error) {
	var known bool
	var twin *Object
	err := n.Index.View(ctx, func(tx Tx) (err error) {
		known, err = tx.HasPath(path)
		return err
	})
	if err != nil || known {
		return nil, err
	}
	file, err := n.Objects.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	scanned, err := dicom.Scan(file, file.Size())
	if err != nil { // it was readable when it was acknowledged: the disk changed it
		n.Log.Error("a stored object cannot be read any more; restore it from the PACS", zap.String("path", path), zap.Error(err))
		return nil, nil
	}
	o := ObjectOf(scanned, file.Size(), scanned.Meta.String(dicom.SourceApplicationEntityTitle))
	o.Path = path
	err = n.Index.View(ctx, func(tx Tx) (err error) {
		twin, err = tx.Object(o.SOPInstanceUID)
		return err
	})
	o.Aside = twin != nil
	return o, err
}
