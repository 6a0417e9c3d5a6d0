package main

import (
	"context"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"concord/inference"
)

// picture is a new one for each number.
func picture(number int) image.Image {
	img := image.NewGray(image.Rect(0, 0, 512, 512))
	for y := range 512 {
		for x := range 512 {
			img.SetGray(x, y, color.Gray{Y: uint8(x*y/512 + number*7 + number/256*x)})
		}
	}
	return img
}

// statements are such as every pack is asked about; the built-in one judges those of modality and region.
func statements(n int) (list []inference.Statement) {
	texts := []string{"Axial CT of the head.", "Frontal chest radiograph.", "Axial MRI of the brain.", "CT scan of the abdomen.",
		"Sagittal MRI of the spine.", "Ultrasound image.", "Radiograph of the hand.", "CT of the chest."}
	for i := range n {
		list = append(list, inference.Statement{Text: texts[i%len(texts)], Language: "en"})
	}
	return list
}

// share holds eight statements on one picture against eight calls of one statement, each with its own picture as a
// caller without the cache has it.
func share(m *inference.Model, rounds int) error {
	const n = 8
	number := 0
	ask := func(list []inference.Statement) error {
		number++
		encoded, err := m.EncodeImage(context.Background(), picture(number))
		if err != nil {
			return err
		}
		_, err = m.Score(context.Background(), []*inference.Encoded{encoded}, list)
		return err
	}
	together := func() error { return ask(statements(n)) }
	apart := func() error {
		for _, s := range statements(n) {
			if err := ask([]inference.Statement{s}); err != nil {
				return err
			}
		}
		return nil
	}
	if err := together(); err != nil { // it warms up
		return err
	}
	figures := map[string][]float64{}
	for range rounds { // in turns, so that what else the machine does meets both
		wall, cpu, err := measure(together)
		if err != nil {
			return err
		}
		wallApart, cpuApart, err := measure(apart)
		if err != nil {
			return err
		}
		for name, value := range map[string]float64{"together_ms": wall, "apart_ms": wallApart, "together_cpu_ms": cpu,
			"apart_cpu_ms": cpuApart, "ratio": wall / wallApart, "cpu_ratio": cpu / cpuApart} {
			figures[name] = append(figures[name], value)
		}
	}
	result := map[string]float64{}
	for name, values := range figures {
		result[name] = median(values)
	}
	return json.NewEncoder(os.Stdout).Encode(result)
}

// A case of the measurement: so many pictures, each with so many statements.
const casePictures, caseStatements = 4, 6

// oneCase judges cases of several pictures and statements one after the other; no picture comes twice.
func oneCase(m *inference.Model, rounds int) error {
	judge := func(pictures [casePictures]image.Image) error {
		var images []*inference.Encoded
		for _, p := range pictures {
			encoded, err := m.EncodeImage(context.Background(), p)
			if err != nil {
				return err
			}
			images = append(images, encoded)
		}
		_, err := m.Score(context.Background(), images, statements(caseStatements))
		return err
	}
	var walls, cpus []float64
	for round := range rounds + 1 {
		var pictures [casePictures]image.Image
		for i := range pictures {
			pictures[i] = picture(casePictures*round + i)
		}
		wall, cpu, err := measure(func() error { return judge(pictures) })
		if err != nil {
			return err
		}
		if round > 0 { // the first warms up
			walls, cpus = append(walls, wall), append(cpus, cpu)
		}
	}
	slices.Sort(walls)
	return json.NewEncoder(os.Stdout).Encode(map[string]float64{"ms": median(walls), "p95_ms": walls[(len(walls)*95+99)/100-1], "cpu_ms": median(cpus),
		"mb": float64(residentMB())})
}

// queue sends cases of one statement at half of what the model can do, each from a goroutine of its own, and says
// how much longer a case takes than one that is alone.
func queue(m *inference.Model, lasts time.Duration) error {
	encoded, err := m.EncodeImage(context.Background(), picture(0))
	if err != nil {
		return err
	}
	ask := func() float64 {
		began := time.Now()
		if _, err := m.Score(context.Background(), []*inference.Encoded{encoded}, statements(1)); err != nil {
			panic(err)
		}
		return ms(time.Since(began))
	}
	began := time.Now()
	var alone []float64
	for time.Since(began) < lasts/5 {
		alone = append(alone, ask())
	}
	every := 2 * time.Since(began) / time.Duration(len(alone)) // two cases' mean time
	var wait sync.WaitGroup
	var mu sync.Mutex
	var loaded []float64
	began = time.Now()
	for next := began; time.Since(began) < lasts; next = next.Add(every) {
		time.Sleep(time.Until(next))
		wait.Go(func() {
			took := ask()
			mu.Lock()
			defer mu.Unlock()
			loaded = append(loaded, took)
		})
	}
	wait.Wait()
	atHalf, atRest := median(loaded), median(alone)
	return json.NewEncoder(os.Stdout).Encode(map[string]float64{"alone_ms": atRest, "half_load_ms": atHalf, "added_ms": atHalf - atRest,
		"half_load_p95_ms": loaded[len(loaded)*95/100], "cases": float64(len(loaded))})
}

// different is how many pictures take part in the measurement of memory: the cache is full of them in the first tenth.
const different = 1000

// memory calls the model again and again and says how large the process was after each tenth.
func memory(m *inference.Model, calls int) error {
	var sizes []int
	for i := range calls {
		encoded, err := m.EncodeImage(context.Background(), picture(i%different))
		if err != nil {
			return err
		}
		if _, err := m.Score(context.Background(), []*inference.Encoded{encoded}, statements(1+i%8)); err != nil {
			return err
		}
		if (i+1)%max(1, calls/10) == 0 {
			runtime.GC()
			sizes = append(sizes, residentMB())
		}
	}
	return json.NewEncoder(os.Stdout).Encode(map[string]any{"calls": calls, "rss_mb": sizes})
}

// residentMB is the process's memory, from /proc/self/statm.
func residentMB() int {
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	pages, err := strconv.Atoi(strings.Fields(string(text))[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, "ort: /proc/self/statm:", err)
	}
	return pages * os.Getpagesize() >> 20
}
