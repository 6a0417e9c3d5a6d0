// Package dicom reads the headers of DICOM objects (PS3.5 data sets, PS3.10
// files) without ever holding their pixels, names the tags, SOP classes and
// transfer syntaxes that Concord knows (PS3.6), and writes file meta
// information.
//
// [Scan] comes first. It is the guard: it takes hostile bytes, so it iterates
// where a data set nests, checks every length against the bytes that are left
// before it allocates, and spends a bounded amount of memory on any input. What
// it returns is read by tag, with text decoded to UTF-8:
//
//	obj, err := dicom.Scan(file, size)
//	name := obj.String(dicom.PatientName)
//	series := obj.Item(dicom.RequestAttributesSequence).String(dicom.RequestedProcedureID)
//
// Objects are stored as [WriteMeta] followed by the data set's own bytes, and
// sent from [Object.DataSetOffset] on: Concord never encodes a received object
// again.
package dicom
