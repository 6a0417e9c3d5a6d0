package dicom

import (
	"math/big"
	"strings"

	"github.com/google/uuid"
)

// uidNamespace is the UUID namespace of every UID that Concord derives.
var uidNamespace = uuid.MustParse("5d0c2a9e-7c1b-5f0a-9d53-0b8b1f4a3c77")

// DeriveUID returns the UID 2.25.<UUIDv5 as decimal> (PS3.5 B.2, ITU-T X.667)
// of the given parts. The same parts give the same UID on every node and at
// every retry, so a result that is built twice is still one object.
func DeriveUID(parts ...string) string {
	id := uuid.NewSHA1(uidNamespace, []byte(strings.Join(parts, "\x00")))
	return "2.25." + new(big.Int).SetBytes(id[:]).String()
}

// NewUID returns a UID that was never given before: 2.25.<UUIDv4 as decimal>
// (PS3.5 B.2).
func NewUID() string {
	id := uuid.New()
	return "2.25." + new(big.Int).SetBytes(id[:]).String()
}

// ValidUID says whether s is a UID by PS3.5 9.1: at most 64 characters, digits
// and dots, no empty component and no component with a leading zero.
func ValidUID(s string) bool {
	if s == "" || len(s) > 64 {
		return false
	}
	for component := range strings.SplitSeq(s, ".") {
		if component == "" || (len(component) > 1 && component[0] == '0') {
			return false
		}
		if strings.Trim(component, "0123456789") != "" {
			return false
		}
	}
	return true
}
