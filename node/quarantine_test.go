package node_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"concord/hl7"
	"concord/node"
)

// A message that cannot be read is kept as it came and can be seen; once its
// character set is known it is read, and has the effect it would have had.
func TestQuarantine(t *testing.T) {
	var charset string
	h := newHarness(t, func(c *node.Config) {
		c.Quiet = time.Hour
		c.Reading = func(string) hl7.Options { return hl7.Options{DefaultCharset: charset} }
	})
	raw := bytes.Replace(message{control: "M1", filler: "F1", patient: "P1", status: "F", text: "\xb7\xce\xb2\xbf\xd5\xfd\xb3\xa3"}.bytes(), []byte("UNICODE UTF-8"), nil, 1)
	for _, message := range [][]byte{raw, []byte("nothing")} {
		if ack, err := hl7.ParseAck(h.node.ReceiveMessage(t.Context(), "his", message)); err != nil || ack.Code != hl7.AE || ack.ErrorCode == 0 {
			t.Fatalf("answered %+v, %v", ack, err)
		}
	}
	list, err := h.node.Quarantine(t.Context(), 10)
	if err != nil || len(list) != 2 || !strings.Contains(list[1].Problem, "character set") || list[1].Peer != "his" || list[1].Bytes != len(raw) {
		t.Fatalf("in quarantine are %+v, %v", list, err)
	}
	id := list[1].ID
	kept, err := h.node.QuarantinedMessage(t.Context(), id)
	if err != nil || !bytes.Equal(kept.Raw, raw) {
		t.Errorf("kept are %d bytes of %d, %v", len(kept.Raw), len(raw), err)
	}
	var input *node.InputError
	if err := h.node.ReadAgain(t.Context(), id); !errors.As(err, &input) {
		t.Errorf("read again: %v", err)
	}
	h.wait()
	charset = "GB18030"
	if err := h.node.ReadAgain(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if c := h.wait(node.WaitingImages)[0]; c.Report.Blocks[0].Text != "肺部正常" {
		t.Errorf("the report is %q", c.Report.Blocks[0].Text)
	}
	var missing *node.NotFoundError
	if err := h.node.ReadAgain(t.Context(), id); !errors.As(err, &missing) {
		t.Errorf("read once more: %v", err)
	}
	if list, err := h.node.Quarantine(t.Context(), 10); err != nil || len(list) != 1 {
		t.Errorf("in quarantine are %+v, %v", list, err)
	}
}
