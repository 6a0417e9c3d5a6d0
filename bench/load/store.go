package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"concord/dicom"
	"concord/dicom/ae"
)

// object is a file in memory, ready to be sent.
type object struct {
	class, instance, syntax string
	data                    []byte // the data set, without file meta information
}

func loadObject(path string) (*object, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	header, err := dicom.Scan(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return &object{
		class:    header.String(dicom.SOPClassUID),
		instance: header.String(dicom.SOPInstanceUID),
		syntax:   header.TransferSyntax,
		data:     raw[header.DataSetOffset:],
	}, nil
}

func (o *object) request() ae.StoreRequest {
	return ae.StoreRequest{SOPClassUID: o.class, SOPInstanceUID: o.instance, TransferSyntax: o.syntax, Data: bytes.NewReader(o.data)}
}

type storeCommand struct {
	Addr    string        `default:"127.0.0.1:11112" help:"Server."`
	Called  string        `default:"BENCH" help:"Called AE title."`
	Calling string        `default:"LOAD" help:"Calling AE title."`
	Dir     string        `required:"" help:"Folder of .dcm files."`
	Assoc   int           `default:"1" help:"Associations at once."`
	Limit   int           `help:"Send this many files at most."`
	AckLog  string        `help:"Append the SOP Instance UID of each success to this file."`
	Timeout time.Duration `default:"120s" help:"Longest wait for the server."`
}

// Run sends the files and prints the figures.
func (c *storeCommand) Run() error {
	objects, err := c.load()
	if err != nil {
		return err
	}
	acked := io.Discard
	if c.AckLog != "" {
		file, err := os.OpenFile(c.AckLog, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
		if err != nil {
			return err
		}
		defer file.Close()
		acked = file
	}
	var next atomic.Int64
	var workers sync.WaitGroup
	t := newTally()
	for range c.Assoc {
		workers.Go(func() {
			if err := c.send(objects, &next, t, acked); err != nil {
				t.failed(err)
			}
		})
	}
	workers.Wait()
	return emit(t.result(len(objects), "obj_s"))
}

func (c *storeCommand) load() ([]*object, error) {
	paths, err := filepath.Glob(filepath.Join(c.Dir, "*.dcm"))
	if err != nil {
		return nil, err
	}
	if c.Limit > 0 && len(paths) > c.Limit {
		paths = paths[:c.Limit]
	}
	if len(paths) == 0 {
		return nil, fmt.Errorf("no .dcm file in %s", c.Dir)
	}
	objects := make([]*object, len(paths))
	for i, path := range paths {
		if objects[i], err = loadObject(path); err != nil {
			return nil, err
		}
	}
	return objects, nil
}

// send takes objects in turn with the other associations until there are no more. A status other than success is counted
// and the association goes on.
func (c *storeCommand) send(objects []*object, next *atomic.Int64, t *tally, acked io.Writer) error {
	ctx := context.Background()
	began := time.Now()
	client := ae.Client{Calling: c.Calling, Called: c.Called, Address: c.Addr, Timeout: c.Timeout}
	association, err := client.Dial(ctx, contexts(objects))
	if err != nil {
		return fmt.Errorf("associate: %w", err)
	}
	first := true
	for i := next.Add(1) - 1; i < int64(len(objects)); i = next.Add(1) - 1 {
		sent := time.Now()
		err := association.Store(ctx, objects[i].request())
		if first {
			first = false
			t.began(began)
		}
		var status *ae.StatusError
		switch {
		case err == nil:
			t.answered(sent, len(objects[i].data))
			if _, err := fmt.Fprintln(acked, objects[i].instance); err != nil {
				return err
			}
		case errors.As(err, &status):
			t.failed(err)
		default:
			return fmt.Errorf("store: %w", err)
		}
	}
	return association.Release(ctx)
}

// contexts proposes each object's own class and transfer syntax, so that nothing is converted.
func contexts(objects []*object) []ae.Context {
	var proposed []ae.Context
	seen := map[[2]string]bool{}
	for _, o := range objects {
		if key := [2]string{o.class, o.syntax}; !seen[key] {
			seen[key] = true
			proposed = append(proposed, ae.Context{SOPClass: o.class, TransferSyntaxes: []string{o.syntax}})
		}
	}
	return proposed
}

type sinkCommand struct {
	Addr string `default:"127.0.0.1:11112" help:"Listen here."`
}

// Run answers every C-STORE with success and drops its data.
func (c *sinkCommand) Run() error {
	listener, err := net.Listen("tcp", c.Addr)
	if err != nil {
		return err
	}
	buffers := sync.Pool{New: func() any { return new([256 << 10]byte) }}
	server := ae.Server{
		StorageClass: dicom.IsStorage,
		Store: func(_ context.Context, rq *ae.StoreRequest) error {
			buffer := buffers.Get().(*[256 << 10]byte)
			defer buffers.Put(buffer)
			_, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, rq.Data, buffer[:])
			return err
		},
	}
	return server.Serve(listener)
}
