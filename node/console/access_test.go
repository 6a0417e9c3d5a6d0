package console

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
)

func ask(remote, host string, header map[string][]string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/api/v1/cases", nil)
	r.RemoteAddr, r.Host = remote, host
	for name, values := range header {
		r.Header[http.CanonicalHeaderKey(name)] = values
	}
	return r
}

func TestUserIsWhomATrustedProxyNames(t *testing.T) {
	access := Access{UserHeader: "X-Remote-User", TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/24"), netip.MustParsePrefix("::1/128")}}
	for name, c := range map[string]struct {
		remote string
		names  []string
		want   string
		claims bool
	}{
		"by the proxy":           {"10.0.0.7:5000", []string{" Dr Li "}, "Dr Li", false},
		"by IPv6":                {"[::1]:5000", []string{"李医生"}, "李医生", false},
		"mapped address":         {"[::ffff:10.0.0.7]:5000", []string{"li"}, "li", false},
		"nobody":                 {"10.0.0.7:5000", nil, "", false},
		"by anybody":             {"10.0.1.7:5000", []string{"Dr Li"}, "", true},
		"two names":              {"10.0.0.7:5000", []string{"Dr Li", "admin"}, "", true},
		"control characters":     {"10.0.0.7:5000", []string{"Dr\x07Li"}, "", true},
		"bytes that are no text": {"10.0.0.7:5000", []string{"Dr\xff"}, "", true},
	} {
		r := ask(c.remote, "127.0.0.1", map[string][]string{"X-Remote-User": c.names})
		if got := access.User(r); got != c.want || access.Claimed(r) != c.claims {
			t.Errorf("%s: user %q, claimed %v, want %q, %v", name, got, access.Claimed(r), c.want, c.claims)
		}
	}
	none := Access{}
	if got := none.User(ask("10.0.0.7:1", "127.0.0.1", map[string][]string{"X-Remote-User": {"li"}, "": {"li"}})); got != "" {
		t.Errorf("without a header that is trusted the user is %q", got)
	}
}

func TestAddressBehindProxies(t *testing.T) {
	access := Access{TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/24")}}
	for forwarded, want := range map[string]string{
		"":                             "10.0.0.7",
		"192.0.2.5":                    "192.0.2.5",
		"1.1.1.1, 192.0.2.5, 10.0.0.8": "192.0.2.5", // what stands before the first stranger is his word
		"192.0.2.5, unknown":           "10.0.0.7",
		"10.0.0.9":                     "10.0.0.9",
	} {
		r := ask("10.0.0.7:5000", "127.0.0.1", map[string][]string{"X-Forwarded-For": {forwarded}})
		if got := access.Address(r); got != want {
			t.Errorf("%q: %s, want %s", forwarded, got, want)
		}
	}
	if got := access.Address(ask("192.0.2.9:1", "", map[string][]string{"X-Forwarded-For": {"192.0.2.5"}})); got != "192.0.2.9" {
		t.Errorf("a stranger says he is %s", got)
	}
}

func TestNamesOfTheConsole(t *testing.T) {
	access := Access{Hosts: []string{"concord.hospital.example"}}
	for host, want := range map[string]bool{
		"127.0.0.1:8080": true, "[::1]:8080": true, "[::1]": true, "10.1.2.3": true, "localhost:8080": true, "LOCALHOST": true, "": true,
		"concord.hospital.example": true, "Concord.Hospital.Example:443": true, "concord.hospital.example.": true,
		"rebound.example:8080": false, "concord.hospital.example.evil.example": false, "127.0.0.1.evil.example": false, "localhost.evil.example": false,
	} {
		if got := access.called(ask("127.0.0.1:1", host, nil)); got != want {
			t.Errorf("Host %q: %v, want %v", host, got, want)
		}
	}
}
