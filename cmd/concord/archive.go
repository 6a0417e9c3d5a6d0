package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"concord/config"
	"concord/dicom"
	"concord/dicom/ae"
	"concord/dicom/pdu"
	"concord/node"
	"concord/node/audit"
)

const (
	// maxMatch bounds one match of a query.
	maxMatch = 64 << 10
	// maxMatches bounds the matches of a query: instances of a series.
	maxMatches = 100_000
	// maxNamed is how many instances one retrieval names: their UIDs make a
	// value of 64 KiB at most in explicit VR (PS3.5 7.1.2).
	maxNamed = 500
	// retrieveTimeout bounds one retrieval.
	retrieveTimeout = 30 * time.Minute
)

// documents are the modalities of series without pictures (PS3.3 C.7.3.1.1.1):
// the node's own results are among them.
var documents = []string{"SR", "PR", "KO", "DOC", "REG", "PLAN", "AU", "FID", "RTPLAN", "RTSTRUCT"}

// queryServices are the services that an archive is asked by.
var queryServices = []struct{ name, class string }{{"FIND", dicom.StudyRootQueryRetrieveFind}, {"MOVE", dicom.StudyRootQueryRetrieveMove}, {"GET", dicom.StudyRootQueryRetrieveGet}}

// retrievable says whether a C-GET proposes a transfer syntax beside the
// uncompressed ones.
func retrievable(s dicom.TransferSyntax) bool { return s.Encapsulated && !s.Retired && !s.Video }

// archive asks a peer what it holds (PS3.4 C, study root).
type archive struct {
	node    *node.Node
	trail   *auditTrail
	peer    config.Peer
	client  *ae.Client
	calling string // this node's AE title
	queries pool
}

// archivesOf are the peers of a network that can be asked.
func archivesOf(now *network, n *node.Node, trail *auditTrail, log *zap.Logger) (list []node.Archive) {
	for _, p := range now.Peers {
		if !p.Query {
			continue
		}
		client := now.queryClient(p, log)
		a := &archive{node: n, trail: trail, peer: p, client: client, calling: now.DICOM.AETitle}
		a.queries = pool{client: client, contexts: []ae.Context{{SOPClass: dicom.StudyRootQueryRetrieveFind, TransferSyntaxes: []string{dicom.ExplicitVRLittleEndian}},
			{SOPClass: dicom.StudyRootQueryRetrieveFind, TransferSyntaxes: []string{dicom.ImplicitVRLittleEndian}}}}
		list = append(list, node.Archive{Name: p.Name, Retrieves: p.Retrieve != "", Query: a})
	}
	return list
}

// queryClient calls a peer by the AE title that it is queried by.
func (n *network) queryClient(p config.Peer, log *zap.Logger) *ae.Client {
	c := n.client(p, log)
	if p.QueryAETitle != "" {
		c.Called = p.QueryAETitle
	}
	return c
}

// Studies implements node.Query.
func (a *archive) Studies(ctx context.Context, uid, accession string) (found []node.Holding, err error) {
	keys := []dicom.Element{text(dicom.AccessionNumber, dicom.SH, ""), level("STUDY"), text(dicom.PatientID, dicom.LO, ""),
		text(dicom.StudyInstanceUID, dicom.UI, uid), text(dicom.NumberOfStudyRelatedInstances, dicom.IS, "")}
	if uid == "" {
		keys[0].Value = accession
	}
	err = a.find(ctx, keys, func(o *dicom.Object) {
		h := node.Holding{StudyUID: o.String(dicom.StudyInstanceUID), Instances: -1}
		if n, ok := o.Int(dicom.NumberOfStudyRelatedInstances); ok {
			h.Instances = n
		}
		found = append(found, h)
	})
	return found, err
}

