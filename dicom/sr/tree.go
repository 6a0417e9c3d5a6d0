package sr

import "strings"

// item is one content item of the SR tree (PS3.3 C.17.3). Which of its values
// counts is said by its value type.
type item struct {
	relation  string // to its parent; empty for the root
	valueType string
	concept   Code
	code      Code    // CODE
	text      string  // TEXT, UIDREF
	number    string  // NUM, a decimal string
	unit      Code    // NUM
	image     imageOf // IMAGE
	content   []item
}

// imageOf is the value of an IMAGE (PS3.3 C.18.4).
type imageOf struct {
	sopClass, sopInstance string
	frames                []int
}

// The relationships used (PS3.3 C.17.3.2.4).
const (
	contains   = "CONTAINS"
	conceptMod = "HAS CONCEPT MOD"
	obsContext = "HAS OBS CONTEXT"
	acqContext = "HAS ACQ CONTEXT"
)

func container(concept Code) item {
	return item{relation: contains, valueType: "CONTAINER", concept: concept}
}

func codeItem(relation string, concept, value Code) item {
	return item{relation: relation, valueType: "CODE", concept: concept, code: value}
}

func textItem(relation string, concept Code, text string) item {
	return item{relation: relation, valueType: "TEXT", concept: concept, text: unlimitedText(text)}
}

func uidItem(relation string, concept Code, uid string) item {
	return item{relation: relation, valueType: "UIDREF", concept: concept, text: uid}
}

// add appends the children that say something: an empty CODE, TEXT or UIDREF
// and a CONTAINER without content are no valid items.
func (it *item) add(children ...item) {
	for _, child := range children {
		empty := false
		switch child.valueType {
		case "CODE":
			empty = child.code == Code{}
		case "TEXT", "UIDREF":
			empty = strings.TrimSpace(child.text) == ""
		case "CONTAINER":
			empty = len(child.content) == 0
		}
		if !empty {
			it.content = append(it.content, child)
		}
	}
}

// translate adds the Chinese meaning to the codes that a person reads.
func (it *item) translate() {
	for _, code := range []*Code{&it.concept, &it.code} {
		extra, ok := chinese[code.Value]
		if ok && strings.IndexFunc(code.Meaning, func(r rune) bool { return r > '~' }) < 0 {
			code.Meaning += " " + extra
		}
	}
	for i := range it.content {
		it.content[i].translate()
	}
}
