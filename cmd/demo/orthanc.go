package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"concord/loopback"
)

// orthanc is Debian's Orthanc as the PACS.
type orthanc struct {
	*process
	dicom, http string
}

// startOrthanc runs an Orthanc of its own: nothing of an installed service is
// read or changed. It knows the node as the modality 'concord'.
func startOrthanc(ctx context.Context, dir, dicom, concordDICOM string) (*orthanc, error) {
	binary, err := exec.LookPath("Orthanc")
	if err != nil {
		if binary, err = exec.LookPath("/usr/sbin/Orthanc"); err != nil {
			return nil, fmt.Errorf("the PACS of the demo is missing (apt-get install orthanc): %w", err)
		}
	}
	o := &orthanc{dicom: dicom}
	if o.http, err = loopback.Address(); err != nil {
		return nil, err
	}
	file := filepath.Join(dir, "orthanc.json")
	settings, err := json.Marshal(map[string]any{
		"Name": "demo PACS", "DicomAet": "ORTHANC", "DicomPort": port(o.dicom), "HttpPort": port(o.http),
		"StorageDirectory": filepath.Join(dir, "pacs"), "IndexDirectory": filepath.Join(dir, "pacs"),
		"RemoteAccessAllowed": false, "AuthenticationEnabled": false, "Plugins": []string{},
		"DicomAlwaysAllowStore": true, "DicomCheckCalledAet": false, "OverwriteInstances": false,
		"DicomModalities": map[string]any{"concord": []any{"CONCORD", "127.0.0.1", port(concordDICOM)}},
	})
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(file, settings, 0o600); err != nil {
		return nil, err
	}
	if o.process, err = startProcess(filepath.Join(dir, "orthanc.log"), binary, file); err != nil {
		return nil, err
	}
	err = poll(ctx, 20*time.Second, "Orthanc to answer", func() (bool, error) {
		_, err := get(ctx, "http://"+o.http+"/system")
		return err == nil, nil
	})
	if err != nil {
		o.stop()
		return nil, fmt.Errorf("%w:\n%s", err, o.tail())
	}
	return o, nil
}

func port(address string) int {
	_, p, _ := net.SplitHostPort(address)
	n, _ := strconv.Atoi(p)
	return n
}

// forward stores a file in the PACS and has it sent to the node by C-STORE.
func (o *orthanc) forward(ctx context.Context, path string) error {
	object, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	answer, err := post(ctx, "http://"+o.http+"/instances", "application/dicom", bytes.NewReader(object))
	if err != nil {
		return err
	}
	var stored struct{ ID string }
	if err := json.Unmarshal(answer, &stored); err != nil {
		return err
	}
	_, err = post(ctx, "http://"+o.http+"/modalities/concord/store", "text/plain", strings.NewReader(stored.ID))
	return err
}

// reports returns the Structured Reports in the PACS as SOP Instance UID → file.
func (o *orthanc) reports(ctx context.Context) (map[string][]byte, error) {
	query := `{"Level": "Instance", "Expand": true, "Query": {"Modality": "SR"}}`
	answer, err := post(ctx, "http://"+o.http+"/tools/find", "application/json", strings.NewReader(query))
	if err != nil {
		return nil, err
	}
	var found []struct {
		ID            string
		MainDicomTags map[string]string
	}
	if err := json.Unmarshal(answer, &found); err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	for _, instance := range found {
		file, err := get(ctx, "http://"+o.http+"/instances/"+instance.ID+"/file")
		if err != nil {
			return nil, err
		}
		files[instance.MainDicomTags["SOPInstanceUID"]] = file
	}
	return files, nil
}
