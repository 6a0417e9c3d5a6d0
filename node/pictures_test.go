package node

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// TestChoose: the budget is used up where there are frames for it, and no
// series is left out for another's sake.
func TestChoose(t *testing.T) {
	for _, c := range []struct {
		name   string
		series []int // frames of each
		budget int
		want   []int // frames chosen of each
	}{
		{"two views", []int{1, 1}, 8, []int{1, 1}},
		{"a long series first", []int{300, 1}, 8, []int{7, 1}},
		{"a short series first", []int{1, 300}, 8, []int{1, 7}},
		{"two stacks", []int{300, 200}, 8, []int{4, 4}},
		{"more series than pictures", []int{9, 9, 9, 9, 9, 9}, 3, []int{0, 1, 0, 1, 0, 1}},
		{"default budget", []int{300}, 0, []int{8}},
		{"nothing", nil, 8, nil},
	} {
		var objects []Object
		for n, frames := range c.series {
			uid := fmt.Sprint(n)
			objects = append(objects,
				Object{Size: 1 << 40, Header: Header{SeriesUID: "localizer of " + uid, Frames: 1, NotShown: "localizer"}},
				Object{Size: 1 << 40, Header: Header{SeriesUID: uid, Frames: frames}},
				Object{Size: 1 << 10, Header: Header{SeriesUID: uid}})
		}
		j := Judge{MaxImages: c.budget}
		var got []int
		if c.series != nil {
			got = make([]int, len(c.series))
		}
		for i, f := range j.choose(objects) {
			if f.position != i+1 || f.number < 1 || f.number > f.object.Header.Frames || strings.HasPrefix(f.object.Header.SeriesUID, "localizer") {
				t.Errorf("%s: %+v", c.name, f)
			}
			var n int
			fmt.Sscan(f.object.Header.SeriesUID, &n)
			got[n]++
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, not %v", c.name, got, c.want)
		}
	}
}