// Instances implements node.Query.
func (a *archive) Instances(ctx context.Context, studyUID string) (list []node.Reference, err error) {
	var series []string
	err = a.find(ctx, []dicom.Element{level("SERIES"), text(dicom.Modality, dicom.CS, ""), text(dicom.StudyInstanceUID, dicom.UI, studyUID),
		text(dicom.SeriesInstanceUID, dicom.UI, "")}, func(o *dicom.Object) {
		if !slices.Contains(documents, o.String(dicom.Modality)) {
			series = append(series, o.String(dicom.SeriesInstanceUID))
		}
	})
	for _, uid := range series {
		if err != nil {
			break
		}
		err = a.find(ctx, []dicom.Element{text(dicom.SOPClassUID, dicom.UI, ""), text(dicom.SOPInstanceUID, dicom.UI, ""), level("IMAGE"),
			text(dicom.StudyInstanceUID, dicom.UI, studyUID), text(dicom.SeriesInstanceUID, dicom.UI, uid)}, func(o *dicom.Object) {
			list = append(list, node.Reference{ClassUID: o.String(dicom.SOPClassUID), SeriesUID: uid, SOPUID: o.String(dicom.SOPInstanceUID)})
		})
	}
	return list, err
}

func text(tag dicom.Tag, vr dicom.VR, value string) dicom.Element {
	return dicom.Element{Tag: tag, VR: vr, Value: value}
}

func level(name string) dicom.Element { return text(dicom.QueryRetrieveLevel, dicom.CS, name) }

var errTooMany = errors.New("the peer has more matches than a study can hold")

// find performs a C-FIND; keys are in the order of their tags.
func (a *archive) find(ctx context.Context, keys []dicom.Element, match func(*dicom.Object)) error {
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	return a.queries.use(ctx, func(association *ae.Association) error {
		q := query(association, dicom.StudyRootQueryRetrieveFind, keys)
		a.trail.Searched(a.self(), q.SOPClass, q.TransferSyntax, q.Identifier)
		matches := 0
		return association.Find(ctx, q, func(r io.Reader) error {
			if matches++; matches > maxMatches {
				return errTooMany
			}
			data, err := io.ReadAll(io.LimitReader(r, maxMatch))
			if err != nil {
				return err
			}
			o, err := dicom.ScanDataSet(bytes.NewReader(data), int64(len(data)), q.TransferSyntax)
			if err == nil {
				match(o)
			}
			return err
		})
	})
}

// query writes keys in the transfer syntax that the peer took.
func query(a *ae.Association, sopClass string, keys []dicom.Element) ae.Query {
	q := ae.Query{SOPClass: sopClass, TransferSyntax: dicom.ExplicitVRLittleEndian}
	if !a.Accepted(sopClass, q.TransferSyntax) {
		q.TransferSyntax = dicom.ImplicitVRLittleEndian
	}
	q.Identifier = dicom.AppendDataSet(nil, q.TransferSyntax == dicom.ExplicitVRLittleEndian, keys...)
	return q
}

// self is the archive as audit messages name it.
func (a *archive) self() audit.Peer {
	return audit.Peer{AETitle: a.client.Called, Name: a.peer.Name, Address: hostOf(a.client.Address)}
}

// Retrieve implements node.Query.
func (a *archive) Retrieve(ctx context.Context, studyUID string, instances []node.Reference) (string, error) {
	detail, err := a.retrieveAll(ctx, studyUID, instances)
	if err != nil {
		a.trail.NotRetrieved(a.self(), a.trail.ofStudy(ctx, studyUID), audit.Study{UID: studyUID})
	}
	return detail, err
}

func (a *archive) retrieveAll(ctx context.Context, studyUID string, instances []node.Reference) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, retrieveTimeout)
	defer cancel()
	service, class := "C-MOVE", dicom.StudyRootQueryRetrieveMove
	proposed := []ae.Context{}
	if a.peer.Retrieve == config.RetrieveGet {
		service, class = "C-GET", dicom.StudyRootQueryRetrieveGet
		proposed = storageContexts(instances)
	}
	for _, syntax := range messageSyntaxes {
		proposed = append(proposed, ae.Context{SOPClass: class, TransferSyntaxes: []string{syntax}})
	}
	association, err := a.client.Dial(ctx, proposed)
	if err != nil {
		return "", err
	}
	defer func() { _ = association.Release(context.WithoutCancel(ctx)) }() // the counts say what came of it
	var total ae.Suboperations
	for _, keys := range retrievals(studyUID, instances) {
		counts, err := a.retrieve(ctx, association, query(association, class, keys))
		total.Completed += counts.Completed + counts.Warning
		total.Failed += counts.Failed
		if err != nil {
			return "", fmt.Errorf("%s: %w; see that the peer lets this node retrieve and, for C-MOVE, knows its AE title and address", service, err)
		}
	}
	if total.Failed > 0 {
		return "", fmt.Errorf("%s: %d sent, %d failed; look at the peer's log and this node's for them", service, total.Completed, total.Failed)
	}
	return fmt.Sprintf("%s: %d sent", service, total.Completed), nil
}

