package node

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"go.uber.org/zap"

	"concord/dicom"
)

// Incoming describes an object that a peer stores.
type Incoming struct {
	Caller         string // calling AE title
	SOPClassUID    string // of the C-STORE command
	SOPInstanceUID string
	TransferSyntax string // of the presentation context

	// Stored is told of the object once its bytes are durable, and whether
	// they were there before; nil: nobody asks.
	Stored func(o *Object, held bool)
}

func (in *Incoming) stored(o *Object, held bool) {
	if in.Stored != nil {
		in.Stored(o, held)
	}
}

// UnreadableError says that an object cannot be kept since its data set cannot
// be read (C-STORE status C000H).
type UnreadableError struct{ Err error }

func (e *UnreadableError) Error() string { return "the data set cannot be read: " + e.Err.Error() }
func (e *UnreadableError) Unwrap() error { return e.Err }

// MismatchError says that command and data set name different objects (A900H).
type MismatchError struct{ What string }

func (e *MismatchError) Error() string { return e.What + " of command and data set differ" }

// ReceiveObject stores the data set of a C-STORE and returns nil once its bytes
// are durable. The index follows; Recover repairs what a crash in between left.
func (n *Node) ReceiveObject(ctx context.Context, in Incoming, data io.Reader) error {
	err := n.receiveObject(ctx, in, data)
	if err != nil {
		n.Stats.ObjectsRefused.Add(1)
	}
	return err
}

func (n *Node) receiveObject(ctx context.Context, in Incoming, data io.Reader) error {
	if err := n.room(); err != nil {
		return err
	}
	draft, err := n.Objects.Create()
	if err != nil {
		return fmt.Errorf("create object: %w", err)
	}
	defer draft.Abort()
	size, err := writePart10(draft, in, data)
	if err != nil {
		return fmt.Errorf("receive object: %w", err)
	}
	object, err := n.intake.read(draft, size, in)
	if err != nil {
		return err
	}
	n.intake.lock(object.SOPInstanceUID)
	defer n.intake.unlock(object.SOPInstanceUID)
	known, err := n.knownObject(ctx, object.SOPInstanceUID)
	if err != nil {
		return fmt.Errorf("look up object: %w", err)
	}
	if known != nil {
		same, err := n.sameBytes(draft, size, known)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			object.Restored = true
			n.Log.Warn("a known object whose file is gone came again and is stored again; find out who deleted the file",
				zap.String("sop_instance_uid", object.SOPInstanceUID), zap.String("path", known.Path))
		case err != nil:
			return fmt.Errorf("compare with the object that is there: %w", err)
		case same:
			n.Stats.Duplicates.Add(1)
			in.stored(object, true)
			return nil
		default:
			object.Aside = true
			n.Log.Warn("another object with a known SOP Instance UID was put aside; look at its sender",
				zap.String("sop_instance_uid", object.SOPInstanceUID), zap.String("caller", in.Caller))
		}
	}
	if object.Path, err = draft.Commit(object.SOPInstanceUID); err != nil {
		return fmt.Errorf("commit object: %w", err)
	}
	n.Stats.Objects.Add(1)
	n.Stats.ObjectBytes.Add(size)
	in.stored(object, false)
	n.intake.enqueue(ctx, *object)
	return nil
}

// writePart10 writes file meta and data set; the data set's bytes stay as they
// came.
func writePart10(w io.Writer, in Incoming, data io.Reader) (int64, error) {
	meta, err := dicom.WriteMeta(w, dicom.Meta{SOPClassUID: in.SOPClassUID, SOPInstanceUID: in.SOPInstanceUID,
		TransferSyntax: in.TransferSyntax, SourceAE: in.Caller})
	if err != nil {
		return 0, err
	}
	body, err := io.Copy(w, data)
	return meta + body, err
}

// readObject scans a received Part 10 file and checks it against the command.
func readObject(r io.ReaderAt, size int64, in Incoming) (*Object, error) {
	scanned, err := dicom.Scan(r, size)
	var limit *dicom.LimitError
	if err != nil && !errors.As(err, &limit) {
		return nil, &UnreadableError{Err: err}
	}
	defer scanned.Release()
	o := ObjectOf(scanned, size, in.Caller)
	if limit != nil { // a header of extreme size: kept for its keys, and said why it is not judged
		o.Header.NotShown = limit.Error()
	}
	for _, key := range []struct{ name, value string }{{"SOP Instance UID", o.SOPInstanceUID}, {"Study Instance UID", o.Header.StudyUID},
		{"Series Instance UID", o.Header.SeriesUID}} {
		if key.value == "" {
			return nil, &UnreadableError{Err: fmt.Errorf("no %s; the sender must add it", key.name)}
		}
	}
	switch {
	case o.SOPInstanceUID != in.SOPInstanceUID:
		return nil, &MismatchError{What: "SOP Instance UIDs"}
	case o.SOPClassUID != in.SOPClassUID:
		return nil, &MismatchError{What: "SOP Class UIDs"}
	}
	return o, nil
}

// ObjectOf makes the index entry of a scanned object; its Path is not known yet.
func ObjectOf(scanned *dicom.Object, size int64, caller string) *Object {
	return &Object{SOPInstanceUID: scanned.String(dicom.SOPInstanceUID), SOPClassUID: scanned.String(dicom.SOPClassUID),
		TransferSyntax: scanned.TransferSyntax, Size: size, Caller: caller, ReceivedAt: time.Now(), Header: HeaderOf(scanned)}
}

func (n *Node) knownObject(ctx context.Context, uid string) (known *Object, err error) {
	if o := n.intake.find(uid); o != nil {
		return o, nil
	}
	err = n.Index.View(ctx, func(tx Tx) error {
		known, err = tx.Object(uid)
		return err
	})
	return known, err
}

// sameBytes compares the data sets of a draft and of a stored object. The file
// meta may differ: it names the sender.
func (n *Node) sameBytes(draft io.ReaderAt, size int64, known *Object) (bool, error) {
	file, err := n.Objects.Open(known.Path)
	if err != nil {
		return false, err
	}
	defer file.Close()
	a, err := dataSetBytes(draft, size)
	if err != nil {
		return false, err
	}
	b, err := dataSetBytes(file, file.Size())
	if err != nil {
		return false, err
	}
	return a.Size() == b.Size() && equalReaders(a, b), nil
}

func dataSetBytes(r io.ReaderAt, size int64) (*io.SectionReader, error) {
	o, err := dicom.Scan(r, size)
	if err != nil {
		return nil, err
	}
	return io.NewSectionReader(r, o.DataSetOffset, size-o.DataSetOffset), nil
}

func equalReaders(a, b io.Reader) bool {
	bufA, bufB := make([]byte, 64<<10), make([]byte, 64<<10)
	for {
		nA, errA := io.ReadFull(a, bufA)
		nB, errB := io.ReadFull(b, bufB)
		if nA != nB || !bytes.Equal(bufA[:nA], bufB[:nB]) {
			return false
		}
		if errA != nil || errB != nil {
			return true // both have the same length
		}
	}
}
