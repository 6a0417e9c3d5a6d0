package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"concord/config"
	"concord/dicom"
	"concord/dicom/ae"
	"concord/dicom/pdu"
	"concord/dicom/sr"
)

type conformanceCommand struct{ configFlags }

// Run prints the DICOM conformance statement of a node with the configuration.
func (c conformanceCommand) Run() error {
	loaded, err := c.load()
	if err != nil {
		return err
	}
	return writeConformance(os.Stdout, loaded)
}

// writeConformance writes the statement in the order of PS3.2 Annex N, from the
// tables that the services run on.
func writeConformance(w io.Writer, c *config.Config) error {
	var b strings.Builder
	overview(&b, c)
	networking(&b, c)
	b.WriteString("\n## 5 Media Interchange\n\nNone.\n\n## 6 Support of Character Sets\n\n" +
		"Objects are kept as they come, in any character set. Patient and study attributes are read in all those of PS3.3 C.12.1.1.2, GB18030, GBK and the ISO 2022 " +
		"extensions among them. Structured Reports are written in ISO_IR 192 (UTF-8).\n")
	securityProfiles(&b, c)
	_, err := io.WriteString(w, b.String())
	return err
}

func overview(b *strings.Builder, c *config.Config) {
	fmt.Fprintf(b, "# DICOM Conformance Statement: Concord %s\n\n", version)
	b.WriteString("## 1 Overview\n\nConcord receives the objects of studies, checks radiology reports against them, and sends its findings as Structured Reports. " +
		"It is not an archive: objects are removed after ")
	fmt.Fprintf(b, "%v (`retention.keep`), or earlier when the disk is fuller than %.0f %% (`retention.high_watermark`).\n\n", time.Duration(c.Retention.Keep), float64(c.Retention.HighWatermark))
	b.WriteString("| Network service | User (SCU) | Provider (SCP) |\n|---|---|---|\n")
	for _, s := range []struct{ name, user, provider string }{
		{"Verification", "yes", "yes"}, {"Storage", "Structured Reports; any object by `concord send`", "yes"},
		{"Storage Commitment Push Model", "of Structured Reports, where a peer has `commit`", "yes"},
		{"Study Root Query/Retrieve - FIND", "where a peer has `query`", "no"},
		{"Study Root Query/Retrieve - MOVE", "where a peer has `retrieve: move`", "no"},
		{"Study Root Query/Retrieve - GET", "where a peer has `retrieve: get`", "no"},
		{"Modality Performed Procedure Step", "no", "yes"}, {"Instance Availability Notification", "no", "yes"},
	} {
		fmt.Fprintf(b, "| %s | %s | %s |\n", s.name, s.user, s.provider)
	}
}

func networking(b *strings.Builder, c *config.Config) {
	fmt.Fprintf(b, "\n## 4 Networking\n\n### 4.1 Implementation Identity\n\n| | |\n|---|---|\n| Application Context Name | %s |\n"+
		"| Implementation Class UID | %s |\n| Implementation Version Name | %s |\n", pdu.ApplicationContext, dicom.ImplementationClassUID, dicom.ImplementationVersionName)
	fmt.Fprintf(b, "\n### 4.2 Association Policies\n\n| | |\n|---|---|\n| AE title | %s |\n| Address | %s |\n| Address by TLS | %s |\n"+
		"| Maximum PDU received | %d |\n| Associations at once | %d, of one caller %d |\n| Asynchronous operations | none: 1 invoked, 1 performed |\n"+
		"| ARTIM timer | %v |\n| Idle timer | %v |\n", c.DICOM.AETitle, orNone(c.DICOM.Listen), orNone(c.DICOM.TLSListen), c.DICOM.MaxPDU,
		c.DICOM.MaxAssociations, shareOf(c.DICOM.MaxAssociations), ae.DefaultARTIM, ae.DefaultTimeout)
	b.WriteString("\nA caller is known by its AE title and, where the peer has an `allow` list, its address. ")
	if c.DICOM.AcceptUnknownCallers {
		b.WriteString("Callers that no peer is named for are accepted.\n")
	} else {
		b.WriteString("Others are rejected.\n")
	}
	b.WriteString("\n| Rejection (result/source/reason) | When |\n|---|---|\n")
	for _, r := range []struct {
		ae.Rejection
		when string
	}{{ae.RejectCalledAE, "another called AE title"}, {ae.RejectCallingAE, "unknown caller"}, {ae.RejectLocalLimit, "too many associations"},
		{ae.RejectApplicationContext, "another application context"}, {ae.RejectProtocolVersion, "another protocol version"}} {
		fmt.Fprintf(b, "| %d/%d/%d | %s |\n", r.Result, r.Source, r.Reason, r.when)
	}
	acceptorContexts(b, c)
	requestorContexts(b)
	statuses(b)
	completeness(b, c)
}

func acceptorContexts(b *strings.Builder, c *config.Config) {
	b.WriteString("\n### 4.3 Presentation Contexts as Acceptor\n\nOf the proposed transfer syntaxes the first that is supported is taken.\n\n" +
		"| SOP class | UID | Role | Transfer syntaxes |\n|---|---|---|---|\n")
	fmt.Fprintf(b, "| Verification | %s | SCP | implicit and explicit VR little endian |\n", dicom.VerificationSOPClass)
	for _, s := range normalizedServices {
		fmt.Fprintf(b, "| %s | %s | %s | implicit and explicit VR little endian |\n", s.name, s.class, s.role)
	}
	for _, class := range dicom.StorageSOPClasses() {
		name := class.Name
		if class.Retired {
			name += " (retired)"
		}
		fmt.Fprintf(b, "| %s | %s | SCP | all below |\n", name, class.UID)
	}
	if c.DICOM.AcceptUnknownSOPClasses {
		b.WriteString("| any other | | SCP of storage | all below |\n")
	}
	b.WriteString("\n| Transfer syntax of storage | UID |\n|---|---|\n")
	for _, syntax := range dicom.TransferSyntaxes() {
		if storable(syntax.UID) {
			fmt.Fprintf(b, "| %s | %s |\n", syntax.Name, syntax.UID)
		}
	}
}

