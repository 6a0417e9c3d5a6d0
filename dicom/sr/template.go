package sr

import (
	"cmp"
	"strconv"
)

// report builds the tree of TID 1500 (PS3.16 A). d has passed check.
func (d *Document) report() item {
	root := container(measurementReport)
	root.relation = ""
	root.add(codeItem(conceptMod, language, languages[d.Language]))
	root.add(d.observer()...)
	root.add(codeItem(conceptMod, procedureReported, cmp.Or(d.Procedure, imagingProcedure)))
	root.add(d.library(), d.measurements(), d.evaluations())
	if d.Language == "zh" {
		root.translate()
	}
	return root
}

// observer is TID 1002 with TID 1004 for a device.
func (d *Document) observer() []item {
	return []item{
		codeItem(obsContext, observerType, observerDevice),
		uidItem(obsContext, deviceUID, d.Device.UID),
		textItem(obsContext, deviceName, d.Device.Name),
		textItem(obsContext, deviceMaker, d.Device.Manufacturer),
		textItem(obsContext, deviceModel, d.Device.Model),
		textItem(obsContext, deviceSerial, d.Device.Serial),
	}
}

// library is TID 1600: one group for each modality and region, in the order in
// which they come up.
func (d *Document) library() item {
	type kind struct {
		modality string
		region   Code
	}
	var order []kind
	groups := map[kind]*item{}
	for _, image := range d.Images {
		k := kind{image.Modality, image.Region}
		if groups[k] == nil {
			order = append(order, k)
			groups[k] = libraryGroup(image)
		}
		groups[k].add(item{relation: contains, valueType: "IMAGE",
			image: imageOf{sopClass: image.SOPClassUID, sopInstance: image.SOPInstanceUID}})
	}
	library := container(imageLibrary)
	for _, k := range order {
		library.add(*groups[k])
	}
	return library
}

// libraryGroup is TID 1602 for the images that are like this one.
func libraryGroup(image Image) *item {
	group := container(imageLibraryGroup)
	if meaning, ok := modalities[image.Modality]; ok {
		group.add(codeItem(acqContext, modalityConcept, dcm(image.Modality, meaning)))
	}
	group.add(codeItem(acqContext, targetRegion, image.Region))
	return &group
}

func (d *Document) measurements() item {
	classes := map[string]string{}
	for _, image := range d.Images {
		classes[image.SOPInstanceUID] = image.SOPClassUID
	}
	all := container(measurements)
	for i := range d.Groups {
		all.add(d.Groups[i].measurement(d.Language, classes))
	}
	return all
}

// measurement is TID 1501 with Concord's own items beside it. classes gives the
// SOP class of an image.
func (g *Group) measurement(lang string, classes map[string]string) item {
	group := container(measurementGroup)
	group.add(
		textItem(obsContext, trackingID, g.TrackingID),
		uidItem(obsContext, trackingUID, g.TrackingUID),
		codeItem(contains, findingConcept, finding(g.Finding)),
		g.site(),
		textItem(conceptMod, algorithmName, g.Algorithm.Name),
		textItem(conceptMod, algorithmVersion, g.Algorithm.Version),
		textItem(conceptMod, algorithmMaker, g.Algorithm.Manufacturer),
		textItem(conceptMod, algorithmParams, g.Algorithm.Parameters),
	)
	for _, ref := range g.Images {
		group.add(item{relation: contains, valueType: "IMAGE", concept: sourceImage,
			image: imageOf{classes[ref.SOPInstanceUID], ref.SOPInstanceUID, ref.Frames}})
	}
	if g.Certainty != nil {
		group.add(item{relation: contains, valueType: "NUM", concept: certainty,
			number: percentage(*g.Certainty), unit: percent})
	}
	segment := ""
	if g.Segment > 0 {
		segment = strconv.Itoa(g.Segment)
	}
	group.add(
		codeItem(contains, supported, verdicts[g.Supported]),
		codeItem(contains, flagSeverity, severities[g.Severity]),
		textItem(contains, reportStatement, g.Statement),
		textItem(contains, segmentNumber, segment),
		textItem(contains, segmentLocator, g.Locator),
		textItem(contains, ruleIdentifier, g.Rule),
		textItem(contains, commentConcept, g.comment(lang)),
	)
	return group
}

func (g *Group) site() item {
	site := codeItem(conceptMod, findingSite, g.Site)
	site.add(codeItem(conceptMod, lateralityConcept, g.Laterality))
	return site
}

// comment ends with the confidence, as a reader could take the Certainty of
// Finding for that of a disease.
func (g *Group) comment(lang string) string {
	comment := unlimitedText(g.Comment)
	if g.Certainty == nil {
		return comment
	}
	confidence := confidenceNote(lang, percentage(*g.Certainty))
	if comment == "" {
		return confidence
	}
	return comment + " " + confidence
}

func confidenceNote(lang, number string) string {
	if lang == "zh" {
		return "判定置信度：" + number + " %。"
	}
	return "Confidence of the verdict: " + number + " %."
}

func percentage(value float64) string { return strconv.FormatFloat(value, 'f', 1, 64) }

// evaluations is the container Qualitative Evaluations of TID 1500.
func (d *Document) evaluations() item {
	all := container(evaluations)
	all.add(
		codeItem(contains, overallAssessment, assessments[d.Assessment]),
		textItem(contains, summaryConcept, d.Summary),
		textItem(contains, sourceReport, d.SourceReport),
		textItem(contains, useLimitation, cmp.Or(unlimitedText(d.UseLimitation), useLimitations[d.Language])),
	)
	return all
}

var useLimitations = map[string]string{
	"en": "Automated quality check. Not for diagnosis. Not verified by a human.",
	"zh": "自动质量核对，不用于诊断，未经人工核实。",
}
