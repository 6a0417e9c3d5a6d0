package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"concord/dicom"
	"concord/dicom/ae"
)

// brokenFiles are those of the public files that no node can keep as they
// claim to be, each with why; all others must come back byte for byte.
var brokenFiles = map[string]string{
	"fo-dicom__GH340.dcm":                                     "no SOP Class UID",
	"fo-dicom__multiframe.dcm":                                "no Study or Series Instance UID",
	"pydicom-data__HTJ2KLossless_08_RGB.dcm":                  "no Study or Series Instance UID",
	"pydicom-data__JLSL_08_07_0_1F.dcm":                       "no Study or Series Instance UID",
	"pydicom-data__JLSL_RGB_ILV1.dcm":                         "SOP Instance UID is absent or no UID",
	"pydicom-data__JLSL_RGB_ILV2.dcm":                         "SOP Instance UID is absent or no UID",
	"pydicom-data__bad_sequence.dcm":                          "SOP Instance UID is absent or no UID",
	"pydicom-data__emri_small_jpeg_2k_lossless_too_short.dcm": "it is cut off",
	"pydicom__DICOMDIR":                                       "a media directory, no object",
	"pydicom__DICOMDIR-nooffset":                              "it is cut off",
	"pydicom__JPEGLSNearLossless_08.dcm":                      "no Study or Series Instance UID",
	"pydicom__JPEGLSNearLossless_16.dcm":                      "no Study or Series Instance UID",
	"pydicom__MR_truncated.dcm":                               "it is cut off",
	"pydicom__SC_rgb_jls_lossy_line.dcm":                      "no Study or Series Instance UID",
	"pydicom__chrSQEncoding.dcm":                              "no SOP Class UID",
	"pydicom__meta_missing_tsyntax.dcm":                       "no SOP Class UID",
	"pydicom__no_meta.dcm":                                    "no data set of a known encoding",
	"pydicom__rtplan_truncated.dcm":                           "it is cut off",
}

// Real files go in over DICOM and come back over HTTP with the bytes of their
// data sets unchanged. What is refused is refused with its reason.
func TestRealFilesComeBackByteForByte(t *testing.T) {
	files, _ := filepath.Glob("../../../shared/data/dicom/*")
	if len(files) == 0 {
		t.Skip("../shared/data/dicom is not here")
	}
	nodes := []*concordNode{testNode(t)}
	seen := map[string]int{} // files of an SOP instance: some share one, and each wants a node of its own
	var same, refused int
	for _, path := range files {
		name := filepath.Base(path)
		if name == "INDEX.tsv" {
			continue
		}
		file, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		o, err := dicom.Scan(bytes.NewReader(file), int64(len(file)))
		outcome := "cannot be read: "
		if err == nil {
			turn := seen[o.String(dicom.SOPInstanceUID)]
			seen[o.String(dicom.SOPInstanceUID)]++
			if turn == len(nodes) {
				nodes = append(nodes, testNode(t))
			}
			outcome, err = roundTrip(t, nodes[turn], o, file[o.DataSetOffset:])
		}
		switch {
		case err == nil:
			same++
		case brokenFiles[name] != "":
			refused++
			t.Logf("%-56s %-36s %s%v", name, brokenFiles[name], outcome, err)
		default:
			t.Errorf("%s did not come back: %s%v", name, outcome, err)
		}
	}
	t.Logf("%d files came back byte for byte, %d were refused", same, refused)
}

// roundTrip sends one data set and compares what comes back.
func roundTrip(t *testing.T, n *concordNode, o *dicom.Object, data []byte) (outcome string, err error) {
	t.Helper()
	class, instance := o.String(dicom.SOPClassUID), o.String(dicom.SOPInstanceUID)
	client := &ae.Client{Calling: "TEST", Called: "CONCORD", Address: n.dicom, Timeout: 20 * time.Second}
	a, err := client.Dial(t.Context(), []ae.Context{{SOPClass: class, TransferSyntaxes: []string{o.TransferSyntax}}})
	if err != nil {
		return "no association: ", err
	}
	defer a.Release(t.Context())
	err = a.Store(t.Context(), ae.StoreRequest{SOPClassUID: class, SOPInstanceUID: instance, TransferSyntax: o.TransferSyntax, Data: bytes.NewReader(data)})
	if err != nil {
		return "refused: ", err
	}
	answer, err := http.Get("http://" + n.http + "/api/v1/objects/" + instance)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	back, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		return "", errors.Join(err, fmt.Errorf("HTTP %s", answer.Status))
	}
	stored, err := dicom.Scan(bytes.NewReader(back), int64(len(back)))
	if err != nil {
		return "came back unreadable: ", err
	}
	if !bytes.Equal(back[stored.DataSetOffset:], data) {
		return "", errors.New("other bytes came back")
	}
	return "", nil
}
