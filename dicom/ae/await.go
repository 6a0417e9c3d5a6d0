package ae

import (
	"context"
	"time"
)

// Speaks waits until the peer sends something of its own accord, such as the
// result of a storage commitment, and says whether it did before the time was
// over. Silence leaves the association as it is; what came waits for AwaitEvent.
func (a *Association) Speaks(ctx context.Context, within time.Duration) bool {
	if a.over {
		return false
	}
	in := &a.dimse.in
	silent := a.guard(ctx, a.dimse.link, func() error {
		if in.start < in.end {
			return nil
		}
		in.patience = within
		return in.fill()
	})
	return silent == nil
}
