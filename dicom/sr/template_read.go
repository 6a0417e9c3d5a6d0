package sr

import (
	"strconv"
	"strings"
)

// readTree fills in what the content tree says.
func (d *Document) readTree(root item) {
	for _, it := range root.content {
		switch {
		case it.relation == obsContext:
			d.Device.readObserver(it)
		case it.concept.same(language):
			d.Language = it.code.Value
		case it.concept.same(procedureReported):
			d.Procedure = it.code
		case it.concept.same(imageLibrary):
			d.readLibrary(it)
		case it.concept.same(evaluations):
			d.readEvaluations(it)
		}
	}
	for _, it := range root.content { // after the language, which the comments need
		if it.concept.same(measurements) {
			d.readMeasurements(it)
		}
	}
}

// readObserver reads an item of TID 1004. Its texts are longer than the
// attributes of the equipment may be.
func (d *Device) readObserver(it item) {
	switch {
	case it.concept.same(deviceUID):
		d.UID = it.text
	case it.concept.same(deviceName):
		d.Name = it.text
	case it.concept.same(deviceMaker):
		d.Manufacturer = it.text
	case it.concept.same(deviceModel):
		d.Model = it.text
	case it.concept.same(deviceSerial):
		d.Serial = it.text
	}
}

// readLibrary gives the images of the evidence their modality and region.
func (d *Document) readLibrary(library item) {
	index := map[string]int{}
	for i, image := range d.Images {
		index[image.SOPInstanceUID] = i
	}
	for _, group := range library.content {
		var modality string
		var region Code
		for _, it := range group.content {
			switch {
			case it.concept.same(modalityConcept):
				modality = it.code.Value
			case it.concept.same(targetRegion):
				region = it.code
			case it.valueType == "IMAGE":
				if i, ok := index[it.image.sopInstance]; ok {
					d.Images[i].Modality, d.Images[i].Region = modality, region
				}
			}
		}
	}
}

func (d *Document) readMeasurements(all item) {
	for _, it := range all.content {
		if it.concept.same(measurementGroup) {
			d.Groups = append(d.Groups, readGroup(it, d.Language))
		}
	}
}

func readGroup(group item, lang string) Group {
	var g Group
	for _, it := range group.content {
		if text := g.textOf(it.concept); text != nil {
			*text = it.text
		} else {
			g.readValue(it)
		}
	}
	if g.Certainty != nil {
		comment := strings.TrimSuffix(g.Comment, confidenceNote(lang, percentage(*g.Certainty)))
		g.Comment = strings.TrimSuffix(comment, " ")
	}
	return g
}

// textOf gives the field that holds the text of a concept, or nil.
func (g *Group) textOf(concept Code) *string {
	switch {
	case concept.same(trackingID):
		return &g.TrackingID
	case concept.same(trackingUID):
		return &g.TrackingUID
	case concept.same(algorithmName):
		return &g.Algorithm.Name
	case concept.same(algorithmVersion):
		return &g.Algorithm.Version
	case concept.same(algorithmMaker):
		return &g.Algorithm.Manufacturer
	case concept.same(algorithmParams):
		return &g.Algorithm.Parameters
	case concept.same(reportStatement):
		return &g.Statement
	case concept.same(segmentLocator):
		return &g.Locator
	case concept.same(ruleIdentifier):
		return &g.Rule
	case concept.same(commentConcept):
		return &g.Comment
	}
	return nil
}

// readValue takes the items of a group that are no plain text of it.
func (g *Group) readValue(it item) {
	switch {
	case it.concept.same(findingConcept):
		g.Finding = it.code
	case it.concept.same(findingSite):
		g.Site = it.code
		for _, child := range it.content {
			if child.concept.same(lateralityConcept) {
				g.Laterality = child.code
			}
		}
	case it.concept.same(sourceImage) && it.valueType == "IMAGE":
		g.Images = append(g.Images, ImageRef{it.image.sopInstance, it.image.frames})
	case it.concept.same(certainty) && it.unit.same(percent):
		if value, err := strconv.ParseFloat(it.number, 64); err == nil {
			g.Certainty = &value
		}
	case it.concept.same(supported):
		g.Supported = keyOf(verdicts, it.code)
	case it.concept.same(flagSeverity):
		g.Severity = keyOf(severities, it.code)
	case it.concept.same(segmentNumber):
		g.Segment, _ = strconv.Atoi(it.text)
	}
}

func (d *Document) readEvaluations(all item) {
	for _, it := range all.content {
		switch {
		case it.concept.same(overallAssessment):
			d.Assessment = keyOf(assessments, it.code)
		case it.concept.same(summaryConcept):
			d.Summary = it.text
		case it.concept.same(sourceReport):
			d.SourceReport = it.text
		case it.concept.same(useLimitation):
			d.UseLimitation = it.text
		}
	}
}
