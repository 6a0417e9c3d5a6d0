package dicom

import (
	"errors"
	"fmt"
)

// ErrNotDICOM means that the bytes begin neither as a DICOM file nor as a data
// set in any transfer syntax.
var ErrNotDICOM = errors.New("not DICOM: neither a Part 10 file nor a data set; check what was sent")

// TruncatedError means that the bytes end before the object does. What stands
// before the cut is returned with it.
type TruncatedError struct {
	Tag  Tag   // the element that is cut, 0 if not even its header is whole
	Need int64 // bytes the element asks for
	Have int64 // bytes that are left
}

func (e *TruncatedError) Error() string {
	return fmt.Sprintf("the object is cut off at %v: %d bytes are declared, %d are there; have it sent again",
		e.Tag, e.Need, e.Have)
}

// FormatError means that the bytes at Offset break the encoding rules of PS3.5
// in a way that leaves no safe reading of what follows.
type FormatError struct {
	Offset int64 // in the file; in the inflated data set of a deflated object
	Reason string
}

func (e *FormatError) Error() string {
	return fmt.Sprintf("malformed DICOM at byte %d: %s", e.Offset, e.Reason)
}

// LimitError means that reading on would cost more than any honest object does.
type LimitError struct {
	What  string
	Limit int64
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("refused: %s exceeds the limit of %d", e.What, e.Limit)
}
