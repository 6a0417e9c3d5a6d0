package phantom

import (
	"math"
	"math/rand/v2"
)

// One side of the chest as it is hung: the patient's right is at the left of the picture.
var sideSign = map[string]float64{"right": -1, "left": 1}

var zoneOffset = map[string]float64{"upper": -0.5, "middle": 0.02, "lower": 0.45}

var chestKind = kind{
	description: "Chest radiograph PA", technique: phrase{"Chest radiograph, PA view.", "胸部正位X线片。"},
	modality: "CR", class: "1.2.840.10008.5.1.4.1.1.1", bodyPart: "CHEST",
	draw: drawChest, attributes: chestAttributes, windowCenter: "2048", windowWidth: "4096",
	vocabulary: []term{
		{"opacity", true, "there is a patchy opacity in the {side} {zone} zone.", "{side}{zone}肺野可见斑片状密度增高影。",
			"No focal consolidation.", "双肺未见实变影。"},
		{"nodule", true, "a round nodule is seen in the {side} {zone} zone.", "{side}{zone}肺野可见类圆形结节影。",
			"No pulmonary nodule.", "双肺未见结节影。"},
		{"effusion", true, "{side} pleural effusion.", "{side}侧胸腔积液。", "No pleural effusion.", "双侧胸腔未见积液。"},
		{"pneumothorax", true, "{side} pneumothorax.", "{side}侧气胸。", "No pneumothorax.", "未见气胸。"},
		{"pacemaker", true, "a pacemaker projects over the {side} upper chest.", "{side}上胸部可见心脏起搏器影。",
			"No implanted device.", "未见植入物影。"},
	},
}

// lung is one lung of the radiograph.
func lung(side string) ellipse {
	return ellipse{0.5 + 0.2*sideSign[side], 0.47, 0.15, 0.33, 0.06}
}

// drawChest draws a frontal radiograph in stored values 0 to 4095, MONOCHROME2.
func drawChest(r *rand.Rand) scene {
	c := newCanvas(768, 896, 150)
	body := ellipse{0.5, 0.56, 0.46, 0.58, 0.05}
	c.fill(body, 2500)
	texture := newField(r, 40)
	for _, side := range []string{"right", "left"} {
		l := lung(side)
		c.inside(l, func(x, y, v, share float64) float64 {
			return v + (850+500*y+350*texture.at(x, y)-v)*share
		})
	}
	frequency := between(r, 55, 70)
	c.inside(body, func(x, y, v, share float64) float64 { // ribs
		return v + 160*share*smooth(4*math.Sin(frequency*(y+0.5*(x-0.5)*(x-0.5))))
	})
	c.fill(ellipse{0.5, 0.45, 0.06, 0.7, 0.5}, 3000) // spine and mediastinum
	c.fill(ellipse{0.56, 0.62, 0.15, 0.13, 0.12}, 3100)
	var found []Finding
	for _, name := range planted(r, []string{"opacity", "nodule", "effusion", "pneumothorax", "pacemaker"}) {
		found = append(found, plantInChest(r, c, name))
	}
	c.noise(r, 45)
	return scene{[]picture{c.grey(0, 4095)}, found}
}

// planted chooses at most two of the findings.
func planted(r *rand.Rand, names []string) []string {
	r.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	return names[:min(len(names), r.IntN(3))]
}

func plantInChest(r *rand.Rand, c *canvas, name string) Finding {
	f := Finding{Name: name, Side: pick(r, []string{"right", "left"})}
	l := lung(f.Side)
	switch name {
	case "opacity", "nodule":
		f.Zone = pick(r, []string{"upper", "middle", "lower"})
		e := ellipse{l.x + between(r, -0.03, 0.03) + 0.02*sideSign[f.Side], l.y + zoneOffset[f.Zone]*l.ry, 0.022, 0.019, 0.15}
		amount := 1500.0
		if name == "opacity" {
			e.rx, e.ry, e.edge, amount = between(r, 0.05, 0.075), between(r, 0.045, 0.07), 0.9, 1300
		}
		c.add(e, amount)
		return c.place(f, e)
	case "effusion":
		level := between(r, 0.62, 0.7)
		c.inside(l, func(x, y, v, share float64) float64 {
			curve := level - 10*(x-l.x)*(x-l.x)
			return v + (2900-v)*share*smooth((y-curve)*40)
		})
		return c.place(f, ellipse{l.x, (level + 0.8) / 2, l.rx, 0.08, 0})
	case "pneumothorax":
		inner := ellipse{l.x - 0.035*sideSign[f.Side], l.y + 0.06, l.rx * 0.72, l.ry * 0.8, 0.03}
		c.inside(l, func(x, y, v, share float64) float64 {
			collapsed := inner.at(x, y)
			edge := (collapsed - 0.5) * 5
			return v + (480-v)*share*(1-collapsed) + 500*share*math.Exp(-edge*edge)
		})
		return c.place(f, l)
	}
	e := ellipse{l.x + 0.06*sideSign[f.Side], 0.2, 0.055, 0.04, 0.04} // the pacemaker, and its lead
	c.fill(e, 4000)
	c.each(func(x, y, v float64) float64 {
		t := (y - 0.2) / 0.42
		path := e.x + (0.53-e.x)*t*t*(3-2*t)
		if t < 0 || t > 1 || math.Abs(x-path) > 0.004 {
			return v
		}
		return 3900
	})
	return c.place(f, e)
}

