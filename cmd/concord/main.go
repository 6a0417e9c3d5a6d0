// Command concord is the whole product in one binary: the node and the tools
// around it. This package only wires; what it wires lives in the packages it
// imports.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"concord/config"
)

// configFlags choose the configuration of a command.
type configFlags struct {
	Config string   `help:"Configuration file (YAML). Without one the built-in defaults apply." type:"existingfile"`
	Set    []string `help:"Override one key, for example dicom.listen=0.0.0.0:104." placeholder:"KEY=VALUE" sep:"none"`
}

func (f configFlags) load() (*config.Config, error) {
	return config.Load(f.Config, f.Set, os.Environ())
}

var cli struct {
	Serve       serveCommand           `cmd:"" help:"Run the node."`
	Judge       judgeCommand           `cmd:"" help:"Judge one report against images from files; no server needed."`
	Eval        evalCommand            `cmd:"" help:"Measure a model pack on pairs of picture and statement."`
	Render      renderCommand          `cmd:"" help:"Write the picture that the model sees as PNG."`
	Echo        echoCommand            `cmd:"" help:"C-ECHO a peer."`
	Send        sendCommand            `cmd:"" help:"C-STORE files to a peer."`
	HL7Send     hl7SendCommand         `cmd:"" name:"hl7-send" help:"Send an HL7 file to a destination and print the acknowledgement."`
	Doctor      doctorCommand          `cmd:"" help:"Test the whole set-up with a synthetic case and say what to mend."`
	Conformance conformanceCommand     `cmd:"" help:"Print the DICOM conformance statement."`
	HL7Explain  hl7ExplainCommand      `cmd:"" name:"hl7-explain" help:"Show what Concord reads in an HL7 file, and why."`
	Pack        packCommand            `cmd:"" help:"Check a model pack."`
	Inference   inferenceServerCommand `cmd:"" name:"inference-server" help:"Serve model packs to other nodes by KServe v2 gRPC."`
	Phantom     phantomCommand         `cmd:"" help:"Make synthetic studies with known truth: objects, reports in two languages, pairs for eval."`
	Rules       rulesCommand           `cmd:"" help:"List the rules that need no model."`
	Deliveries  deliveriesCommand      `cmd:"" help:"List results on their way or given up, and send dead letters again."`
	Quarantine  quarantineCommand      `cmd:"" help:"List HL7 messages that cannot be read, show one, read them again."`
	Defaults    defaultsCommand        `cmd:"" name:"config" help:"Print the default configuration with its explanation."`
	Version     kong.VersionFlag       `help:"Print the version."`
}

// version is set by the linker (make build).
var version = "dev"

func main() { os.Exit(run(os.Args[1:])) }

// run parses and does one command; it returns the exit status.
func run(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	parser := kong.Must(&cli, kong.Name("concord"), kong.UsageOnError(),
		kong.Description("Checks radiology reports against their images, between PACS and RIS. It never diagnoses."),
		kong.Vars{"version": version}, kong.BindTo(ctx, (*context.Context)(nil)))
	command, err := parser.Parse(args)
	parser.FatalIfErrorf(err)
	if err := command.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "concord:", err)
		return 1
	}
	return 0
}

type defaultsCommand struct{}

// Run prints the embedded defaults.
func (defaultsCommand) Run() error {
	_, err := fmt.Print(config.DefaultYAML())
	return err
}
