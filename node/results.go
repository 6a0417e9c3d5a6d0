package node

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"concord/dicom"
	"concord/dicom/sr"
)

const manufacturer = "Concord Project"

// outcome is what becomes of a judged case: its deliveries, and which flags the
// destinations with a budget get.
type outcome struct {
	deliveries []Delivery
	alerts     []Alerts
}

// results makes the deliveries of a judged case: one for each destination.
// Each is encoded once; a retry sends the same bytes.
func (n *Node) results(ctx context.Context, c *Case, j *Judgement, objects []Object) (out outcome, err error) {
	if n.Config.Shadow || len(objects) == 0 {
		return out, nil
	}
	if out.alerts, err = n.weigh(ctx, c); err != nil {
		return out, err
	}
	earlier, err := n.earlierResults(ctx, c)
	if err != nil {
		return out, err
	}
	payloads, named := map[string][]byte{}, "" // by SOP Instance UID; the document that messages name
	now := time.Now()
	for _, d := range n.Destinations() {
		r := n.resultFor(&d, c, j, objects, alertsFor(out.alerts, d.Name).held())
		r.at, r.corrects = now, slices.ContainsFunc(earlier, func(e Delivery) bool { return e.Destination == d.Name })
		if d.holds(c) || !r.corrects && !d.wants(r.c) { // who has a result gets its correction, flagged or not
			continue
		}
		delivery := Delivery{Destination: d.Name, Kind: d.Kind, UID: r.documentUID()}
		if d.Kind == ORU {
			delivery.UID, delivery.Names = r.controlID(d.Name), cmp.Or(named, r.documentUID())
			if delivery.Payload, err = r.message(d, delivery.Names); err != nil {
				return out, fmt.Errorf("write the ORU for %s: %w", d.Name, err)
			}
		} else {
			named = cmp.Or(named, delivery.UID)
			if payloads[delivery.UID] == nil {
				if payloads[delivery.UID], err = n.encoded(ctx, r, priorDocument(earlier, d.Name)); err != nil {
					return out, err
				}
			}
			delivery.Payload = payloads[delivery.UID]
		}
		out.deliveries = append(out.deliveries, delivery)
	}
	return out, nil
}

