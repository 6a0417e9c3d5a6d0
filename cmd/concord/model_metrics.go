package main

import (
	"github.com/prometheus/client_golang/prometheus"

	"concord/node"
)

func describeModel(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("concord_"+name, help, labels, nil)
}

// The label use is live or shadow.
var (
	packDesc          = describeModel("model_info", "The pack in use, with its digest and what runs it.", "use", "pack", "digest", "provider")
	picturesDesc      = describeModel("model_pictures_total", "Pictures that the vision graph encoded since the pack was loaded.", "use")
	runsDesc          = describeModel("model_runs_total", "Runs of the score graph since the pack was loaded.", "use")
	rowsDesc          = describeModel("model_rows_total", "Pairs of a statement and a picture in those runs.", "use")
	waitingDesc       = describeModel("model_waiting", "Pictures and rows that wait for the model.", "use")
	swappedDesc       = describeModel("model_swaps_total", "Packs that took the place of another while the node ran.", "use")
	swapRefusedDesc   = describeModel("model_swaps_refused_total", "Changed packs that could not be used.", "use")
	shadowDesc        = describeModel("shadow_statements_total", "Statements by the verdict of the live and of the shadow pack.", "live", "shadow")
	shadowSkippedDesc = describeModel("shadow_skipped_total", "Statements that the shadow pack left out to keep up.")
	shadowFailedDesc  = describeModel("shadow_failed_total", "Statements that the shadow pack failed on.")
)

// Describe implements prometheus.Collector.
func (m *models) Describe(ch chan<- *prometheus.Desc) { prometheus.DescribeByCollect(m, ch) }

// Collect implements prometheus.Collector.
func (m *models) Collect(ch chan<- prometheus.Metric) {
	m.live.collect(ch)
	second := m.second.Load()
	if second == nil {
		return
	}
	second.collect(ch)
	counter := func(desc *prometheus.Desc, n int64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(desc, prometheus.CounterValue, float64(n), labels...)
	}
	m.shadow.Stats.Each(func(live, shadow node.Verdict, n int64) { counter(shadowDesc, n, string(live), string(shadow)) })
	counter(shadowSkippedDesc, m.shadow.Stats.Skipped.Load())
	counter(shadowFailedDesc, m.shadow.Stats.Failed.Load())
}

func (p *livePack) collect(ch chan<- prometheus.Metric) {
	model := p.Model()
	stats := model.Stats()
	ch <- prometheus.MustNewConstMetric(packDesc, prometheus.GaugeValue, 1, p.what, model.Name(), model.Digest(), *p.provider.Load())
	ch <- prometheus.MustNewConstMetric(waitingDesc, prometheus.GaugeValue, float64(stats.Waiting), p.what)
	for desc, n := range map[*prometheus.Desc]int64{picturesDesc: stats.Pictures, runsDesc: stats.Runs, rowsDesc: stats.Rows,
		swappedDesc: p.swapped.Load(), swapRefusedDesc: p.refused.Load()} {
		ch <- prometheus.MustNewConstMetric(desc, prometheus.CounterValue, float64(n), p.what)
	}
}
