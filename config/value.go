package config

import (
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
)

// Duration is a span of time, in YAML '90s', '15m', '72h'. Convert it: time.Duration(d).
type Duration time.Duration

// Size is a number of bytes, in YAML 131072, '512KiB', '64MiB', '2GiB'. Convert it: int64(s).
type Size int64

// Percent is a share from 0 to 100, in YAML '90%'.
type Percent float64

// Hours is a span of the day, in YAML '08:00-18:00'; '22:00-06:00' runs over midnight. Both ends are offsets from
// midnight; the zero Hours is the whole day.
type Hours struct{ From, To time.Duration }

// UnmarshalYAML reads a scalar such as 08:00-18:00.
func (h *Hours) UnmarshalYAML(n ast.Node) error {
	text := scalar(n)
	if text == "" {
		*h = Hours{}
		return nil
	}
	from, to, _ := strings.Cut(text, "-")
	start, err1 := time.Parse("15:04", strings.TrimSpace(from))
	end, err2 := time.Parse("15:04", strings.TrimSpace(to))
	if err1 != nil || err2 != nil || start.Equal(end) {
		return wrong(n, "not a span of the day; write it like 08:00-18:00")
	}
	midnight := time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC)
	*h = Hours{start.Sub(midnight), end.Sub(midnight)}
	return nil
}

// UnmarshalYAML reads a scalar such as 90s.
func (d *Duration) UnmarshalYAML(n ast.Node) error {
	v, err := time.ParseDuration(scalar(n))
	if err != nil {
		return wrong(n, "not a duration; write it with its unit, such as 90s, 15m or 72h")
	}
	*d = Duration(v)
	return nil
}

// UnmarshalYAML reads a scalar such as 64MiB.
func (s *Size) UnmarshalYAML(n ast.Node) error {
	digits, factor := scalar(n), int64(1)
	for i, unit := range []string{"KiB", "MiB", "GiB"} {
		if rest, ok := strings.CutSuffix(digits, unit); ok {
			digits, factor = strings.TrimSpace(rest), int64(1)<<(10*(i+1))
		}
	}
	v, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || v < 0 || v > math.MaxInt64/factor {
		return wrong(n, "not a size; write bytes, such as 131072, or 512KiB, 64MiB, 2GiB")
	}
	*s = Size(v * factor)
	return nil
}

// UnmarshalYAML reads a scalar such as 90%.
func (p *Percent) UnmarshalYAML(n ast.Node) error {
	digits, ok := strings.CutSuffix(scalar(n), "%")
	v, err := strconv.ParseFloat(digits, 64)
	if !ok || err != nil || !(v >= 0 && v <= 100) {
		return wrong(n, "not a percentage; write 0% to 100%, such as 90%")
	}
	*p = Percent(v)
	return nil
}

// scalar returns the text of a scalar, empty for a list or a mapping.
func scalar(n ast.Node) string {
	if _, ok := n.(ast.ScalarNode); !ok {
		return ""
	}
	return n.GetToken().Value
}

// wrong makes an error that shows the line of n.
func wrong(n ast.Node, message string) error {
	return &yaml.SyntaxError{Message: message, Token: n.GetToken()}
}

// kindInWords says what a key of type t takes.
func kindInWords(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.Int:
		return "a whole number"
	case reflect.String:
		return "text"
	default:
		return fmt.Sprintf("a value of type %s", t)
	}
}