// encoded writes the Structured Report that supersedes prior, if there is one.
func (n *Node) encoded(ctx context.Context, r *result, prior *Delivery) ([]byte, error) {
	if prior != nil {
		err := n.Index.View(ctx, func(tx Tx) (err error) {
			prior, err = tx.Delivery(prior.ID)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	payload, err := sr.Encode(r.document(prior))
	if err != nil {
		return nil, fmt.Errorf("write the Structured Report: %w", err)
	}
	return payload, nil
}

// resultFor is a case as a destination gets it: in its language, and without
// the flags that are held back from it.
func (n *Node) resultFor(d *Destination, c *Case, j *Judgement, objects []Object, held []Alert) *result {
	usual := cmp.Or(n.Config.Site.Language, j.Language)
	language := cmp.Or(d.Language, usual)
	if language == ReportLanguage {
		language = j.Language
	}
	words := wordsIn(language)
	r := &result{site: n.Config.Site, c: c, objects: objects, words: words}
	if words.language != j.Language {
		r.c = n.inLanguage(words.language, c, objects)
	}
	if words.language != usual {
		r.variant = " " + words.language
	}
	for _, a := range held {
		r.variant += fmt.Sprintf(" -%s/%d", a.Rule, a.Statement)
	}
	r.c = r.c.without(held, words)
	return r
}

// earlierResults are those of earlier revisions of a case, without payloads,
// the newest first.
func (n *Node) earlierResults(ctx context.Context, c *Case) (results []Delivery, err error) {
	if c.Revision == 1 {
		return nil, nil
	}
	err = n.Index.View(ctx, func(tx Tx) error {
		cases, err := tx.ReportCases(c.ReportKey)
		if err != nil {
			return err
		}
		slices.SortFunc(cases, func(a, b *Case) int { return cmp.Compare(b.Revision, a.Revision) })
		for _, old := range cases {
			if old.StudyUID != c.StudyUID || old.Revision >= c.Revision {
				continue
			}
			sent, err := tx.CaseDeliveries(old.ID)
			if err != nil {
				return err
			}
			slices.Reverse(sent)
			results = append(results, sent...)
		}
		return nil
	})
	return results, err
}

// priorDocument is the newest Structured Report that a destination has, or
// anyone, where it has none; nil where there is none.
func priorDocument(earlier []Delivery, destination string) (prior *Delivery) {
	for i := range earlier {
		e := &earlier[i]
		if e.Kind == SR && e.Destination == destination {
			return e
		}
		if e.Kind == SR && prior == nil {
			prior = e
		}
	}
	return prior
}

// classOf is the SOP class of a Structured Report as it was sent.
func classOf(d *Delivery) string {
	o, err := dicom.Scan(bytes.NewReader(d.Payload), int64(len(d.Payload)))
	if err != nil {
		return sr.Comprehensive3D
	}
	return cmp.Or(o.String(dicom.SOPClassUID), sr.Comprehensive3D)
}

// result writes what one case's destinations get.
type result struct {
	site    Site
	c       *Case
	objects []Object
	at      time.Time
	words   *words

	variant   string // what this destination gets otherwise than others
	corrects  bool   // an earlier revision's result may be at the destinations
	withdraws bool   // the report was withdrawn
}

// pipeline identifies what came to the verdicts; another pipeline is another
// Structured Report.
func (r *result) pipeline() string {
	if r.withdraws {
		return r.site.Version + " " + r.c.Pack + r.variant + " withdrawn"
	}
	return r.site.Version + " " + r.c.Pack + r.variant
}

func (r *result) seriesUID() string {
	return sr.SeriesUID(r.site.Name, r.c.StudyUID, r.c.ReportKey)
}

func (r *result) documentUID() string {
	return sr.InstanceUID(r.site.Name, r.c.StudyUID, r.c.ReportKey, r.c.Revision, r.pipeline(), sr.Comprehensive3D)
}

// controlID is MSH-10 for a destination: the same for the same revision and
// pipeline, at most 20 characters (HL7 2.5.1 chapter 2.14.9.10).
func (r *result) controlID(destination string) string {
	sum := sha256.Sum256([]byte(strings.Join([]string{r.seriesUID(), strconv.Itoa(r.c.Revision), r.pipeline(), destination, strconv.FormatBool(r.withdraws)}, "\x00")))
	return "CC" + strings.ToUpper(hex.EncodeToString(sum[:9]))
}

func (r *result) deviceUID() string { return dicom.DeriveUID("device", r.site.Name) }

func (r *result) summary() string {
	counts := map[Verdict]int{}
	for _, s := range r.c.Statements {
		counts[s.Verdict]++
	}
	text := fmt.Sprintf(r.words.summary, len(r.c.Statements), counts[Yes], counts[No], counts[Maybe], counts[NotJudged], len(r.c.Flags))
	return strings.Join(append([]string{text}, r.c.Report.NotChecked...), " ")
}

func (r *result) assessment() sr.Assessment {
	switch {
	case len(r.c.Flags) > 0:
		return sr.Flagged
	case slices.ContainsFunc(r.c.Statements, func(s Statement) bool { return s.Verdict != NotJudged }):
		return sr.NotFlagged
	}
	return sr.Incomplete
}

// flagOf is the model's flag on a statement, nil when there is none.
func (r *result) flagOf(s *Statement) *Flag {
	for i := range r.c.Flags {
		if f := &r.c.Flags[i]; f.Rule == supportRule && f.Statement == s.N {
			return f
		}
	}
	return nil
}

// sourceReport identifies the checked report for both forms of result.
func (r *result) sourceReport() string {
	report := r.c.Report
	return fmt.Sprintf("MSH-10=%s; OBR-3=%s; OBR-25=%s", report.ControlID, report.Filler, report.Status)
}

func (r *result) document(predecessor *Delivery) *sr.Document {
	h := &r.objects[0].Header
	d := &sr.Document{
		SOPClassUID: sr.Comprehensive3D, SeriesUID: r.seriesUID(), Revision: r.c.Revision,
		SOPInstanceUID: r.documentUID(),
		ContentTime:    r.at, Language: r.words.language,
		Patient: sr.Patient{Name: h.Patient.Name, ID: h.Patient.ID, Issuer: h.Patient.Issuer,
			BirthDate: h.Patient.BirthDate, Sex: h.Patient.Sex},
		Study: sr.Study{UID: r.c.StudyUID, ID: h.StudyID, Date: h.StudyDate, Time: h.StudyTime, TimezoneOffset: h.TimezoneOffset,
			Accession: h.Accession, AccessionIssuer: sr.Issuer{Namespace: h.AccessionIssuer},
			ReferringPhysician: h.ReferringPhysician, Description: h.StudyDescription},
		Request: sr.Request{PlacerNumber: h.Placer, FillerNumber: h.Filler, ProcedureID: h.ProcedureID,
			Description: h.Procedure},
		Device: sr.Device{UID: r.deviceUID(), Name: r.site.AETitle, Manufacturer: manufacturer,
			Model: "Concord", Serial: r.site.Name, Software: r.site.Version, Institution: h.Institution},
		Images: r.evidence(), Assessment: r.assessment(), Summary: r.summary(),
		SourceReport: r.sourceReport(), UseLimitation: r.words.limitation,
	}
	if predecessor != nil {
		d.Predecessor = &sr.Reference{SOPClassUID: classOf(predecessor), SOPInstanceUID: predecessor.UID,
			SeriesUID: r.seriesUID(), StudyUID: r.c.StudyUID}
	}
	if r.withdraws {
		d.Revision, d.Assessment, d.Summary = r.c.Revision+1, sr.Incomplete, r.words.withdrawn
		return d
	}
	for i := range r.c.Statements {
		d.Groups = append(d.Groups, r.statementGroup(&r.c.Statements[i]))
	}
	for i := range r.c.Flags {
		if f := &r.c.Flags[i]; f.Rule != supportRule {
			d.Groups = append(d.Groups, r.ruleGroup(f))
		}
	}
	return d
}

// evidence lists the images that verdicts rest on; when none does, the first
// picture, for a report without evidence says nothing of its study.
func (r *result) evidence() (images []sr.Image) {
	used := map[string]bool{}
	for _, s := range r.c.Statements {
		for _, ref := range s.Images {
			used[ref.SOPUID] = true
		}
	}
	for _, o := range r.objects {
		if !used[o.SOPInstanceUID] && (len(used) > 0 || len(images) > 0 || o.Header.Frames < 1) {
			continue
		}
		images = append(images, sr.Image{Modality: o.Header.Modality, Region: sr.Region(o.Header.BodyPart),
			Reference: sr.Reference{SOPClassUID: o.SOPClassUID, SOPInstanceUID: o.SOPInstanceUID,
				SeriesUID: o.Header.SeriesUID, StudyUID: o.Header.StudyUID}})
	}
	return images
}

func (r *result) statementGroup(s *Statement) sr.Group {
	id := fmt.Sprintf("STMT-%03d", s.N)
	g := sr.Group{TrackingID: id, TrackingUID: sr.TrackingUID(r.c.StudyUID, r.c.ReportKey, id), Finding: sr.Code{Value: "CC100"},
		Algorithm: sr.Algorithm{Name: "concord-vlm", Version: cmp.Or(r.c.Pack, "no model pack"), Manufacturer: manufacturer},
		Images:    r.imageRefs(s.Images), Statement: s.Text, Segment: s.Paragraph, Locator: s.Locator, Comment: s.Reason}
	if s.Verdict != NotJudged {
		percent := 100 * s.Confidence
		g.Supported, g.Certainty = sr.Verdict(s.Verdict), &percent
	}
	if f := r.flagOf(s); f != nil {
		g.Severity, g.Rule, g.Comment = srSeverity(f.Severity), f.Rule, f.Text
	}
	return g
}

func (r *result) ruleGroup(f *Flag) sr.Group {
	id := fmt.Sprintf("%s-%03d", f.Rule, f.Statement)
	g := sr.Group{TrackingID: id, TrackingUID: sr.TrackingUID(r.c.StudyUID, r.c.ReportKey, id),
		Finding:   sr.Code{Value: f.Code},
		Algorithm: sr.Algorithm{Name: "concord-rules", Version: r.site.Version, Manufacturer: manufacturer},
		Supported: sr.No, Severity: srSeverity(f.Severity), Rule: f.Rule, Comment: f.Text}
	if f.Statement > 0 {
		s := &r.c.Statements[f.Statement-1]
		g.Statement, g.Segment, g.Locator = s.Text, s.Paragraph, s.Locator
	}
	return g
}

// imageRefs groups frames by their instance.
func (r *result) imageRefs(refs []ImageRef) (out []sr.ImageRef) {
	frames := map[string]int{}
	for _, o := range r.objects {
		frames[o.SOPInstanceUID] = o.Header.Frames
	}
	for _, ref := range refs {
		i := slices.IndexFunc(out, func(o sr.ImageRef) bool { return o.SOPInstanceUID == ref.SOPUID })
		if i < 0 {
			out = append(out, sr.ImageRef{SOPInstanceUID: ref.SOPUID})
			i = len(out) - 1
		}
		if frames[ref.SOPUID] > 1 {
			out[i].Frames = append(out[i].Frames, ref.Frame)
		}
	}
	return out
}

func srSeverity(s Severity) sr.Severity {
	switch s {
	case Critical:
		return sr.Critical
	case Warning:
		return sr.Warning
	}
	return sr.Information
}
