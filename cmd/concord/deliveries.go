package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"concord/node"
)

// nodeAPI is the API of a running node.
type nodeAPI struct {
	configFlags
	Node string `help:"Address of the running node's API. Default: http.listen of the configuration." placeholder:"HOST:PORT"`
}

type deliveriesCommand struct {
	nodeAPI
	State  string  `help:"Which to list: dead (given up), waiting, retrying, stored (not yet committed) or sent." default:"dead" enum:"dead,waiting,retrying,stored,sent"`
	Resend []int64 `help:"Send these dead letters again instead of listing." placeholder:"ID"`
}

// Run asks the running node.
func (d deliveriesCommand) Run(ctx context.Context) error {
	for _, id := range d.Resend {
		if err := d.ask(ctx, http.MethodPost, "/deliveries/"+strconv.FormatInt(id, 10)+"/resend", new(node.Delivery)); err != nil {
			return err
		}
		fmt.Printf("delivery %d goes out again\n", id)
	}
	if len(d.Resend) > 0 {
		return nil
	}
	return d.list(ctx)
}

func (d deliveriesCommand) list(ctx context.Context) error {
	var answer struct {
		Deliveries []struct {
			node.Delivery
			Case int64
		}
	}
	if err := d.ask(ctx, http.MethodGet, "/deliveries?state="+url.QueryEscape(d.State), &answer); err != nil {
		return err
	}
	if len(answer.Deliveries) == 0 {
		fmt.Printf("no delivery is %s\n", d.State)
		return nil
	}
	out := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(out, "ID\tCASE\tDESTINATION\tKIND\tTRIES\tSINCE\tDETAIL")
	for _, l := range answer.Deliveries {
		fmt.Fprintf(out, "%d\t%d\t%s\t%s\t%d\t%s\t%s\n", l.ID, l.Case, l.Destination, l.Kind, l.Attempts, l.At.Format(time.DateTime), l.Detail)
	}
	return out.Flush()
}

// maxAPIAnswer bounds what is read of the node's answer: a message of the
// largest size at most.
const maxAPIAnswer = 1 << 30

// ask calls the node's API and reads its JSON answer.
func (n nodeAPI) ask(ctx context.Context, method, path string, to any) error {
	body, err := n.call(ctx, method, path)
	if err != nil {
		return err
	}
	return json.Unmarshal(body, to)
}

// call calls the node's API and gives its answer.
func (n nodeAPI) call(ctx context.Context, method, path string) ([]byte, error) {
	if n.Node == "" {
		c, err := n.load()
		if err != nil {
			return nil, err
		}
		n.Node = c.HTTP.Listen
	}
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, "http://"+strings.TrimPrefix(n.Node, "http://")+"/api/v1"+path, nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, fmt.Errorf("no node answers at %s; start it, or name its address with --node: %w", n.Node, err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAPIAnswer))
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		var refused struct{ Error string }
		_ = json.Unmarshal(body, &refused) // without an error in it the status says enough
		return nil, fmt.Errorf("the node refused: %s %s", response.Status, refused.Error)
	}
	return body, nil
}
