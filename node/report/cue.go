package report

// cue is a set of things a phrase does to the words around it.
type cue int32

// Cues of negation, matched apart from the others: each ends or opens a scope.
const (
	cueNegation     cue = 1 << iota // denies what follows
	cueNegationBack                 // denies what stands before
	cuePseudo                       // looks like a negation and is none
	cueStop                         // ends the scope of a negation
	cueContinue                     // begins like a stop and is none
)

// Cues that colour the whole statement.
const (
	cueUncertain cue = 1 << (iota + 8)
	cueHistory
	cuePrior
	cueRecommend
	cueTalk // about people and the report, not about the images
	cueVague
)

const scopeCues = cueNegation | cueNegationBack | cuePseudo | cueStop | cueContinue

var cueKinds = map[string]cue{"neg": cueNegation, "neg-back": cueNegationBack, "pseudo": cuePseudo, "stop": cueStop,
	"continue": cueContinue, "uncertain": cueUncertain, "history": cueHistory, "prior": cuePrior,
	"recommend": cueRecommend, "talk": cueTalk, "vague": cueVague}

// sighting is a cue in a sentence: tokens [from, to).
type sighting struct {
	cue      cue
	from, to int
}
