package main

import (
	"context"
	"fmt"
	"strings"

	"concord/config"
	"concord/dicom"
	"concord/dicom/ae"
)

// wantedServices are the services that a peer needs for what its configuration
// asks of it, by name and SOP class.
func wantedServices(p config.Peer) (query, store []struct{ name, class string }) {
	for _, s := range queryServices {
		if s.name == "FIND" && p.Query || strings.EqualFold(s.name, string(p.Retrieve)) {
			query = append(query, s)
		}
	}
	if p.Commit {
		store = append(store, struct{ name, class string }{"storage commitment", dicom.StorageCommitmentPushModel})
	}
	return query, store
}

// tryServices asks a peer whether it provides what is wanted of it.
func tryServices(ctx context.Context, now *network, p config.Peer) (string, error) {
	query, store := wantedServices(p)
	offered, err := tryOffers(ctx, now.queryClient(p, nil), query)
	if err == nil {
		var more []string
		more, err = tryOffers(ctx, now.client(p, nil), store)
		offered = append(offered, more...)
	}
	return "provides " + strings.Join(offered, ", "), err
}

// tryOffers negotiates services; the error names those that the peer refuses.
func tryOffers(ctx context.Context, client *ae.Client, services []struct{ name, class string }) (offered []string, err error) {
	if len(services) == 0 {
		return nil, nil
	}
	var proposed []ae.Context
	for _, s := range services {
		proposed = append(proposed, ae.Context{SOPClass: s.class, TransferSyntaxes: []string{dicom.ImplicitVRLittleEndian}})
	}
	a, err := client.Dial(ctx, proposed)
	if err != nil {
		return nil, err
	}
	var refused []string
	for _, s := range services {
		if a.Accepted(s.class, dicom.ImplicitVRLittleEndian) {
			offered = append(offered, s.name)
		} else {
			refused = append(refused, s.name)
		}
	}
	if err := a.Release(ctx); err != nil {
		return nil, err
	}
	if len(refused) > 0 {
		return nil, fmt.Errorf("%s does not provide %s", client.Called, strings.Join(refused, ", "))
	}
	return offered, nil
}
