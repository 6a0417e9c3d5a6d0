package evaluation

import (
	"fmt"
	"html/template"
	"strings"
)

// A plot is drawn in a square of edge units, with room for the numbers around it.
const (
	edge   = 220
	margin = 34
)

var colors = []string{"#1f6feb", "#d1242f", "#8250df", "#9a6700"}

// plot is one diagram with both axes from 0 to 1.
type plot struct {
	Title string
	SVG   template.HTML
}

// series is one line of a plot; dots are drawn without a line.
type series struct {
	name   string
	points []Point
	dots   bool
}

func (r *Result) plots() []plot {
	var roc, pr, risk []series
	for _, p := range r.passes() {
		roc = append(roc, series{name: p.Name, points: p.ROC})
		pr = append(pr, series{name: p.Name, points: p.PR})
		risk = append(risk, series{name: p.Name, points: p.Risk})
	}
	reliable := []series{{name: "pictures", points: r.Pictures.reliable(), dots: true}}
	if r.Fitted != nil {
		reliable = append(reliable, series{name: "after the fit", points: r.Fitted.After.reliable(), dots: true})
	}
	return []plot{
		{"Finding what is not supported (ROC)", draw("false alarms", "found", roc, true)},
		{"Precision of alarms", draw("found", "precision", pr, false)},
		{"Accuracy by coverage, most confident first", draw("coverage", "accuracy", risk, false)},
		{"Reliability", draw("confidence", "accuracy", reliable, true)},
	}
}

func (f *Figures) reliable() (points []Point) {
	for _, b := range f.Bins {
		if b.Rows > 0 {
			points = append(points, Point{b.Confidence, b.Accuracy})
		}
	}
	return points
}

// draw makes the SVG; diagonal draws the line of chance or of perfect calibration.
func draw(x, y string, lines []series, diagonal bool) template.HTML {
	var b strings.Builder
	fmt.Fprintf(&b, `<svg viewBox="0 0 %d %d" role="img">`, edge+2*margin, edge+2*margin+14*len(lines))
	for i := range 6 {
		at, label := place(float64(i)/5), fmt.Sprintf("%.1f", float64(i)/5)
		fmt.Fprintf(&b, `<path class="grid" d="M%.1f %dV%dM%d %.1fH%d"/>`, at, margin, margin+edge, margin, down(float64(i)/5), margin+edge)
		fmt.Fprintf(&b, `<text x="%.1f" y="%d" text-anchor="middle">%s</text>`, at, margin+edge+12, label)
		fmt.Fprintf(&b, `<text x="%d" y="%.1f" text-anchor="end">%s</text>`, margin-4, down(float64(i)/5)+3, label)
	}
	fmt.Fprintf(&b, `<text x="%d" y="%d" text-anchor="middle">%s</text>`, margin+edge/2, margin+edge+25, x)
	fmt.Fprintf(&b, `<text x="%d" y="%d">%s</text>`, 4, margin-10, y)
	if diagonal {
		fmt.Fprintf(&b, `<path class="grid" d="M%d %dL%d %d"/>`, margin, margin+edge, margin+edge, margin)
	}
	for i, l := range lines {
		l.draw(&b, colors[i%len(colors)])
		height := margin + edge + 38 + 14*i
		fmt.Fprintf(&b, `<path stroke="%s" stroke-width="3" d="M%d %dh16"/><text x="%d" y="%d">%s</text>`,
			colors[i%len(colors)], margin, height-4, margin+22, height, l.name)
	}
	b.WriteString("</svg>")
	return template.HTML(b.String()) // numbers and our own words only
}

func (l series) draw(b *strings.Builder, color string) {
	var path strings.Builder
	for i, p := range l.points {
		if l.dots {
			fmt.Fprintf(b, `<circle cx="%.1f" cy="%.1f" r="3.5" fill="%s"/>`, place(p.X), down(p.Y), color)
		}
		fmt.Fprintf(&path, "%c%.1f %.1f", map[bool]byte{true: 'M', false: 'L'}[i == 0], place(p.X), down(p.Y))
	}
	fmt.Fprintf(b, `<path class="line" stroke="%s" d="%s"/>`, color, path.String())
}

func place(x float64) float64 { return margin + edge*x }

func down(y float64) float64 { return margin + edge*(1-y) }
