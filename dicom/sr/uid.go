package sr

import (
	"strconv"

	"concord/dicom"
)

// SeriesUID is the UID of the series that holds all revisions of the check of
// one report. report is a key of the report that no revision changes.
func SeriesUID(site, studyUID, report string) string {
	return dicom.DeriveUID("sr series", site, studyUID, report)
}

// InstanceUID is the SOP Instance UID of one revision. Another pipeline or SOP
// class may write other bytes, and these need another UID.
func InstanceUID(site, studyUID, report string, revision int, pipeline, sopClassUID string) string {
	return dicom.DeriveUID("sr instance", site, studyUID, report, strconv.Itoa(revision), pipeline, sopClassUID)
}

// TrackingUID identifies a statement over all revisions of its report.
func TrackingUID(studyUID, report, statement string) string {
	return dicom.DeriveUID("sr tracking", studyUID, report, statement)
}
