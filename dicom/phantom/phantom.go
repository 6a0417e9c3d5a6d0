// Package phantom makes synthetic studies whose truth is known: pictures with findings at known places, DICOM headers,
// and what reports in English and Chinese would rightly and wrongly say of them.
//
// Start with Make. The same seed and number give the same study. The pictures are drawings after
// anatomy, good for tests, demonstrations and load; nobody should measure a model for patients on them.
package phantom

import (
	"fmt"
	"math/rand/v2"
)

// Kinds are the kinds of study that Make goes through in turn.
var Kinds = []string{"chest", "ct-chest", "ct-abdomen", "ultrasound", "endoscopy", "pathology"}

// Study is one synthetic study.
type Study struct {
	Number    int       `json:"number"` // from 1
	Kind      string    `json:"kind"`   // of Kinds
	Modality  string    `json:"modality"`
	Patient   Patient   `json:"patient"`
	UID       string    `json:"study_uid"`
	Accession string    `json:"accession"`
	Findings  []Finding `json:"findings"` // empty: nothing was planted
	Reports   []Report  `json:"reports"`  // right ones and wrong ones, in both languages
	Objects   []Object  `json:"objects"`
}

// Patient is who the study is of; nobody.
type Patient struct {
	ID   string `json:"id"`
	Name string `json:"name"` // PN
	Sex  string `json:"sex"`  // M or F
	Born string `json:"birth_date"`
}

// Finding is one thing that was planted.
type Finding struct {
	Name   string `json:"name"`
	Side   string `json:"side,omitempty"` // right or left of the patient
	Zone   string `json:"zone,omitempty"` // upper, middle or lower, as the picture is hung
	Object int    `json:"object"`         // index of the object that shows it best
	X      int    `json:"x"`              // centre, in pixels
	Y      int    `json:"y"`
	Radius int    `json:"radius"` // pixels
}

// Report is what somebody wrote about the study.
type Report struct {
	Name       string      `json:"name"`     // right, wrong or inconsistent
	Language   string      `json:"language"` // en or zh
	Fault      string      `json:"fault"`    // empty: it is right
	Statements []Statement `json:"statements"`
}

// Faults of a wrong report, which only the pictures tell, are side, denied and invented; of an inconsistent one, which
// tells by itself or together with the headers, modality, sex and impression (another side than the findings).

// Sections of a report.
const (
	Technique  = "technique"
	Findings   = "findings"
	Impression = "impression"
)

// Statement is one sentence with its truth.
type Statement struct {
	Section string `json:"section"`
	Text    string `json:"text"`
	About   string `json:"about"` // the finding's name, or technique, sex, normal
	True    bool   `json:"true"`
}

// Object is one Part 10 file.
type Object struct {
	SOPInstanceUID string `json:"sop_uid"`
	Bytes          []byte `json:"-"`
}

// scene is what a kind draws: its pictures and what was planted into them.
type scene struct {
	pictures []picture
	findings []Finding
}

// kind is one kind of study: how its objects are described, what is drawn and what may be found.
type kind struct {
	description               string // Study Description
	technique                 phrase
	modality, class, bodyPart string
	draw                      func(r *rand.Rand) scene
	vocabulary                []term
	attributes                func(o *object)
	windowCenter, windowWidth string // empty: none in the header
}

var kinds = map[string]kind{
	"chest":      chestKind,
	"ct-chest":   ctChestKind,
	"ct-abdomen": ctAbdomenKind,
	"ultrasound": ultrasoundKind,
	"endoscopy":  endoscopyKind,
	"pathology":  pathologyKind,
}

// Make makes study number (from 1) of a seed.
func Make(seed uint64, number int) *Study {
	name := Kinds[(number-1)%len(Kinds)]
	k, random := kinds[name], rand.New(rand.NewPCG(seed, uint64(number)))
	drawn := k.draw(random)
	key := fmt.Sprintf("%d-%d", seed, number)
	s := &Study{
		Number: number, Kind: name, Modality: k.modality,
		Patient:   patient(random, key),
		UID:       uid(key, "study"),
		Accession: fmt.Sprintf("PH%d.%d", seed%1_000_000, number),
		Findings:  append([]Finding{}, drawn.findings...), // [] in JSON, not null
	}
	for i, p := range drawn.pictures {
		s.Objects = append(s.Objects, encode(s, k, key, i, p))
	}
	wrong, inconsistent := pick(random, k.pictureSlips(s.Findings)), pick(random, k.wordSlips(s.Findings))
	for _, language := range []string{"en", "zh"} {
		s.Reports = append(s.Reports, rightReport(k, s.Findings, language), wrongReport(k, s.Findings, language, wrong),
			inconsistentReport(k, s, language, inconsistent))
	}
	return s
}

func patient(r *rand.Rand, key string) Patient {
	sex := pick(r, []string{"M", "F"})
	return Patient{
		ID: "PHANTOM-" + key, Name: "Phantom^" + key, Sex: sex,
		Born: fmt.Sprintf("%04d%02d%02d", 1940+r.IntN(60), 1+r.IntN(12), 1+r.IntN(28)),
	}
}

func pick[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }

// between is evenly spread over [low, high).
func between(r *rand.Rand, low, high float64) float64 { return low + (high-low)*r.Float64() }
