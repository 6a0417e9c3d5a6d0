package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"concord/config"
	"concord/inference"
	"concord/inference/packs"
)

type packCommand struct {
	Verify    packVerifyCommand    `cmd:"" help:"Run a pack's goldens and print what differs."`
	ImportOFA packImportOFACommand `cmd:"" name:"import-ofa" help:"Make a pack of an OFA visual-entailment checkpoint."`
}

type packImportOFACommand struct {
	configFlags
	From   string   `help:"Folder of a Hugging Face or ModelScope checkpoint, or a fairseq .pt file." required:"" type:"path"`
	Out    string   `help:"Folder of the pack to make." required:"" type:"path"`
	Python string   `help:"Python that has torch and onnx (Debian: python3-torch, python3-onnx)." default:"/usr/bin/python3"`
	Option []string `arg:"" optional:"" passthrough:"" help:"Options of the exporter, after --; '-- --help' lists them."`
}

// Run exports the checkpoint with the program that the binary carries.
func (p packImportOFACommand) Run(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "concord-ofa-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := os.CopyFS(dir, packs.OFAExporter()); err != nil {
		return err
	}
	args := append([]string{filepath.Join(dir, "export.py"), "--from", p.From, "--out", p.Out}, p.Option...)
	command := exec.CommandContext(ctx, p.Python, args...)
	command.Stdout, command.Stderr = os.Stdout, os.Stderr
	if err := command.Run(); err != nil {
		return fmt.Errorf("the exporter failed (it needs torch and onnx: apt-get install python3-torch python3-onnx): %w", err)
	}
	fmt.Println("the pack as it runs here, against PyTorch:")
	return packVerifyCommand{configFlags: p.configFlags, Pack: p.Out}.Run(ctx)
}

type packVerifyCommand struct {
	configFlags
	Pack    string `arg:"" help:"Pack to verify: builtin or a folder."`
	Goldens string `help:"Goldens to verify against instead of the pack's own." type:"existingfile"`
	Images  string `help:"Folder of the pictures that the goldens name." type:"existingdir"`
	JSON    bool   `help:"Print JSON."`
}

// Run fails when the pack does not reproduce its goldens.
func (p packVerifyCommand) Run(ctx context.Context) error {
	if (p.Goldens == "") != (p.Images == "") {
		return errors.New("--goldens and --images go together")
	}
	c, err := p.load()
	if err != nil {
		return err
	}
	found, err := p.verify(ctx, c)
	if err != nil {
		return err
	}
	if p.JSON {
		encoder := json.NewEncoder(os.Stdout)
		encoder.SetIndent("", "  ")
		err = encoder.Encode(found)
	} else {
		for _, difference := range found.Differences {
			fmt.Println(difference)
		}
		fmt.Printf("%d images, %d cases; the largest difference of a probability is %.2g\n", found.Images, found.Cases, found.MaxProbabilityDifference)
	}
	if !found.Reproduced() {
		return errors.Join(err, fmt.Errorf("the pack does not reproduce its goldens (%d differences; probabilities may differ by %.0e)",
			len(found.Differences), found.Tolerance))
	}
	return err
}

func (p packVerifyCommand) verify(ctx context.Context, c *config.Config) (inference.Verification, error) {
	c.Model.Pack = p.Pack
	model, _, err := openModel(ctx, c)
	if err != nil {
		return inference.Verification{}, err
	}
	if p.Goldens == "" {
		return model.VerifyOwn(ctx)
	}
	text, err := os.ReadFile(p.Goldens)
	if err != nil {
		return inference.Verification{}, err
	}
	return model.Verify(ctx, text, os.DirFS(p.Images))
}
