package config

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"strconv"
	"strings"
)

// envPrefix begins the variables that override keys: CONCORD_DICOM_LISTEN is dicom.listen.
const envPrefix = "CONCORD_"

// orchestrated matches what Kubernetes and Docker links add for a service that is called concord-http or the like.
var orchestrated = regexp.MustCompile(`_SERVICE_|_PORT(_|$)`)

// applySets sets each "key=value", and notes in origin where the value of the key came from.
func (c *Config) applySets(sets []string, origin map[string]string) error {
	for _, s := range sets {
		key, value, ok := strings.Cut(s, "=")
		if !ok {
			return fmt.Errorf("--set %s: no '='; write --set key=value, such as --set dicom.ae_title=CONCORD", s)
		}
		if err := set(c, key, value); err != nil {
			return fmt.Errorf("--set %s: %w", s, err)
		}
		origin[key] = "--set " + key
	}
	return nil
}

// applyEnviron sets each key that has a variable of its own. A variable that begins like a section but names none of
// its keys is an error; other CONCORD_… variables belong to somebody else.
func (c *Config) applyEnviron(environ []string, origin map[string]string) error {
	keys := map[string]string{}
	for _, key := range leaves(reflect.TypeFor[Config](), "") {
		keys[envName(key)] = key
	}
	var errs []error
	for _, variable := range environ {
		name, value, _ := strings.Cut(variable, "=")
		key, known := keys[name]
		switch {
		case known:
			if err := set(c, key, value); err != nil {
				errs = append(errs, fmt.Errorf("%s (environment): %w", name, err))
			}
			origin[key] = name + " (environment)"
		case looksLikeKey(name):
			errs = append(errs, fmt.Errorf("%s (environment): there is no such key; check its spelling or unset it", name))
		}
	}
	return errors.Join(errs...)
}

// looksLikeKey tells whether name begins with the name of a section, as a mistyped variable does.
func looksLikeKey(name string) bool {
	if orchestrated.MatchString(name) {
		return false
	}
	t := reflect.TypeFor[Config]()
	for i := range t.NumField() {
		if f := t.Field(i); f.Type.Kind() == reflect.Struct && strings.HasPrefix(name, envName(f.Tag.Get("yaml"))+"_") {
			return true
		}
	}
	return false
}

func envName(key string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(key, ".", "_"))
}

// leaves lists the keys below t that have a value of their own; a list is one of them.
func leaves(t reflect.Type, prefix string) []string {
	var keys []string
	for i := range t.NumField() {
		f := t.Field(i)
		key := prefix + f.Tag.Get("yaml")
		switch {
		case f.Anonymous: // its keys stand among those of t
			keys = append(keys, leaves(f.Type, prefix)...)
		case f.Type.Kind() == reflect.Struct && f.Type != reflect.TypeFor[Hours]():
			keys = append(keys, leaves(f.Type, key+".")...)
		default:
			keys = append(keys, key)
		}
	}
	return keys
}

// set gives the key of c, such as dicom.listen, peers or peers[0].address, a value. Text is taken as it stands, anything
// else is YAML.
func set(c *Config, key, value string) error {
	field, err := lookup(reflect.ValueOf(c).Elem(), key)
	if err != nil {
		return err
	}
	if field.Kind() == reflect.String {
		field.SetString(value)
		return nil
	}
	fresh := reflect.New(field.Type())
	if err := decode(value, fresh.Interface()); err != nil {
		return err
	}
	field.Set(fresh.Elem())
	return nil
}

// lookup walks from v along key to the field it names.
func lookup(v reflect.Value, key string) (reflect.Value, error) {
	walked := ""
	for part := range strings.SplitSeq(key, ".") {
		name, index, indexed := strings.Cut(part, "[")
		field, names := child(v, name)
		if !field.IsValid() {
			if len(names) == 0 {
				return v, fmt.Errorf("%s has no keys below it", strings.TrimSuffix(walked, "."))
			}
			return v, fmt.Errorf("there is no key %s%s; the keys there are %s", walked, name, strings.Join(names, ", "))
		}
		walked += name
		if indexed {
			n, err := strconv.Atoi(strings.TrimSuffix(index, "]"))
			if field.Kind() != reflect.Slice || err != nil || n < 0 || n >= field.Len() {
				return v, fmt.Errorf("%s[%s names no entry of %s; give the whole list instead: %s=[{…}]", walked, index, walked, walked)
			}
			field = field.Index(n)
			walked += "[" + index
		}
		v, walked = field, walked+"."
	}
	return v, nil
}

// child returns the field of struct v with that YAML name; the names that there are, if there is none.
func child(v reflect.Value, name string) (reflect.Value, []string) {
	if v.Kind() != reflect.Struct {
		return reflect.Value{}, nil
	}
	var names []string
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if f.Anonymous {
			inner, more := child(v.Field(i), name)
			if inner.IsValid() {
				return inner, nil
			}
			names = append(names, more...)
			continue
		}
		tag := f.Tag.Get("yaml")
		if tag == name {
			return v.Field(i), nil
		}
		names = append(names, tag)
	}
	return reflect.Value{}, names
}
