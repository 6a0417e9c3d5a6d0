package console

import (
	"net/http"
	"time"

	"concord/node"
)

const (
	teachingCases = 5000 // newest cases that the teaching page sums up
	chartWeeks    = 26   // weeks that a chart shows, the newest at the right
	chartHeight   = 80
	barWidth      = 14 // with the gap to the next
)

// authorView is one author's reports over time.
type authorView struct {
	Name  string
	Total node.AuthorWeek
	Weeks []node.AuthorWeek // newest first
	Chart chart
}

// chart is a bar for each week: the share of the statements that the images
// contradict, leave open, or that are too vague to be checked.
type chart struct {
	Width, Height int
	Bars          []bar
	From, To      time.Time
}

type bar struct {
	X, Width int
	Week     node.AuthorWeek
	Pieces   []piece // from the bottom
}

type piece struct {
	Class     string
	Y, Height float64
}

func (c *Console) teachingPage(r *http.Request) (any, error) {
	weeks, err := c.Node.Teaching(r.Context(), teachingCases)
	if err != nil {
		return nil, err
	}
	var authors []*authorView
	for _, w := range weeks { // by author and week
		if len(authors) == 0 || authors[len(authors)-1].Name != w.Author {
			authors = append(authors, &authorView{Name: w.Author})
		}
		a := authors[len(authors)-1]
		a.Weeks = append([]node.AuthorWeek{w}, a.Weeks...)
		t := &a.Total
		t.Reports, t.Statements, t.Flags = t.Reports+w.Reports, t.Statements+w.Statements, t.Flags+w.Flags
		t.No, t.Maybe, t.Vague = t.No+w.No, t.Maybe+w.Maybe, t.Vague+w.Vague
	}
	for _, a := range authors {
		a.Chart = chartOf(a.Weeks)
	}
	return map[string]any{"Authors": authors, "Most": teachingCases}, nil
}

// chartOf draws the newest weeks; weeks comes newest first.
func chartOf(weeks []node.AuthorWeek) chart {
	newest := weeks[0].Week
	drawn := chart{Width: chartWeeks * barWidth, Height: chartHeight, From: newest.AddDate(0, 0, -7*(chartWeeks-1)), To: newest}
	for _, w := range weeks {
		column := chartWeeks - 1 - int(newest.Sub(w.Week).Hours()/24+0.5)/7
		if column < 0 || w.Statements == 0 {
			continue
		}
		b := bar{X: column * barWidth, Width: barWidth - 3, Week: w}
		y := float64(chartHeight)
		for _, p := range []struct {
			class string
			n     int
		}{{"no", w.No}, {"maybe", w.Maybe}, {"vague", w.Vague}} {
			height := chartHeight * float64(p.n) / float64(w.Statements)
			y -= height
			b.Pieces = append(b.Pieces, piece{p.class, y, height})
		}
		drawn.Bars = append(drawn.Bars, b)
	}
	return drawn
}
