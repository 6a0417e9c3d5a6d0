package console

import (
	"fmt"
	"net/http"
)

func (c *Console) quarantine(r *http.Request) (any, error) {
	limit, err := limitOf(r)
	if err != nil {
		return nil, err
	}
	messages, err := c.Node.Quarantine(r.Context(), limit)
	return map[string]any{"messages": messages}, err
}

// quarantined gives the bytes of a message as they were received.
func (c *Console) quarantined(w http.ResponseWriter, r *http.Request) {
	id, err := number("a message ID", r.PathValue("id"))
	if err != nil {
		c.fail(w, r, err)
		return
	}
	m, err := c.Node.QuarantinedMessage(r.Context(), id)
	if err != nil {
		c.fail(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "application/hl7-v2")
	w.Header().Set("Content-Disposition", fmt.Sprintf(`attachment; filename="message-%d.hl7"`, id))
	w.Write(m.Raw)
}

// readAgain reads a message in quarantine once more.
func (c *Console) readAgain(r *http.Request) (any, error) {
	id, err := number("a message ID", r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	return map[string]any{"id": id}, conflict(c.Node.ReadAgain(r.Context(), id))
}
