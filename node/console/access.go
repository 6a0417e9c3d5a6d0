package console

import (
	"cmp"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Access says how people reach the console. It has no accounts: a proxy in
// front knows its users and names them in a header. The zero Access trusts no
// header.
type Access struct {
	// Hosts are the names by which browsers call the console, beside localhost
	// and IP addresses. Other names are refused: a web site may let its own name
	// point here, so that a browser takes its script for the console's (DNS
	// rebinding).
	Hosts []string
	// UserHeader holds the user's name in what the trusted proxies send.
	UserHeader     string
	TrustedProxies []netip.Prefix
}

// maxUser bounds the name of a user, in bytes.
const maxUser = 128

// User is who a trusted proxy says asks; empty when nobody says so.
func (a *Access) User(r *http.Request) string {
	if a.UserHeader == "" || !a.trusts(hostOf(r.RemoteAddr)) {
		return ""
	}
	named := r.Header.Values(a.UserHeader)
	if len(named) != 1 {
		return "" // two names are none
	}
	name := strings.TrimSpace(named[0])
	if len(name) > maxUser || !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl) {
		return ""
	}
	return name
}

// Claimed says whether a request names a user without the right to.
func (a *Access) Claimed(r *http.Request) bool {
	return a.UserHeader != "" && r.Header.Get(a.UserHeader) != "" && a.User(r) == ""
}

// Address is where the user sits: the last address of X-Forwarded-For that is
// no trusted proxy, as far as trusted proxies wrote it.
func (a *Access) Address(r *http.Request) string {
	address := hostOf(r.RemoteAddr)
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for _, hop := range slices.Backward(hops) {
		if !a.trusts(address) {
			break
		}
		parsed, err := netip.ParseAddr(strings.TrimSpace(hop))
		if err != nil {
			break
		}
		address = parsed.Unmap().String()
	}
	return address
}

func (a *Access) trusts(address string) bool {
	parsed, err := netip.ParseAddr(address)
	return err == nil && slices.ContainsFunc(a.TrustedProxies, func(p netip.Prefix) bool { return p.Contains(parsed.Unmap()) })
}

// called says whether the console goes by the name that a request calls it.
func (a *Access) called(r *http.Request) bool {
	host := strings.TrimSuffix(strings.ToLower(hostOf(r.Host)), ".")
	if _, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil || host == "localhost" || host == "" { // no browser calls without a name
		return true
	}
	return slices.ContainsFunc(a.Hosts, func(name string) bool { return strings.EqualFold(name, host) })
}

// guard refuses what other web sites make a browser send: requests by a name
// that is not the console's, and changes that begin on another site.
func (c *Console) guard(next http.Handler) http.Handler {
	sameSite := http.NewCrossOriginProtection()
	sameSite.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.fail(w, r, &httpError{http.StatusForbidden, "a request of another web site was refused"})
	}))
	guarded := sameSite.Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		open := r.URL.Path == "/healthz" || r.URL.Path == "/readyz" || r.URL.Path == "/metrics" // nothing of a patient
		if !open && !c.Access.called(r) {
			c.fail(w, r, &httpError{http.StatusMisdirectedRequest, "this node is not called by that name; add it to http.hosts, or use an IP address"})
			return
		}
		guarded.ServeHTTP(w, r)
	})
}

// hostOf is the host of an address that may have a port.
func hostOf(address string) string {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	return cmp.Or(host, address)
}
