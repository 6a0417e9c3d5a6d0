package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"concord/dicom"
	"concord/dicom/ae"
	"concord/node"
)

// keeper is a PACS that is asked for storage commitment. Its answers are a
// test's: how says which, for the n-th question from 1.
type keeper struct {
	*testing.T
	ae.Server
	address, concord string
	how              func(n int) answer

	reports sync.WaitGroup
	mu      sync.Mutex
	stored  []string // SOP Instance UIDs
	asked   []string // Transaction UIDs
}

// answer is what a keeper does with a question.
type answer int

const (
	commits         answer = iota // on the same association
	commitsReversed               // on one of its own, as dcm4chee and Orthanc do
	fails                         // reversed
	refuses                       // the N-ACTION
	silent
)

// startKeeper listens before the node starts, which has to know its address.
func startKeeper(t *testing.T, how func(n int) answer) *keeper {
	t.Helper()
	k := &keeper{T: t, how: how}
	k.StorageClass = dicom.IsStorage
	k.Store = func(_ context.Context, rq *ae.StoreRequest) error {
		k.mu.Lock()
		defer k.mu.Unlock()
		k.stored = append(k.stored, rq.SOPInstanceUID)
		return nil
	}
	k.NormalizedClass = func(uid string) bool { return uid == dicom.StorageCommitmentPushModel }
	k.Normalized = k.commit
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	k.address = l.Addr().String()
	go func() { _ = k.Serve(l) }()
	t.Cleanup(func() { k.Close() })
	return k
}

func (k *keeper) commit(_ context.Context, rq *ae.NormalizedRequest) error {
	data, err := readInformation(rq, shortInformation)
	if err != nil {
		return err
	}
	o, err := scanInformation(rq, data)
	if err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	transaction, items := o.String(dicom.TransactionUID), o.Items(dicom.ReferencedSOPSequence)
	k.asked = append(k.asked, transaction)
	reference := node.Reference{ClassUID: items[0].String(dicom.ReferencedSOPClassUID), SOPUID: items[0].String(dicom.ReferencedSOPInstanceUID)}
	switch how := k.how(len(k.asked)); how {
	case commits:
		rq.Report = committing(transaction, reference, 0)
	case commitsReversed, fails:
		failure := map[answer]uint16{fails: ae.StatusNoSuchObjectInstance}[how]
		k.reports.Go(func() { k.report(committing(transaction, reference, failure)) })
	case refuses:
		return &ae.StatusError{Status: ae.StatusResourceLimitation}
	}
	return nil
}

// committing is the result about one instance.
func committing(transaction string, r node.Reference, failure uint16) *ae.NormalizedRequest {
	item, tag, event := referenceItem(r), dicom.ReferencedSOPSequence, uint16(allCommitted)
	if failure != 0 {
		item, tag, event = append(item, dicom.Element{Tag: dicom.FailureReason, VR: dicom.US, Number: failure}), dicom.FailedSOPSequence, someCommitted
	}
	return commitmentMessage(ae.NEventReport, event, dicom.ImplicitVRLittleEndian, []dicom.Element{
		{Tag: dicom.TransactionUID, VR: dicom.UI, Value: transaction}, {Tag: tag, VR: dicom.SQ, Items: [][]dicom.Element{item}}})
}

// report sends a result on an association that the PACS requests as the SCP.
func (k *keeper) report(rq *ae.NormalizedRequest) {
	if err := reportTo(k.Context(), k.concord, rq); err != nil {
		k.Errorf("the result was not taken: %v", err)
	}
}

func reportTo(ctx context.Context, concord string, rq *ae.NormalizedRequest) error {
	a, err := (&ae.Client{Calling: "PACS", Called: "CONCORD", Address: concord, Timeout: 10 * time.Second}).Dial(ctx,
		[]ae.Context{{SOPClass: rq.SOPClassUID, TransferSyntaxes: []string{rq.TransferSyntax}, SCP: true}})
	if err != nil {
		return err
	}
	return errors.Join(a.Perform(ctx, *rq), a.Release(ctx))
}

func commitConfig(address string) string {
	return fmt.Sprintf("study: {quiet: 50ms}\nhl7_destinations: []\npeers: [{name: pacs, ae_title: PACS, address: %q, send_results: true, commit: true}]", address)
}

func TestCommitmentOfResults(t *testing.T) {
	for name, c := range map[string]struct {
		how    []answer
		state  node.State
		tells  []string
		stored int
	}{
		"same association": {[]answer{commits}, node.Done, []string{"sr to pacs: stored, C-STORE status 0000H", "sr to pacs: sent, C-STORE status 0000H as Comprehensive 3D SR, storage commitment given", "all delivered"}, 1},
		"reversed":         {[]answer{commitsReversed}, node.Done, []string{"sr to pacs: stored", "storage commitment given", "all delivered"}, 1},
		"lost, then kept": {[]answer{fails, commitsReversed}, node.Done, []string{"sr to pacs: stored", "sr to pacs: retrying, does not keep it: storage commitment failed with reason 0112H",
			"sr to pacs: stored", "storage commitment given", "all delivered"}, 2},
		"never kept": {[]answer{fails, fails, fails}, node.Failed, []string{"sr to pacs: retrying", "sr to pacs: retrying", "sr to pacs: dead, does not keep it", "delivery failed"}, 3},
		"refused":    {[]answer{refuses}, node.Delivering, []string{"sr to pacs: stored", "storage commitment asked of pacs: DIMSE status 0213H"}, 1},
		"silent":     {[]answer{silent}, node.Delivering, []string{"sr to pacs: stored"}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ready := make(chan struct{})
			k := startKeeper(t, func(n int) answer { <-ready; return c.how[min(n, len(c.how))-1] })
			s := startSCP(t, commitConfig(k.address))
			k.concord = s.address
			close(ready)
			s.receive(1)
			s.reports()
			if c.state == node.Delivering {
				s.waitFor(func() bool {
					k.mu.Lock()
					defer k.mu.Unlock()
					return len(k.asked) == 1 && strings.Contains(fmt.Sprint(s.ends(c.state).Timeline), c.tells[len(c.tells)-1])
				})
			}
			view := s.ends(c.state)
			k.reports.Wait()
			tells(t, view, c.tells...)
			k.mu.Lock()
			defer k.mu.Unlock()
			if len(k.stored) != c.stored || k.stored[0] != k.stored[len(k.stored)-1] || len(k.asked) != c.stored {
				t.Errorf("stored %v, asked %v", k.stored, k.asked)
			}
		})
	}
}

