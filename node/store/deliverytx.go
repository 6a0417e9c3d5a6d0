package store

import (
	"fmt"

	"concord/node"
)

const deliveryColumns = `id, case_id, destination, kind, uid, state, attempts, refusals, detail, at, names`

func deliveryFields(d *node.Delivery, at *int64) []any {
	return []any{&d.ID, &d.CaseID, &d.Destination, &d.Kind, &d.UID, &d.State, &d.Attempts, &d.Refusals, &d.Detail, at, &d.Names}
}

// AddDelivery enters a delivery and sets its ID.
func (t *tx) AddDelivery(d *node.Delivery) (err error) {
	d.ID, err = t.insert(`INSERT INTO deliveries (case_id, destination, kind, uid, state, attempts, refusals, detail, at, payload, names)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
		d.CaseID, d.Destination, string(d.Kind), d.UID, string(d.State), d.Attempts, d.Refusals, prose(d.Detail), toMillis(d.At), blob(d.Payload), d.Names)
	return failed("add delivery", err)
}

// PutDelivery stores state, attempts, refusals, detail and time, and another
// payload where it has another UID or names another document; the rest never
// changes.
func (t *tx) PutDelivery(d *node.Delivery) error {
	n, err := t.exec(`UPDATE deliveries SET state = $1, attempts = $2, refusals = $3, detail = $4, at = $5, uid = $6,
		names = $7, payload = CASE WHEN uid = $6 AND names = $7 THEN payload ELSE $8 END WHERE id = $9`,
		string(d.State), d.Attempts, d.Refusals, prose(d.Detail), toMillis(d.At), d.UID, d.Names, blob(d.Payload), d.ID)
	if err == nil && n == 0 {
		err = fmt.Errorf("delivery %d is not in the index", d.ID)
	}
	return failed("put delivery", err)
}

func (t *tx) Delivery(id int64) (*node.Delivery, error) {
	d, err := one(t, func(row scanner) (*node.Delivery, error) {
		var d node.Delivery
		var at int64
		err := row.Scan(append(deliveryFields(&d, &at), &d.Payload)...)
		d.At = fromMillis(at)
		return &d, err
	}, `SELECT `+deliveryColumns+`, payload FROM deliveries WHERE id = $1`, id)
	return d, failed("find delivery", err)
}

func scanDelivery(row scanner) (*node.Delivery, error) {
	var d node.Delivery
	var at int64
	err := row.Scan(deliveryFields(&d, &at)...)
	d.At = fromMillis(at)
	return &d, err
}

// CaseDeliveries lists the deliveries of each case, oldest first, without payloads.
func (t *tx) CaseDeliveries(caseIDs ...int64) ([]node.Delivery, error) {
	list, err := all(t, scanDelivery, `SELECT `+deliveryColumns+` FROM deliveries WHERE case_id IN (`+numbers(caseIDs)+`)
		ORDER BY case_id, id`)
	return values(list), failed("list deliveries", err)
}

func (t *tx) Deliveries(state node.DeliveryState, limit int) ([]node.Delivery, error) {
	list, err := all(t, scanDelivery, `SELECT `+deliveryColumns+` FROM deliveries WHERE state = $1 ORDER BY id LIMIT $2`,
		string(state), limit)
	return values(list), failed("list deliveries", err)
}
