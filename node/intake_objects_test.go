package node

import (
	"testing"
	"testing/synctest"
)

// A caller whose headers take long, on many associations, leaves room for the
// others; more callers than there is room for wait for each other.
func TestOneCallersScansLeaveRoomForOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var x indexer
		done := make(chan string, 20)
		scan := func(caller string) {
			x.beginScan(caller)
			done <- caller
		}
		for range 10 {
			go scan("RUDE")
		}
		synctest.Wait()
		if len(done) != callerScans {
			t.Fatalf("%d scans of one caller are under way, want %d", len(done), callerScans)
		}
		for range maxScans {
			go scan("GUEST")
		}
		synctest.Wait()
		if len(done) != maxScans {
			t.Errorf("%d scans are under way, want %d", len(done), maxScans)
		}
		for range 10 + maxScans {
			x.endScan(<-done)
		}
		if x.scanned != 0 || len(x.scans) != 0 {
			t.Errorf("%d scans of %d callers are left", x.scanned, len(x.scans))
		}
	})
}
