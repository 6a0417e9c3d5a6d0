package inference

// padded lays lists of ids out as [len(lists), width], where width is that of the longest or least.
func padded(lists [][]int64, pad int64, least int) Tensor {
	width := least
	for _, ids := range lists {
		width = max(width, len(ids))
	}
	all := Tensor{Shape: []int64{int64(len(lists)), int64(width)}, Ints: make([]int64, 0, len(lists)*width)}
	for _, ids := range lists {
		all.Ints = append(all.Ints, ids...)
		for range width - len(ids) {
			all.Ints = append(all.Ints, pad)
		}
	}
	return all
}

// pictures lays the pictures of the rows side by side, each once; index says which one is that of each row.
func pictures(rows []row) (tokens Tensor, index []int64) {
	var images []*Tensor
	number := map[*Tensor]int64{}
	for _, r := range rows {
		n, seen := number[r.image.tokens]
		if !seen {
			n = int64(len(images))
			number[r.image.tokens] = n
			images = append(images, r.image.tokens)
		}
		index = append(index, n)
	}
	return stack(images), index
}

// stack lays tensors [1, N, d] side by side as [M, N, d].
func stack(tensors []*Tensor) Tensor {
	if len(tensors) == 1 {
		return *tensors[0]
	}
	all := Tensor{Shape: []int64{int64(len(tensors)), tensors[0].Shape[1], tensors[0].Shape[2]}}
	all.Floats = make([]float32, 0, len(tensors)*len(tensors[0].Floats))
	for _, t := range tensors {
		all.Floats = append(all.Floats, t.Floats...)
	}
	return all
}
