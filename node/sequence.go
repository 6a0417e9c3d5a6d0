package node

import (
	"bytes"
	"context"
	"slices"
	"time"
)

// documentLead is how long an ORU waits for the Structured Report that it
// names. A PACS that takes another SOP class stores it under another SOP
// Instance UID (PS3.4 B.4.1): what the RIS is told has to be there. A PACS that
// is away does not hold up the RIS for longer.
const documentLead = 5 * time.Second

// awaitDocument holds an ORU back while the Structured Report that it names is
// about to be stored for the first time, and says whether it did; else d is
// what goes out now. Its bytes never change after that: nameDocument changes
// those that are held, and one that did not wait to the end names no planned
// document any more.
func (n *Node) awaitDocument(ctx context.Context, job *Job, d *Delivery) (held bool, err error) {
	err = n.Index.Update(ctx, func(tx Tx) error {
		all, err := tx.CaseDeliveries(d.CaseID)
		if err != nil {
			return err
		}
		paused, err := tx.PausedDestinations()
		if err != nil {
			return err
		}
		until := d.At.Add(documentLead)
		named := slices.DeleteFunc(slices.Clone(all), func(o Delivery) bool { return o.Kind != SR || o.UID != d.Names })
		held = len(named) > 0 && until.After(time.Now()) && !slices.ContainsFunc(named, func(o Delivery) bool {
			return o.State != DeliveryWaiting || !n.sendsNow(o.Destination, paused)
		})
		if held {
			return tx.RetryJob(job.ID, until)
		}
		now, err := tx.Delivery(d.ID)
		if err != nil || now == nil {
			return err
		}
		if *d = *now; !slices.ContainsFunc(named, func(o Delivery) bool { return o.State == DeliveryWaiting }) {
			return nil
		}
		d.Names = "" // whatever it will be stored as
		return tx.PutDelivery(d)
	})
	return held, err
}

// releaseMessages lets the ORUs of a case go that wait for its document, under
// the name that it got.
func releaseMessages(tx Tx, document *Delivery, all []Delivery) error {
	if document.Kind != SR || document.planned == "" {
		return nil // they were released when it was tried for the first time
	}
	now := time.Now()
	for i := range all {
		d := &all[i]
		if d.Kind != ORU || d.State != DeliveryWaiting || d.Attempts > 0 || document.planned != d.Names {
			continue
		}
		first := !slices.ContainsFunc(all, func(o Delivery) bool {
			return o.ID != document.ID && o.Kind == SR && o.UID == d.Names && o.State != DeliveryWaiting
		})
		if !first { // another PACS has it under this name, and it may be on its way
			continue
		}
		if document.UID != d.Names {
			if err := nameDocument(tx, d.ID, document); err != nil {
				return err
			}
		}
		if err := tx.AddJob(Job{Queue: deliverQueue(d.Destination), Key: caseKey(d.ID), CaseID: d.CaseID, RunAt: now}); err != nil {
			return err
		}
	}
	return nil
}

// nameDocument makes an ORU that was never sent name the document as it is
// stored.
func nameDocument(tx Tx, id int64, document *Delivery) error {
	d, err := tx.Delivery(id)
	if err != nil || d == nil {
		return err
	}
	d.Payload = bytes.ReplaceAll(d.Payload, []byte(d.Names), []byte(document.UID))
	d.Names = document.UID
	return tx.PutDelivery(d)
}
