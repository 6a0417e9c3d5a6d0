package inference

import (
	"context"
	"strings"
	"testing"
	"testing/fstest"
)

const siteCalibration = `
schema: 1
pack: small 1
fitted: {pairs: 812, at: 2026-11-24, error: 0.021}
temperature: 2
thresholds: {"yes": 0.7, "no": 0.9}
modalities:
  CT: {temperature: 0.5, thresholds: {"yes": 0.6, "no": 0.6}}
`

// The picture gives s = 1, so yes has 0.665 at temperature 1, 0.506 at 2 and 0.867 at 0.5.
func TestCalibrationOfTheModality(t *testing.T) {
	inPack := fakePack()
	inPack[CalibrationName] = &fstest.MapFile{Data: []byte(siteCalibration)}
	for name, c := range map[string]struct {
		pack fstest.MapFS
		site string
	}{"of the pack": {inPack, ""}, "of the site": {fakePack(), siteCalibration}} {
		m, err := Open(context.Background(), c.pack, &fake{})
		if err != nil {
			t.Fatal(err)
		}
		if c.site != "" {
			err = m.Calibrate([]byte(c.site))
		}
		if err != nil || (m.Calibrated() != "") != (c.site != "") {
			t.Fatalf("%s: %v, %q", name, err, m.Calibrated())
		}
		picture, err := m.EncodeImage(context.Background(), flatPicture(255))
		if err != nil {
			t.Fatal(err)
		}
		for modality, want := range map[string]string{"CT": Yes, "MR": Maybe, "": Maybe} {
			scores, err := m.Score(context.Background(), []*Encoded{picture.Of(modality)}, []Statement{say(1)})
			if err != nil || scores[0][0].Label != want {
				t.Errorf("%s, %q: %+v, %v; want %s", name, modality, scores, err, want)
			}
		}
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestCalibrationRefusals(t *testing.T) {
	m := openFake(t, &fake{})
	for _, c := range []struct{ replace, by, want string }{
		{"schema: 1", "schema: 3", "schema 1"},
		{"pack: small 1", "pack: small 2", "concord eval --fit"},
		{"temperature: 2", "temperature: .nan", "calibration.temperature"},
		{`"yes": 0.7`, `"yes": 7`, "calibration.thresholds.yes"},
		{`"no": 0.9`, `"maybe": 0.9`, "calibration.thresholds.no"},
		{"temperature: 0.5", "temperature: 0", "calibration.modalities.CT.temperature"},
		{"temperature: 0.5", "temperature: 1, modalities: {MR: {temperature: 1}}", "modalities of its own"},
		{"fitted", "fited", "fited"},
	} {
		text := strings.Replace(siteCalibration, c.replace, c.by, 1)
		if text == siteCalibration {
			t.Fatalf("%q is not in the file", c.replace)
		}
		if err := m.Calibrate([]byte(text)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v; want %q in it", c.by, err, c.want)
		}
	}
	pack := fakePack()
	pack[CalibrationName] = &fstest.MapFile{Data: []byte("schema: 9")}
	if _, err := Open(context.Background(), pack, &fake{}); err == nil || !strings.Contains(err.Error(), CalibrationName) {
		t.Errorf("a broken file in the pack: %v", err)
	}
}

func FuzzCalibration(f *testing.F) {
	f.Add([]byte(siteCalibration))
	f.Add([]byte("schema: 1\npack: small 1\ntemperature: 1e308\nthresholds: {\"yes\": 0, \"no\": 1}\nmodalities: {CT: null}"))
	f.Add([]byte("thresholds: &a {yes: *a}"))
	m := &Model{manifest: Manifest{Name: "small", Version: "1", Labels: []string{No, Yes, Maybe}}}
	f.Fuzz(func(t *testing.T, text []byte) {
		if m.Calibrate(text) != nil {
			return
		}
		c := m.calibration.of("CT")
		p := m.probabilities([]float32{-1, 1, 0}, c.Temperature)
		if sum := p[0] + p[1] + p[2]; !(sum > 0.99 && sum < 1.01) {
			t.Fatalf("an accepted calibration gives %v", p)
		}
	})
}
