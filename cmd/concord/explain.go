package main

import (
	"context"
	"fmt"
	"os"

	"concord/config"
	"concord/hl7"
)

// mappingOf is the configured mapping in the terms of package hl7.
func mappingOf(m config.Mapping) hl7.Mapping {
	return hl7.Mapping{Accession: m.Accession, StudyUID: m.StudyUID, RequestedProcedureID: m.RequestedProcedureID,
		Modality: m.Modality, PatientAuthorities: m.PatientAuthorities, PatientIDTypes: m.PatientIDTypes,
		AccessionStrip: hl7.Strip(m.AccessionStrip), PatientIDStrip: hl7.Strip(m.PatientIDStrip), Sections: m.Sections}
}

type hl7ExplainCommand struct {
	configFlags
	Sender string `help:"Read the file as a message of this one of hl7.senders."`
	File   string `arg:"" help:"HL7 file; a batch or several messages are taken one by one." type:"existingfile"`
}

// Run prints what Concord reads in each message of the file, and why. The
// output holds what the message holds: keep it as safe as the message.
func (e hl7ExplainCommand) Run(context.Context) error {
	c, err := e.load()
	if err != nil {
		return err
	}
	from := senders{c.HL7}
	var sender *config.Sender
	if e.Sender != "" {
		if sender, err = from.named(e.Sender); err != nil {
			return err
		}
	}
	file, err := os.ReadFile(e.File)
	if err != nil {
		return err
	}
	n := 0
	for raw := range hl7.Split(file) {
		n++
		fmt.Printf("── message %d\n", n)
		m, err := hl7.Parse(raw, from.optionsOf(sender))
		if err != nil {
			fmt.Printf("cannot be read: %v\n", err)
			continue
		}
		rows, err := hl7.Explain(m, mappingOf(c.HL7.Mapping))
		if err != nil {
			return err
		}
		for _, row := range rows {
			fmt.Printf("%-24s %-16s %s", row.Item, row.Path, row.Value)
			if row.Note != "" {
				fmt.Printf("  (%s)", row.Note)
			}
			fmt.Println()
		}
	}
	return nil
}
