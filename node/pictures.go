package node

import (
	"context"
	"fmt"
	"slices"

	"concord/dicom/pixel"
)

const defaultMaxImages = 8

// frame is a picture that may be shown: one frame of one object.
type frame struct {
	object   *Object
	number   int // from 1
	position int // among the frames of the case, from 1
}

// pictures renders frames in a window. When there are none it returns the
// reason in the report's language.
func (j *Judge) pictures(ctx context.Context, frames []frame, w pixel.Window, words *words) (out []picture, problem string) {
	problem = words.noPictures
	for _, f := range frames {
		if ctx.Err() != nil {
			return nil, ctx.Err().Error()
		}
		p, err := j.render(f, w)
		if err != nil {
			problem = words.badPicture(f, err)
			continue
		}
		out = append(out, p)
	}
	return out, problem
}

// seriesFrames are the frames of a series in the order of its instances.
type seriesFrames struct {
	objects []*Object
	total   int
}

// at finds frame k, from 1, of the whole series.
func (s *seriesFrames) at(k int) frame {
	for _, o := range s.objects {
		if k <= o.Header.Frames {
			return frame{object: o, number: k}
		}
		k -= o.Header.Frames
	}
	return frame{object: s.objects[len(s.objects)-1], number: 1}
}

// choose lists the frames that a case is judged by. The budget is shared out
// evenly among the series that depict the patient, and within a series over its
// frames. What a short series leaves goes to the longer ones; of more series
// than the budget every so many-th is taken.
func (j *Judge) choose(objects []Object) (chosen []frame) {
	budget := j.MaxImages
	if budget == 0 {
		budget = defaultMaxImages
	}
	all := shownSeries(objects)
	series := make([]*seriesFrames, 0, budget)
	for _, k := range pixel.SpreadFrames(len(all), budget) {
		series = append(series, all[k-1])
	}
	shares := shareOut(series, budget)
	for i, s := range series {
		for _, k := range j.pick(s, shares[i]) {
			f := s.at(k)
			f.position = len(chosen) + 1
			chosen = append(chosen, f)
		}
	}
	return chosen
}

// shownSeries groups the objects that depict the patient by series, in their
// order.
func shownSeries(objects []Object) (list []*seriesFrames) {
	found := map[string]*seriesFrames{}
	for i := range objects {
		o := &objects[i]
		if o.Header.Frames < 1 || o.Header.NotShown != "" {
			continue
		}
		s := found[o.Header.SeriesUID]
		if s == nil {
			s = &seriesFrames{}
			found[o.Header.SeriesUID] = s
			list = append(list, s)
		}
		s.objects, s.total = append(s.objects, o), s.total+o.Header.Frames
	}
	return list
}

// shareOut gives each series as many frames as it has and the budget allows.
func shareOut(series []*seriesFrames, budget int) []int {
	shortest := make([]int, len(series)) // indexes, the shortest series first
	for i := range shortest {
		shortest[i] = i
	}
	slices.SortStableFunc(shortest, func(a, b int) int { return series[a].total - series[b].total })
	shares := make([]int, len(series))
	for n, i := range shortest {
		shares[i] = min(series[i].total, budget/(len(series)-n))
		budget -= shares[i]
	}
	return shares
}

// cheapFrame is the most bytes of a frame, as it was sent, that is decoded only
// to see whether it shows anything.
const cheapFrame = 1 << 20

// pick chooses frames of one series. In a stack of slices or a loop, whose
// frames cost little to look at, it passes over those that show next to nothing.
func (j *Judge) pick(s *seriesFrames, share int) []int {
	first := s.objects[0]
	if s.total <= share || first.Size/int64(first.Header.Frames) > cheapFrame {
		return pixel.SpreadFrames(s.total, share)
	}
	return pixel.ContentFrames(s.total, share, func(k int) float64 {
		p, err := j.render(s.at(k), pixel.Window{})
		if err != nil {
			return 0
		}
		return pixel.Content(p.image)
	})
}

func (j *Judge) render(f frame, w pixel.Window) (picture, error) {
	file, err := j.Open(f.object.Path)
	if err != nil {
		return picture{}, fmt.Errorf("open object: %w", err)
	}
	defer file.Close()
	img, err := decodeFrame(file, f.number, w)
	if err != nil {
		return picture{}, err
	}
	if defect := pixel.Quality(img); defect != nil {
		return picture{}, defect
	}
	h := &f.object.Header
	return picture{image: img, modality: h.Modality, ref: ImageRef{SOPUID: f.object.SOPInstanceUID, SOPClassUID: f.object.SOPClassUID,
		SeriesUID: h.SeriesUID, SeriesNumber: h.SeriesNumber, InstanceNumber: h.InstanceNumber, Frame: f.number, Position: f.position}}, nil
}