func (a *archive) retrieve(ctx context.Context, association *ae.Association, q ae.Query) (ae.Suboperations, error) {
	if a.peer.Retrieve == config.RetrieveMove {
		return association.Move(ctx, q, a.calling, nil)
	}
	from := &ae.Caller{Calling: a.client.Called, Called: a.calling, Remote: address(a.client.Address)}
	defer a.trail.associationEnded(from, nil)
	return association.Get(ctx, q, func(ctx context.Context, rq *ae.StoreRequest) error {
		return storeStatus(a.node.ReceiveObject(ctx, node.Incoming{Caller: from.Calling, SOPClassUID: rq.SOPClassUID, SOPInstanceUID: rq.SOPInstanceUID,
			TransferSyntax: rq.TransferSyntax, Stored: a.trail.stored(from)}, rq.Data))
	})
}

// address is a peer's as the configuration has it.
type address string

func (a address) Network() string { return "tcp" }
func (a address) String() string  { return string(a) }

var _ net.Addr = address("")

// retrievals are the identifiers that name instances, or the whole study.
func retrievals(studyUID string, instances []node.Reference) (list [][]dicom.Element) {
	if len(instances) == 0 {
		return [][]dicom.Element{{level("STUDY"), text(dicom.StudyInstanceUID, dicom.UI, studyUID)}}
	}
	bySeries := map[string][]string{}
	var order []string
	for _, i := range instances {
		if bySeries[i.SeriesUID] == nil {
			order = append(order, i.SeriesUID)
		}
		bySeries[i.SeriesUID] = append(bySeries[i.SeriesUID], i.SOPUID)
	}
	for _, series := range order {
		for named := range slices.Chunk(bySeries[series], maxNamed) {
			list = append(list, []dicom.Element{text(dicom.SOPInstanceUID, dicom.UI, strings.Join(named, `\`)), level("IMAGE"),
				text(dicom.StudyInstanceUID, dicom.UI, studyUID), text(dicom.SeriesInstanceUID, dicom.UI, series)})
		}
	}
	return list
}

// pictureClasses are what a C-GET proposes where the classes are not known.
var pictureClasses = []string{dicom.ComputedRadiographyImageStorage, dicom.DigitalXRayImageStorageForPresentation, dicom.CTImageStorage,
	dicom.EnhancedCTImageStorage, dicom.MRImageStorage, dicom.EnhancedMRImageStorage, dicom.UltrasoundImageStorage, dicom.SecondaryCaptureImageStorage,
	"1.2.840.10008.5.1.4.1.1.1.2", "1.2.840.10008.5.1.4.1.1.12.1", "1.2.840.10008.5.1.4.1.1.20", "1.2.840.10008.5.1.4.1.1.128"}

// storageContexts are the presentation contexts of a C-GET's objects: for each
// class one of the uncompressed syntaxes and one of each compressed one in use,
// as long as there is room, since a peer may not convert what it has.
func storageContexts(instances []node.Reference) (list []ae.Context) {
	var classes []string
	for _, i := range instances {
		if i.ClassUID != "" && !slices.Contains(classes, i.ClassUID) {
			classes = append(classes, i.ClassUID)
		}
	}
	if len(classes) == 0 {
		classes = pictureClasses
	}
	room := pdu.MaxContexts - len(messageSyntaxes)
	classes = classes[:min(len(classes), room)]
	for _, class := range classes {
		list = append(list, ae.Context{SOPClass: class, SCP: true, TransferSyntaxes: []string{dicom.ExplicitVRLittleEndian, dicom.ImplicitVRLittleEndian}})
	}
	for _, syntax := range dicom.TransferSyntaxes() {
		if !retrievable(syntax) {
			continue
		}
		for _, class := range classes {
			if len(list) < room {
				list = append(list, ae.Context{SOPClass: class, SCP: true, TransferSyntaxes: []string{syntax.UID}})
			}
		}
	}
	return list
}