var ctChestKind = kind{
	description: "CT chest", technique: phrase{"CT of the chest.", "胸部CT检查。"},
	modality: "CT", class: ctImage, bodyPart: "CHEST",
	draw: drawCTChest, attributes: ctAttributes, windowCenter: `-600\40`, windowWidth: `1500\400`,
	vocabulary: []term{
		{"nodule", true, "there is a solid nodule in the {side} lung.", "{side}肺可见实性结节。", "No pulmonary nodule.", "双肺未见结节。"},
		{"effusion", true, "{side} pleural effusion.", "{side}侧胸腔积液。", "No pleural effusion.", "双侧胸腔未见积液。"},
	},
}

// sliceCount is how many pictures a CT series has.
const sliceCount = 5

// ctScene draws a series: body paints a slice, and at the slice of each finding plant adds it.
func ctScene(r *rand.Rand, names []string, body func(*canvas), plant func(*canvas, string) Finding) scene {
	var s scene
	chosen, at := planted(r, names), 1+r.IntN(sliceCount-2)
	for i := range sliceCount {
		c := newCanvas(384, 384, -1000)
		body(c)
		for _, name := range chosen {
			if i == at {
				f := plant(c, name)
				f.Object = i
				s.findings = append(s.findings, f)
			}
		}
		c.noise(r, 18)
		s.pictures = append(s.pictures, c.grey(-1024, 3071))
	}
	return s
}

// drawCTChest draws axial slices in Hounsfield units.
func drawCTChest(r *rand.Rand) scene {
	side := map[string]string{"nodule": pick(r, []string{"right", "left"}), "effusion": pick(r, []string{"right", "left"})}
	lungAt := func(s string) ellipse { return ellipse{0.5 + 0.19*sideSign[s], 0.5, 0.14, 0.2, 0.05} }
	texture := newField(r, 60)
	return ctScene(r, []string{"nodule", "effusion"}, func(c *canvas) {
		c.fill(ellipse{0.5, 0.5, 0.42, 0.3, 0.02}, -90)
		c.fill(ellipse{0.5, 0.5, 0.39, 0.27, 0.03}, 45)
		for _, s := range []string{"right", "left"} {
			l := lungAt(s)
			c.inside(l, func(x, y, v, share float64) float64 { return v + (-880+260*texture.at(x, y)*texture.at(y, x)-v)*share })
		}
		c.fill(ellipse{0.5, 0.7, 0.035, 0.04, 0.2}, 380)   // vertebra
		c.fill(ellipse{0.54, 0.45, 0.1, 0.09, 0.1}, 50)    // heart
		c.fill(ellipse{0.53, 0.63, 0.022, 0.022, 0.1}, 60) // aorta
	}, func(c *canvas, name string) Finding {
		f := Finding{Name: name, Side: side[name]}
		l := lungAt(f.Side)
		e := ellipse{l.x + 0.02*sideSign[f.Side], l.y - 0.04, 0.022, 0.022, 0.15}
		if name == "effusion" {
			e = ellipse{l.x, l.y + 0.17, 0.1, 0.06, 0.08}
		}
		inside := map[string]float64{"nodule": 40, "effusion": 8}[name]
		c.inside(e, func(x, y, v, share float64) float64 { return v + (inside-v)*share*l.at(x, y) })
		return c.place(f, e)
	})
}

var ctAbdomenKind = kind{
	description: "CT abdomen", technique: phrase{"CT of the abdomen.", "腹部CT检查。"},
	modality: "CT", class: ctImage, bodyPart: "ABDOMEN",
	draw: drawCTAbdomen, attributes: ctAttributes, windowCenter: "40", windowWidth: "400",
	vocabulary: []term{
		{"liver cyst", false, "there is a cyst in the liver.", "肝内可见囊肿。", "No liver lesion.", "肝内未见占位。"},
		{"renal cyst", true, "there is a cyst in the {side} kidney.", "{side}肾可见囊肿。", "No renal cyst.", "双肾未见囊肿。"},
		{"renal stone", true, "a stone is seen in the {side} kidney.", "{side}肾可见结石。", "No renal stone.", "双肾未见结石。"},
	},
}

