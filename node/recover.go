package node

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"go.uber.org/zap"

	"concord/dicom"
)

// Recover does what an earlier process acknowledged and did not come to: it
// indexes stored objects, whose paths unindexed names, and processes messages
// of the journal. It runs before the node listens.
func (n *Node) Recover(ctx context.Context, unindexed func(func(path string) error) error) error {
	if err := n.recoverObjects(ctx, unindexed); err != nil {
		return err
	}
	if err := n.replay(ctx); err != nil {
		return fmt.Errorf("recover received messages: %w", err)
	}
	return nil
}

func (n *Node) recoverObjects(ctx context.Context, unindexed func(func(path string) error) error) error {
	var found []Object
	seen := map[string]bool{}
	err := unindexed(func(path string) error {
		o, err := n.readStored(ctx, path)
		if err != nil || o == nil {
			return err
		}
		o.Aside = o.Aside || seen[o.SOPInstanceUID]
		seen[o.SOPInstanceUID] = true
		if found = append(found, *o); len(found) < indexBatch {
			return nil
		}
		err, found = n.index(ctx, found), found[:0]
		return err
	})
	if err == nil && len(found) > 0 {
		err = n.index(ctx, found)
	}
	if err != nil {
		return fmt.Errorf("recover stored objects: %w", err)
	}
	if len(seen) > 0 {
		n.Log.Info("indexed stored objects that the index lacked", zap.Int("objects", len(seen)))
	}
	return nil
}

// readStored makes the index entry of a stored file.
func (n *Node) readStored(ctx context.Context, path string) (*Object, error) {
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
	var twin *Object
	err = n.Index.View(ctx, func(tx Tx) (err error) {
		twin, err = tx.Object(o.SOPInstanceUID)
		return err
	})
	if err != nil || twin == nil {
		return o, err
	}
	kept, err := n.Objects.Open(twin.Path)
	if o.Restored = errors.Is(err, fs.ErrNotExist); o.Restored {
		return o, nil
	}
	o.Aside = true
	if err == nil {
		err = kept.Close()
	}
	return o, err
}
