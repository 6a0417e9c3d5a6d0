package sr

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"concord/dicom"
)

// checked returns a copy of d with its defaults filled in, or says what keeps d
// from being a valid report.
func (d *Document) checked() (*Document, error) {
	c := *d
	c.SOPClassUID = cmp.Or(c.SOPClassUID, Comprehensive3D)
	c.Language = cmp.Or(c.Language, "en")
	c.Assessment = cmp.Or(c.Assessment, Incomplete)
	c.Images = evidence(d)
	for _, check := range []func(*Document) error{checkHeader, checkDevice, checkImages, checkGroups} {
		if err := check(&c); err != nil {
			return nil, fmt.Errorf("sr: %w", err)
		}
	}
	return &c, nil
}

// evidence lists each image of d once, with its study.
func evidence(d *Document) []Image {
	seen := map[string]bool{}
	var images []Image
	for _, image := range d.Images {
		if seen[image.SOPInstanceUID] {
			continue
		}
		seen[image.SOPInstanceUID] = true
		image.StudyUID = cmp.Or(image.StudyUID, d.Study.UID)
		images = append(images, image)
	}
	return images
}

func checkHeader(d *Document) error {
	if !slices.Contains([]string{Comprehensive3D, Comprehensive, Enhanced}, d.SOPClassUID) {
		return fmt.Errorf("SOP class %q is none that a TID 1500 report is written as", cut(d.SOPClassUID, 64))
	}
	if err := checkUIDs("report", d.SOPInstanceUID, d.SeriesUID, d.Study.UID); err != nil {
		return err
	}
	if _, ok := languages[d.Language]; !ok {
		return fmt.Errorf("language %q: only en and zh are written", cut(d.Language, 16))
	}
	if _, ok := assessments[d.Assessment]; !ok {
		return fmt.Errorf("assessment %q is unknown", cut(string(d.Assessment), 16))
	}
	if d.Revision < 1 {
		return fmt.Errorf("revision %d: the first is 1", d.Revision)
	}
	if d.ContentTime.IsZero() || d.ContentTime.Year() > 9999 {
		return errors.New("content time is missing or after the year 9999")
	}
	if p := d.Predecessor; p != nil {
		if err := checkUIDs("predecessor", p.SOPClassUID, p.SOPInstanceUID, p.SeriesUID, p.StudyUID); err != nil {
			return err
		}
	}
	return errors.Join(checkOptional("procedure", d.Procedure), checkOptional("requested procedure", d.Request.Procedure))
}

// checkDevice: Enhanced General Equipment is mandatory with values (PS3.3 C.7.5.2).
func checkDevice(d *Document) error {
	if err := checkUIDs("device", d.Device.UID); err != nil {
		return err
	}
	for _, field := range []struct{ name, value string }{
		{"name", d.Device.Name}, {"manufacturer", d.Device.Manufacturer}, {"model", d.Device.Model},
		{"serial number", d.Device.Serial}, {"software version", d.Device.Software},
	} {
		if shortText(field.value, 64) == "" {
			return fmt.Errorf("device %s is empty; the standard wants one", field.name)
		}
	}
	return nil
}

func checkImages(d *Document) error {
	for i, image := range d.Images {
		name := fmt.Sprintf("image %d", i+1)
		if err := checkUIDs(name, image.SOPClassUID, image.SOPInstanceUID, image.SeriesUID, image.StudyUID); err != nil {
			return err
		}
		if err := checkOptional(name+" region", image.Region); err != nil {
			return err
		}
	}
	return nil
}

func checkGroups(d *Document) error {
	images := map[string]bool{}
	for _, image := range d.Images {
		images[image.SOPInstanceUID] = true
	}
	for i := range d.Groups {
		if err := d.Groups[i].check(images); err != nil {
			return fmt.Errorf("group %d: %w", i+1, err)
		}
	}
	return nil
}

func (g *Group) check(images map[string]bool) error {
	if err := checkUIDs("tracking", g.TrackingUID); err != nil {
		return err
	}
	if unlimitedText(g.TrackingID) == "" {
		return errors.New("tracking identifier is empty")
	}
	err := errors.Join(checkCode("finding", finding(g.Finding)),
		checkOptional("site", g.Site), checkOptional("laterality", g.Laterality))
	if err != nil {
		return err
	}
	for _, ref := range g.Images {
		if !images[ref.SOPInstanceUID] {
			return errors.New("an image is referred to that is not among the images of the document; add it there")
		}
		if len(ref.Frames) > 0 && slices.Min(ref.Frames) < 1 {
			return fmt.Errorf("frame %d: frames count from 1", slices.Min(ref.Frames))
		}
	}
	return g.checkValues()
}

func (g *Group) checkValues() error {
	if c := g.Certainty; c != nil && !(*c >= 0 && *c <= 100) {
		return fmt.Errorf("certainty %v is not between 0 and 100 percent", *c)
	}
	if _, ok := verdicts[g.Supported]; !ok && g.Supported != "" {
		return fmt.Errorf("verdict %q is unknown", cut(string(g.Supported), 16))
	}
	if _, ok := severities[g.Severity]; !ok && g.Severity != "" {
		return fmt.Errorf("severity %q is unknown", cut(string(g.Severity), 16))
	}
	return nil
}

func checkOptional(name string, c Code) error {
	if c == (Code{}) {
		return nil
	}
	return checkCode(name, c)
}

// checkCode: value and designator are SH, and no part may be missing (PS3.3 8.8).
func checkCode(name string, c Code) error {
	switch {
	case c.Value == "" || identifier(c.Value, 16) != c.Value:
		return fmt.Errorf("code value of the %s: 1 to 16 characters are allowed, none of them a control or backslash", name)
	case c.Scheme == "" || identifier(c.Scheme, 16) != c.Scheme:
		return fmt.Errorf("coding scheme of the %s: 1 to 16 characters are allowed, none of them a control or backslash", name)
	case shortText(c.Meaning, 64) == "":
		return fmt.Errorf("code of the %s has no meaning; give one", name)
	}
	return nil
}

func checkUIDs(name string, uids ...string) error {
	for _, uid := range uids {
		if !dicom.ValidUID(uid) {
			return fmt.Errorf("a UID of the %s is missing or none by PS3.5 9.1", name)
		}
	}
	return nil
}
