package console

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"concord/node"
)

// collector turns the node's counters into metrics. Labels come from fixed
// sets; no identifier of a patient, study or report is one.
type collector struct {
	node *node.Node
	log  *zap.Logger
}

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("concord_"+name, help, labels, nil)
}

var (
	objectsDesc    = describe("objects_received_total", "Objects stored durably.")
	bytesDesc      = describe("object_bytes_received_total", "Bytes of stored objects.")
	duplicatesDesc = describe("objects_duplicate_total", "Objects received again with the same content.")
	refusedDesc    = describe("objects_refused_total", "Objects answered with a failure status.")
	messagesDesc   = describe("hl7_messages_received_total", "HL7 messages received.")
	quarantineDesc = describe("hl7_messages_quarantined_total", "HL7 messages that could not be read.")
	judgedDesc     = describe("cases_judged_total", "Cases judged.")
	flagsDesc      = describe("flags_total", "Flags raised.")
	deliveredDesc  = describe("results_delivered_total", "Results that a destination took.")
	retriedDesc    = describe("results_retried_total", "Tries of a delivery that will be tried again.")
	deadDesc       = describe("results_dead_total", "Results given up.")
	casesDesc      = describe("cases", "Cases by state.", "state")
)

// Describe implements prometheus.Collector.
func (c *collector) Describe(ch chan<- *prometheus.Desc) { prometheus.DescribeByCollect(c, ch) }

// Collect implements prometheus.Collector.
func (c *collector) Collect(ch chan<- prometheus.Metric) {
	s := &c.node.Stats
	for desc, value := range map[*prometheus.Desc]int64{
		objectsDesc: s.Objects.Load(), bytesDesc: s.ObjectBytes.Load(), duplicatesDesc: s.Duplicates.Load(),
		refusedDesc: s.ObjectsRefused.Load(), messagesDesc: s.Messages.Load(), quarantineDesc: s.MessagesQuarantined.Load(),
		judgedDesc: s.CasesJudged.Load(), flagsDesc: s.Flags.Load(), deliveredDesc: s.Delivered.Load(),
		retriedDesc: s.DeliveriesRetried.Load(), deadDesc: s.DeliveriesDead.Load(),
	} {
		ch <- prometheus.MustNewConstMetric(desc, prometheus.CounterValue, float64(value))
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	counts, err := c.node.CountCases(ctx)
	if err != nil {
		c.log.Warn("cannot count cases for the metrics", zap.Error(err))
		return
	}
	for state, count := range counts {
		ch <- prometheus.MustNewConstMetric(casesDesc, prometheus.GaugeValue, float64(count), string(state))
	}
}