func requestorContexts(b *strings.Builder) {
	b.WriteString("\n### 4.4 Presentation Contexts as Requestor\n\nStructured Reports go out as the first class that the peer accepts, each with its own SOP Instance UID. " +
		"An association is kept for " + associationIdle.String() + " after a result.\n\n| SOP class | UID | Role | Transfer syntax |\n|---|---|---|---|\n")
	for _, class := range sr.Fallbacks {
		fmt.Fprintf(b, "| %s | %s | SCU | explicit VR little endian |\n", dicom.SOPClassName(class), class)
	}
	fmt.Fprintf(b, "| Verification | %s | SCU | implicit VR little endian |\n", dicom.VerificationSOPClass)
	fmt.Fprintf(b, "| Storage Commitment Push Model | %s | SCU for requests; SCP, proposed by role selection, for results | implicit VR little endian |\n", dicom.StorageCommitmentPushModel)
	for _, s := range queryServices {
		fmt.Fprintf(b, "| Study Root Query/Retrieve - %s | %s | SCU | explicit and implicit VR little endian |\n", s.name, s.class)
	}
	var syntaxes []string
	for _, syntax := range dicom.TransferSyntaxes() {
		if retrievable(syntax) {
			syntaxes = append(syntaxes, syntax.UID)
		}
	}
	fmt.Fprintf(b, "| for C-GET: the storage classes of what is missing | | SCP, proposed by role selection | explicit and implicit VR little endian; %s |\n", strings.Join(syntaxes, ", "))
}

func statuses(b *strings.Builder) {
	b.WriteString("\n### 4.5 Statuses\n\nSuccess is answered when the object is on disk.\n\n| C-STORE status | When |\n|---|---|\n")
	for _, s := range []struct {
		status uint16
		when   string
	}{{ae.StatusSuccess, "stored, or the same bytes were stored before; other content of a known SOP instance is kept aside and reported to the operator"},
		{ae.StatusOutOfResources, "no room on the disk: try again later"}, {ae.StatusDataSetDoesNotMatchClass, "command and data set name other UIDs"},
		{ae.StatusCannotUnderstand, "the data set cannot be read"}, {ae.StatusSOPClassNotSupported, "SOP class not supported"},
		{ae.StatusProcessingFailure, "an internal error, see the node's log"}} {
		fmt.Fprintf(b, "| %04XH | %s |\n", s.status, s.when)
	}
	fmt.Fprintf(b, "\nStorage commitment is given for instances that are on disk with the SOP class of the request, until they are removed (see 1). "+
		"Results come as N-EVENT-REPORT on the association of the request or, when that has ended, on a new one to the peer's address. "+
		"Failure reasons: %04XH no such instance, %04XH class and instance conflict.\n", ae.StatusNoSuchObjectInstance, ae.StatusClassInstanceConflict)
}

// completeness says what the services that tell of a study's instances do.
func completeness(b *strings.Builder, c *config.Config) {
	b.WriteString("\n| N-CREATE, N-SET status | When |\n|---|---|\n")
	for _, s := range []struct {
		status uint16
		when   string
	}{{ae.StatusSuccess, "on disk"}, {ae.StatusDuplicateSOPInstance, "N-CREATE of a known SOP instance"},
		{ae.StatusMissingAttribute, "no status, or no Study Instance UID"}, {ae.StatusInvalidAttributeValue, "a step that is not created IN PROGRESS, or an unknown status"},
		{ae.StatusNoSuchObjectInstance, "N-SET of an unknown step"}, {ae.StatusResourceLimitation, "no room on the disk, or a data set too large"},
		{ae.StatusProcessingFailure, fmt.Sprintf("N-SET of a step that has ended (Error ID %04XH), or an internal error", stepEnded)}} {
		fmt.Fprintf(b, "| %04XH | %s |\n", s.status, s.when)
	}
	fmt.Fprintf(b, "\nOf a performed procedure step the status, the Scheduled Step Attributes Sequence (study and accession number) and the Performed Series Sequence are read; "+
		"of a notification the study and the instances that are not UNAVAILABLE. A study of which all announced instances are stored is judged at once; missing ones are waited for %v "+
		"(`study.wait`) after it was quiet for %v (`study.quiet`).\n\n", time.Duration(c.Study.Wait), time.Duration(c.Study.Quiet))
	b.WriteString("C-FIND is used at STUDY level (by Study Instance UID or Accession Number; Number of Study Related Instances is asked for), and where that number is not the number stored here, at SERIES and IMAGE level. " +
		"C-MOVE, to this AE title, and C-GET are used at IMAGE level for missing instances, by lists of SOP Instance UIDs, and at STUDY level for a study that a report names and that was never sent. " +
		"Missing instances are asked for at most three times of each peer.\n\n" +
		"Storage commitment is requested for each Structured Report that was stored. The result is taken on the same association within " + resultWait.String() +
		", or on any other; without one the request is repeated under a new Transaction UID. A document that is not kept is sent again.\n")
}

func securityProfiles(b *strings.Builder, c *config.Config) {
	b.WriteString("\n## 7 Security\n\nTLS 1.2 and 1.3 by BCP 195, with the ephemeral authenticated cipher suites only; ")
	if c.TLS.CA != "" {
		b.WriteString("callers must show a certificate.\n")
	} else {
		b.WriteString("callers must show a certificate where `tls.ca` is set.\n")
	}
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}
