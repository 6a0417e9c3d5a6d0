package console

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
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
	announcedDesc  = describe("announcements_total", "What was said of studies' instances: performed procedure steps (mpps), availability notifications (ian), answers of archives (query).", "source")
	retrievedDesc  = describe("retrievals_total", "Retrievals of instances from archives, by their end: done or failed.", "end")
	judgingDesc    = describe("judging_seconds", "Time from a case's images and text to its verdicts.")
	sendingDesc    = describe("sending_seconds", "Time of one try of a delivery, until the peer's answer.")
	removedDesc    = describe("objects_removed_total", "Objects removed by retention.")
	freedDesc      = describe("object_bytes_removed_total", "Bytes of objects removed by retention.")
	diskDesc       = describe("disk_used_ratio", "Used share of the disk that holds the objects.")
	refusingDesc   = describe("refusing", "1 while objects and messages are refused because the disk is full.")
	casesDesc      = describe("cases", "Cases by state.", "state")
	spentDesc      = describe("false_alerts_spent_ratio", "Share of a destination's budget of false alerts that is spent, known and expected.", "destination")
	pausedDesc     = describe("destination_paused", "1 while a person holds the results of a destination back.", "destination")
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
		removedDesc: s.ObjectsRemoved.Load(), freedDesc: s.BytesRemoved.Load(),
	} {
		ch <- prometheus.MustNewConstMetric(desc, prometheus.CounterValue, float64(value))
	}
	counter := func(desc *prometheus.Desc, value int64, label string) {
		ch <- prometheus.MustNewConstMetric(desc, prometheus.CounterValue, float64(value), label)
	}
	counter(announcedDesc, s.Steps.Load(), string(node.ByStep))
	counter(announcedDesc, s.Notifications.Load(), string(node.ByNotification))
	counter(announcedDesc, s.Inquiries.Load(), string(node.ByQuery))
	counter(retrievedDesc, s.Retrieved.Load(), "done")
	counter(retrievedDesc, s.RetrievalsFailed.Load(), "failed")
	for desc, d := range map[*prometheus.Desc]*node.Durations{judgingDesc: &s.Judging, sendingDesc: &s.Sending} {
		count, sum, atMost := d.Histogram()
		ch <- prometheus.MustNewConstHistogram(desc, count, sum, atMost)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	c.collectDisk(ch)
	c.collectCases(ctx, ch)
	c.collectPauses(ctx, ch)
	c.collectBudgets(ctx, ch)
}

func (c *collector) collectPauses(ctx context.Context, ch chan<- prometheus.Metric) {
	list, err := c.node.DestinationStatuses(ctx)
	if err != nil {
		c.log.Warn("cannot read which destinations are paused for the metrics", zap.Error(err))
		return
	}
	for _, d := range list {
		paused := 0.0
		if d.PausedSince != nil {
			paused = 1
		}
		ch <- prometheus.MustNewConstMetric(pausedDesc, prometheus.GaugeValue, paused, d.Name)
	}
}

func (c *collector) collectDisk(ch chan<- prometheus.Metric) {
	used, err := c.node.Objects.Usage()
	if err != nil {
		c.log.Warn("cannot measure the disk for the metrics", zap.Error(err))
		return
	}
	refusing := 0.0
	if c.node.Ready() != nil {
		refusing = 1
	}
	ch <- prometheus.MustNewConstMetric(diskDesc, prometheus.GaugeValue, used)
	ch <- prometheus.MustNewConstMetric(refusingDesc, prometheus.GaugeValue, refusing)
}

func (c *collector) collectBudgets(ctx context.Context, ch chan<- prometheus.Metric) {
	for _, d := range c.node.Destinations() {
		budget, err := c.node.Budget(ctx, d.Name)
		if err != nil {
			c.log.Warn("cannot read a budget of false alerts for the metrics", zap.String("destination", d.Name), zap.Error(err))
			return
		}
		if budget != nil {
			ch <- prometheus.MustNewConstMetric(spentDesc, prometheus.GaugeValue, budget.Spent/budget.Limit, d.Name)
		}
	}
}

func (c *collector) collectCases(ctx context.Context, ch chan<- prometheus.Metric) {
	counts, err := c.node.CountCases(ctx)
	if err != nil {
		c.log.Warn("cannot count cases for the metrics", zap.Error(err))
		return
	}
	for _, state := range node.States {
		ch <- prometheus.MustNewConstMetric(casesDesc, prometheus.GaugeValue, float64(counts[state]), string(state))
	}
}

// requests counts the answers of the console by route and status.
type requests struct{ took *prometheus.HistogramVec }

func newRequests() *requests {
	return &requests{prometheus.NewHistogramVec(prometheus.HistogramOpts{Namespace: "concord", Name: "http_request_seconds",
		Help: "Time of HTTP requests by route and status.", Buckets: []float64{.001, .005, .02, .1, .5, 2, 10, 30}},
		[]string{"route", "status"})}
}

// count observes each answer. The route is a pattern of the console, never a path.
func (q *requests) count(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		answer := &statusWriter{ResponseWriter: w, status: http.StatusOK}
		defer func() {
			route := r.Pattern
			if route == "" {
				route = "none"
			}
			q.took.WithLabelValues(route, strconv.Itoa(answer.status)).Observe(time.Since(began).Seconds())
		}()
		next.ServeHTTP(answer, r)
	})
}

// statusWriter remembers the status of an answer.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController find the connection.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// registerRuntime adds the metrics of the Go runtime and of the process.
func registerRuntime(registry *prometheus.Registry) {
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
}
