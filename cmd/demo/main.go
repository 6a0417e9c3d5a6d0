// Command concord-demo shows Concord at its main job with nothing faked: a
// PACS (Orthanc) forwards a real chest X-ray, a RIS sends four reports of it,
// and the flags come back to both. With KEEP=1 all of it stays up.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := demo(ctx, os.Getenv("KEEP") != "")
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "concord-demo:", err)
		os.Exit(1)
	}
}

func demo(ctx context.Context, keep bool) error {
	concord, err := filepath.Abs("bin/concord")
	if err != nil {
		return err
	}
	xray, err := chestXRay()
	if err != nil {
		return err
	}
	site, err := startSite(ctx, concord)
	if err != nil {
		return err
	}
	if !keep {
		defer site.stop()
	}
	if err := site.show(ctx, xray); err != nil {
		site.stop()
		return err
	}
	if keep {
		fmt.Printf("\nThe node stays up: page http://%s/, Orthanc http://%s/\n", site.node.http, site.pacs.http)
		fmt.Printf("Stop it with: kill %d %d; rm -r %s\n", site.node.pid(), site.pacs.pid(), site.dir)
	}
	return nil
}
