package phantom

import (
	"math"
	"math/rand/v2"
)

var endoscopyKind = kind{
	description: "Colonoscopy", technique: phrase{"Colonoscopy.", "结肠镜检查。"},
	modality: "ES", class: "1.2.840.10008.5.1.4.1.1.77.1.1", bodyPart: "COLON",
	draw: drawEndoscopy, attributes: visibleAttributes,
	vocabulary: []term{
		{"polyp", false, "a polyp is seen.", "可见息肉。", "No polyp.", "未见息肉。"},
		{"ulcer", false, "an ulcer with a white base is seen.", "可见溃疡，底覆白苔。", "No ulcer.", "未见溃疡。"},
	},
}

// drawEndoscopy looks down a lumen with folds.
func drawEndoscopy(r *rand.Rand) scene {
	c := newCanvas(512, 512, 0)
	texture, vessels := newField(r, 9), newField(r, 30)
	var found []Finding
	var polyp, ulcer ellipse
	for _, name := range planted(r, []string{"polyp", "ulcer"}) {
		e := ellipse{0.5 + pick(r, []float64{-0.24, 0.24}), 0.5 + between(r, -0.2, 0.2), 0.075, 0.07, 0.15}
		if name == "polyp" {
			polyp = e
		} else {
			e.y, e.edge = 1-e.y, 0.3
			ulcer = e
		}
		found = append(found, c.place(Finding{Name: name}, e))
	}
	p := c.paint(func(x, y, _ float64) [3]float64 {
		d := math.Hypot(x-0.5, y-0.5)
		light := min(1.5*d+0.12, 0.95) * (0.85 + 0.15*math.Sin(40*d+4*texture.at(x, y)))
		color := [3]float64{0.9 * light, 0.42*light + 0.06*texture.at(x, y), 0.33 * light}
		if v := vessels.at(x, y); v > 0.8 {
			color[1] *= 0.7
		}
		if polyp.rx > 0 {
			shade := 1.15 - 0.5*math.Hypot(x-polyp.x+0.025, y-polyp.y+0.025)/polyp.rx
			color = mix(color, [3]float64{0.85 * shade, 0.22 * shade, 0.2 * shade}, polyp.at(x, y))
		}
		if ulcer.rx > 0 {
			color = mix(color, [3]float64{0.92, 0.88, 0.72}, ulcer.at(x, y))
		}
		if d > 0.49 {
			return [3]float64{}
		}
		return color
	})
	return scene{[]picture{p}, found}
}

func mix(a, b [3]float64, share float64) [3]float64 {
	for i := range a {
		a[i] += (b[i] - a[i]) * share
	}
	return a
}

var pathologyKind = kind{
	description: "Microscopy, HE", technique: phrase{"Microscopy, HE stain.", "HE染色，光学显微镜检查。"},
	modality: "GM", class: "1.2.840.10008.5.1.4.1.1.77.1.2", bodyPart: "COLON",
	draw: drawPathology, attributes: microscopyAttributes,
	vocabulary: []term{
		{"tumour nest", false, "a nest of crowded dark nuclei is seen.", "可见深染核密集的肿瘤细胞巢。",
			"No tumour nest.", "未见肿瘤细胞巢。"},
	},
}

// drawPathology strews nuclei over a stained ground; a nest has many, large and dark.
func drawPathology(r *rand.Rand) scene {
	c := newCanvas(512, 512, 0)
	var found []Finding
	nest := ellipse{}
	for _, name := range planted(r, []string{"tumour nest"}[:1]) {
		nest = ellipse{between(r, 0.25, 0.75), between(r, 0.25, 0.75), 0.17, 0.15, 0.1}
		found = append(found, c.place(Finding{Name: name}, nest))
	}
	for range 420 {
		c.strew(ellipse{r.Float64(), r.Float64(), 0.008, 0.007, 0.3}, 0.6)
	}
	for range 260 {
		e := ellipse{between(r, 0, 1), between(r, 0, 1), between(r, 0.011, 0.017), between(r, 0.011, 0.015), 0.25}
		if nest.rx > 0 && nest.at(e.x, e.y) > 0.5 {
			c.strew(e, 1)
		}
	}
	ground := newField(r, 14)
	p := c.paint(func(x, y, v float64) [3]float64 {
		pink := mix([3]float64{0.93, 0.75, 0.85}, [3]float64{0.86, 0.5, 0.7}, ground.at(x, y))
		return mix(pink, [3]float64{0.27, 0.14, 0.45}, min(v, 1))
	})
	return scene{[]picture{p}, found}
}
