package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"text/tabwriter"
	"time"

	"concord/node"
)

type quarantineCommand struct {
	nodeAPI
	Show int64   `help:"Write the bytes of this message to standard output." placeholder:"ID"`
	Read []int64 `help:"Read these messages again: what kept them from being read was mended." placeholder:"ID"`
}

// Run asks the running node.
func (q quarantineCommand) Run(ctx context.Context) error {
	if q.Show > 0 {
		raw, err := q.call(ctx, http.MethodGet, fmt.Sprintf("/quarantine/%d", q.Show))
		if err != nil {
			return err
		}
		_, err = os.Stdout.Write(raw)
		return err
	}
	for _, id := range q.Read {
		if _, err := q.call(ctx, http.MethodPost, fmt.Sprintf("/quarantine/%d/read", id)); err != nil {
			return err
		}
		fmt.Printf("message %d was read and is processed\n", id)
	}
	if len(q.Read) > 0 {
		return nil
	}
	return q.list(ctx)
}

func (q quarantineCommand) list(ctx context.Context) error {
	var answer struct{ Messages []node.Quarantined }
	if err := q.ask(ctx, http.MethodGet, "/quarantine", &answer); err != nil {
		return err
	}
	if len(answer.Messages) == 0 {
		fmt.Println("no message is in quarantine")
		return nil
	}
	out := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(out, "ID\tFROM\tRECEIVED\tBYTES\tPROBLEM")
	for _, m := range answer.Messages {
		fmt.Fprintf(out, "%d\t%s\t%s\t%d\t%s\n", m.ID, m.Peer, m.ReceivedAt.Local().Format(time.DateTime), m.Bytes, m.Problem)
	}
	return out.Flush()
}