// drawCTAbdomen draws axial slices in Hounsfield units.
func drawCTAbdomen(r *rand.Rand) scene {
	side := map[string]string{"renal cyst": pick(r, []string{"right", "left"}), "renal stone": pick(r, []string{"right", "left"})}
	kidney := func(s string) ellipse { return ellipse{0.5 + 0.17*sideSign[s], 0.63, 0.055, 0.065, 0.06} }
	return ctScene(r, []string{"liver cyst", "renal cyst", "renal stone"}, func(c *canvas) {
		c.fill(ellipse{0.5, 0.5, 0.43, 0.33, 0.02}, -100)
		c.fill(ellipse{0.5, 0.5, 0.38, 0.29, 0.03}, -20)
		c.fill(ellipse{0.34, 0.44, 0.2, 0.17, 0.05}, 62) // liver
		c.fill(ellipse{0.74, 0.47, 0.08, 0.1, 0.06}, 52) // spleen
		for _, s := range []string{"right", "left"} {
			c.fill(kidney(s), 38)
		}
		c.fill(ellipse{0.5, 0.7, 0.05, 0.05, 0.1}, 330)    // vertebra
		c.fill(ellipse{0.52, 0.61, 0.025, 0.025, 0.1}, 45) // aorta
		c.fill(ellipse{0.56, 0.36, 0.08, 0.06, 0.1}, -250) // bowel gas
	}, func(c *canvas, name string) Finding {
		f := Finding{Name: name, Side: side[name]}
		e, inside := ellipse{0.31, 0.42, 0.045, 0.045, 0.08}, 4.0
		if f.Side != "" {
			k := kidney(f.Side)
			e = ellipse{k.x + 0.025*sideSign[f.Side], k.y - 0.02, 0.032, 0.032, 0.08}
		}
		if name == "renal stone" {
			e, inside = ellipse{e.x - 0.03*sideSign[f.Side], e.y + 0.035, 0.012, 0.012, 0.15}, 850
		}
		c.fill(e, inside)
		return c.place(f, e)
	})
}

var ultrasoundKind = kind{
	description: "Abdominal ultrasound", technique: phrase{"Ultrasound of the abdomen.", "腹部超声检查。"},
	modality: "US", class: "1.2.840.10008.5.1.4.1.1.6.1", bodyPart: "ABDOMEN",
	draw: drawUltrasound, attributes: ultrasoundAttributes,
	vocabulary: []term{
		{"liver cyst", false, "an anechoic cyst is seen in the liver.", "肝内可见无回声囊肿。", "No liver cyst.", "肝内未见囊肿。"},
		{"gallstone", false, "a gallstone with acoustic shadow is seen.", "胆囊内可见强回声结石伴声影。", "No gallstone.", "胆囊内未见结石。"},
	},
}

// drawUltrasound draws a sector with liver and gallbladder.
func drawUltrasound(r *rand.Rand) scene {
	c := newCanvas(640, 480, 0.42)
	texture := newField(r, 12)
	c.each(func(x, y, v float64) float64 { return v + 0.12*(texture.at(x, y)-0.5) })
	bladder := ellipse{0.58, 0.52, 0.1, 0.075, 0.06}
	c.fill(bladder, 0.02)
	var found []Finding
	for _, name := range planted(r, []string{"liver cyst", "gallstone"}) {
		e := ellipse{0.4, between(r, 0.42, 0.6), 0.045, 0.055, 0.05}
		value := 0.01
		if name == "gallstone" {
			e, value = ellipse{bladder.x + between(r, -0.03, 0.03), bladder.y + 0.045, 0.022, 0.02, 0.1}, 1.3
			c.each(func(x, y, v float64) float64 { // the shadow runs away from the probe
				if math.Abs((x-0.5)/(y+0.1)-(e.x-0.5)/(e.y+0.1)) < 0.035 && y > e.y {
					return v * 0.12
				}
				return v
			})
		}
		c.fill(e, value)
		found = append(found, c.place(Finding{Name: name}, e))
	}
	p := c.paint(func(x, y, v float64) [3]float64 {
		angle, radius := math.Atan2((x-0.5)*1.33, y+0.1), math.Hypot((x-0.5)*1.33, y+0.1)
		if math.Abs(angle) > 0.62 || radius < 0.18 || radius > 1.02 {
			return [3]float64{}
		}
		g := v * (0.35 + 0.8*math.Sqrt(-2*math.Log(1-r.Float64()))/2)
		return [3]float64{g, g, g}
	})
	return scene{[]picture{p}, found}
}
