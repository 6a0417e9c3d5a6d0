package inference

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"slices"

	"github.com/goccy/go-yaml"
)

// CalibrationName is the file of a pack that, where it is there, takes the place of the manifest's calibration.
const CalibrationName = "calibration.yaml"

// Calibration turns logits into verdicts: softmax(logits/Temperature), and the label only if its
// probability reaches its threshold, otherwise maybe.
type Calibration struct {
	Temperature float64            `yaml:"temperature"`
	Thresholds  map[string]float64 `yaml:"thresholds"` // for yes and no: 0 to 1, or Never
	// Modalities hold what differs for pictures of one modality (DICOM 0008,0060, like CT); each is whole.
	Modalities map[string]Calibration `yaml:"modalities,omitempty"`
}

// Never is the threshold of a verdict that is not to be given.
const Never = 2

// CalibrationFile is the calibration of one pack as it was fitted to a site's cases.
type CalibrationFile struct {
	Schema      int            `yaml:"schema"` // CalibrationSchema
	Pack        string         `yaml:"pack"`   // Model.Name of the pack that it was fitted for
	Fitted      map[string]any `yaml:"fitted"` // how, for people: pairs, date, errors before and after
	Calibration `yaml:",inline"`
}

// CalibrationSchema is the version of CalibrationFile that this build reads.
const CalibrationSchema = 1

func (c Calibration) check() error {
	if err := c.checkOne("calibration"); err != nil {
		return err
	}
	for _, modality := range slices.Sorted(maps.Keys(c.Modalities)) {
		name := "calibration.modalities." + modality
		if len(c.Modalities[modality].Modalities) > 0 {
			return fmt.Errorf("%s has modalities of its own", name)
		}
		if err := c.Modalities[modality].checkOne(name); err != nil {
			return err
		}
	}
	return nil
}

func (c Calibration) checkOne(name string) error {
	if !(c.Temperature > 0) || math.IsInf(c.Temperature, 0) {
		return fmt.Errorf("%s.temperature is %v; want above 0", name, c.Temperature)
	}
	for _, label := range []string{Yes, No} {
		if t, ok := c.Thresholds[label]; !ok || !(t >= 0 && t <= 1) && t != Never {
			return fmt.Errorf("%s.thresholds.%s must be given: 0 to 1, or %d for never", name, label, Never)
		}
	}
	if len(c.Thresholds) != 2 {
		return fmt.Errorf("%s.thresholds has entries for yes and no only", name)
	}
	return nil
}

// of is the calibration for pictures of a modality.
func (c Calibration) of(modality string) Calibration {
	if own, ok := c.Modalities[modality]; ok {
		return own
	}
	return c
}

// CalibrationOf is the calibration that the model uses for pictures of a modality.
func (m *Model) CalibrationOf(modality string) Calibration { return m.calibration.of(modality) }

// readCalibration reads the pack's own calibration file over the manifest's calibration.
func (m *Model) readCalibration() error {
	text, err := fs.ReadFile(m.fsys, CalibrationName)
	if errors.Is(err, fs.ErrNotExist) {
		m.calibration = m.manifest.Calibration
		return nil
	}
	if err == nil {
		m.calibration, err = m.parseCalibration(text)
	}
	if err != nil {
		return fmt.Errorf("inference: pack %s: %s: %w", m.manifest.Name, CalibrationName, err)
	}
	return nil
}

// Calibrate takes a site's own calibration file instead of the pack's. Call it before the model is used.
func (m *Model) Calibrate(text []byte) (err error) {
	if m.calibration, err = m.parseCalibration(text); err != nil {
		return fmt.Errorf("inference: the calibration for pack %s: %w", m.manifest.Name, err)
	}
	sum := sha256.Sum256(text)
	m.calibrated = hex.EncodeToString(sum[:])
	return nil
}

// Calibrated is the hexadecimal SHA-256 of a site's own calibration file; empty: the pack's own is used, which
// its digest covers.
func (m *Model) Calibrated() string { return m.calibrated }

func (m *Model) parseCalibration(text []byte) (Calibration, error) {
	var file CalibrationFile
	if err := yaml.NewDecoder(bytes.NewReader(text), yaml.Strict()).Decode(&file); err != nil {
		return Calibration{}, err
	}
	switch {
	case file.Schema != CalibrationSchema:
		return Calibration{}, fmt.Errorf("schema is %d; this build reads schema %d", file.Schema, CalibrationSchema)
	case file.Pack != m.Name():
		return Calibration{}, fmt.Errorf("it was fitted for %q, this pack is %q: fit it again with `concord eval --fit`", file.Pack, m.Name())
	}
	return file.Calibration, file.check()
}