func (s *scp) waitFor(done func() bool) {
	s.Helper()
	for range 3000 {
		if done() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	s.Fatal("it does not happen")
}

// A result that nobody asked for, and one that names another instance, are
// refused and change nothing.
func TestForeignCommitmentResults(t *testing.T) {
	k := startKeeper(t, func(int) answer { return silent })
	s := startSCP(t, commitConfig(k.address))
	s.receive(1)
	s.reports()
	s.waitFor(func() bool { k.mu.Lock(); defer k.mu.Unlock(); return len(k.asked) == 1 })
	other := node.Reference{ClassUID: dicom.ComprehensiveSRStorage, SOPUID: "1.2.3"}
	for what, transaction := range map[string]string{"unknown transaction": "1.2.3.4", "another instance": k.asked[0]} {
		err := reportTo(t.Context(), s.address, committing(transaction, other, 0))
		var status *ae.StatusError
		if !errors.As(err, &status) || status.Status != ae.StatusInvalidArgumentValue {
			t.Errorf("%s: %v, want 0115H", what, err)
		}
	}
	s.ends(node.Delivering)
	// and the right one, on the second question's or the first's transaction
	mine := node.Reference{ClassUID: dicom.Comprehensive3DSRStorage, SOPUID: k.stored[0]}
	if err := reportTo(t.Context(), s.address, committing(k.asked[0], mine, 0)); err != nil {
		t.Fatal(err)
	}
	s.ends(node.Done)
	if err := reportTo(t.Context(), s.address, committing(k.asked[0], mine, 0)); err != nil {
		t.Errorf("the same result once more: %v", err)
	}
}

// A PACS that starts after the node, and after its results, gets them.
func TestOrthancThatStartsLate(t *testing.T) {
	address := freeAddress(t)
	s := startSCP(t, commitConfig(address))
	s.receive(1)
	s.reports()
	s.waitFor(func() bool {
		views, err := s.node.Cases(t.Context(), node.CaseFilter{Limit: 1})
		return err == nil && len(views) == 1 && len(views[0].Deliveries) == 1 && views[0].Deliveries[0].State == node.DeliveryRetrying
	})
	orthancPACS(t, address, s.address)
	tells(t, s.ends(node.Done), "sr to pacs: retrying, no connection to PACS", "sr to pacs: stored", "storage commitment given", "all delivered")
}

// Orthanc asks the node for storage commitment, and gets its result on an
// association of its own.
func TestOrthancAsksForCommitment(t *testing.T) {
	address, rest := freeAddress(t), freeAddress(t)
	s := startSCP(t, fmt.Sprintf("peers: [{name: pacs, ae_title: PACS, address: %q}]", address))
	orthancWith(t, address, s.address, map[string]any{"HttpServerEnabled": true, "HttpPort": portOf(t, rest), "RemoteAccessAllowed": false, "AuthenticationEnabled": false})
	s.receive(1)
	var asked struct{ ID string }
	call(t, http.MethodPost, "http://"+rest+"/modalities/concord/storage-commitment", `{"DicomInstances": [["`+dicom.CTImageStorage+`", "1.2.1.1.1"], ["`+dicom.CTImageStorage+`", "1.2.1.1.9"]]}`, &asked)
	var report struct {
		Status            string
		Success, Failures []struct{ SOPInstanceUID string }
	}
	s.waitFor(func() bool {
		call(t, http.MethodGet, "http://"+rest+"/storage-commitment/"+asked.ID, "", &report)
		return report.Status != "Pending"
	})
	if len(report.Success) != 1 || len(report.Failures) != 1 || report.Success[0].SOPInstanceUID != "1.2.1.1.1" || report.Failures[0].SOPInstanceUID != "1.2.1.1.9" {
		t.Errorf("Orthanc has %+v", report)
	}
}

// call asks a peer's web interface.
func call(t *testing.T, method, url, body string, answer any) {
	t.Helper()
	rq, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	var response *http.Response
	for range 400 { // it starts
		if response, err = http.DefaultClient.Do(rq); err == nil {
			break
		}
		time.Sleep(25 * time.Millisecond)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if err := json.NewDecoder(response.Body).Decode(answer); err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%s %s: %s, %v", method, url, response.Status, err)
	}
}

// Orthanc answers for a Structured Report on an association of its own.
func TestCommitmentByOrthanc(t *testing.T) {
	address := freeAddress(t)
	s := startSCP(t, commitConfig(address))
	orthancPACS(t, address, s.address)
	s.receive(1)
	s.reports()
	tells(t, s.ends(node.Done), "judged", "sr to pacs: stored, C-STORE status 0000H as Comprehensive 3D SR", "storage commitment given", "all delivered")
}
