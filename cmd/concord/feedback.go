package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"concord/dicom"
	"concord/inference/evaluation"
)

// judgedPairs reads what people said of a node's verdicts, with the pictures, into folder: the feedback of
// http://host:port as rows.
func judgedPairs(ctx context.Context, node, folder string) ([]evaluation.Row, error) {
	node = strings.TrimRight(node, "/")
	file := filepath.Join(folder, "pairs.tsv")
	if err := download(ctx, node+"/api/v1/feedback?format=tsv", file); err != nil {
		return nil, err
	}
	rows, err := readPairs(file)
	if err != nil {
		return nil, err
	}
	for _, r := range rows {
		name, err := filepath.Rel(folder, r.Picture)
		if err != nil {
			return nil, err
		}
		uid, frame, ok := strings.Cut(filepath.ToSlash(name), "/")
		number, err := strconv.Atoi(strings.TrimSuffix(frame, ".png"))
		if !ok || err != nil || !dicom.ValidUID(uid) {
			return nil, fmt.Errorf("%s names a picture %q; want {SOP Instance UID}/{frame}.png", node, name)
		}
		if _, err := os.Stat(r.Picture); err == nil {
			continue
		}
		if err := os.MkdirAll(filepath.Dir(r.Picture), 0o700); err != nil {
			return nil, err
		}
		if err := download(ctx, fmt.Sprintf("%s/api/v1/objects/%s/frames/%d?size=0", node, uid, number), r.Picture); err != nil {
			return nil, fmt.Errorf("%w; its image may be past its retention", err)
		}
	}
	return rows, nil
}

// download writes what a URL answers into a file.
func download(ctx context.Context, url, path string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answered %s", url, response.Status)
	}
	return writeTo(path, func(w io.Writer) error {
		_, err := io.Copy(w, response.Body)
		return err
	})
}
