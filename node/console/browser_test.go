package console_test

import (
	"context"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"concord/node"
)

// browser is a headless Chromium that looks at a node's pages.
type browser struct {
	*harness
	ctx context.Context
}

// browse opens a browser for the rest of the test.
func (h *harness) browse() *browser {
	h.Helper()
	if testing.Short() {
		h.Skip("a browser takes seconds to start")
	}
	path, err := exec.LookPath("chromium")
	if err != nil {
		h.Skip("there is no chromium here; install Debian's package of this name to run the browser tests")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-component-update", true), chromedp.UserDataDir(h.TempDir()))
	ctx, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	h.Cleanup(cancel)
	ctx, cancel = context.WithTimeout(ctx, 3*time.Minute)
	h.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	h.Cleanup(cancel)
	return &browser{h, ctx}
}

// do does the steps.
func (b *browser) do(steps ...chromedp.Action[chromedp.Void]) {
	b.Helper()
	if err := chromedp.Do(b.ctx, steps...); err != nil {
		b.Fatal(err)
	}
}

// ask evaluates an expression in the page.
func ask[T any](b *browser, expression string) T {
	b.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		b.Fatalf("%s: %v", expression, err)
	}
	return v
}

// until waits for an expression to become true. Chromedp's own Poll compiles
// the expression in the page, which the page's policy forbids.
func (b *browser) until(expression string) {
	b.Helper()
	for range 500 {
		if ask[bool](b, expression) {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	b.Fatalf("never true: %s", expression)
}

func TestRadiologistGivesFeedback(t *testing.T) {
	h := newHarness(t, time.Hour)
	h.store(study1, "A1")
	h.wait(node.WaitingReport)
	h.addJudged(study1,
		node.Statement{Text: "Frontal chest radiograph.", Verdict: node.Yes, Confidence: .95, Images: seen(study1)},
		node.Statement{Text: "CT of the <b>chest</b>.", Verdict: node.No, Confidence: .9, Images: seen(study1)})
	b := h.browse()
	b.do(chromedp.Navigate(h.url), chromedp.Click(`//a[text()="Case 2"]`), chromedp.WaitVisible(`#statements`))
	marks := ask[string](b, `[...document.querySelectorAll('mark')].map(m => m.className + '=' + m.lastChild.data).join(';')`)
	if marks != "yes=Frontal chest radiograph.;no=CT of the <b>chest</b>." {
		t.Errorf("the text is marked %q", marks)
	}
	b.until(`document.querySelector('figure img').complete`)
	if width := ask[int](b, `document.querySelector('figure img').naturalWidth`); width != 64 {
		t.Errorf("the picture is %d pixels wide, want 64", width)
	}
	if flag := ask[string](b, `document.querySelector('ul.flags li').innerText`); !strings.Contains(flag, "It does not match.") {
		t.Errorf("the first flag reads %q", flag)
	}
	if strings.Contains(ask[string](b, `document.documentElement.outerHTML`), patientName) {
		t.Error("the page names the patient")
	}
	b.do(chromedp.SendKeys(`#author`, "ann\t"), chromedp.Click(chromedp.CSS(`#s2 button[value=wrong]`)))
	b.until(`document.querySelector('#s2 .saved').textContent == 'Saved'`)
	b.do(chromedp.Reload())
	b.until(`document.querySelector('#s2 button[value=wrong]').ariaPressed == 'true'`)
	b.until(`document.querySelector('#author').value == 'ann'`)
	var said struct{ Feedback []node.Feedback }
	h.get("/api/v1/cases/2/feedback", &said)
	if len(said.Feedback) != 1 || said.Feedback[0].Author != "ann" || said.Feedback[0].Opinion != node.OpinionWrong ||
		said.Feedback[0].Statement != 2 {
		t.Errorf("stored: %+v", said)
	}
}

func TestOperatorMendsWhatIsStuck(t *testing.T) {
	h := newHarness(t, time.Hour)
	h.ris.refuses.Store(true)
	h.store(study1, "A1")
	h.store(study2, "A1")
	h.wait(node.WaitingReport, node.WaitingReport)
	h.send(oru("M1", "A1", "Normal heart."))
	h.wait(node.WaitingReport, node.WaitingReport, node.Ambiguous)
	b := h.browse()
	b.do(chromedp.Navigate(h.url + "/cases/3"))
	b.until(`document.querySelectorAll('.candidate').length == 2`)
	b.do(chromedp.Click(chromedp.CSS(`.candidate button`)), chromedp.Click(`//button[text()="Judge now"]`))
	h.wait(node.WaitingReport, node.WaitingReport, node.Failed)

	h.ris.refuses.Store(false)
	pause, resume := chromedp.CSS(`button[aria-label="Pause pacs"]`), chromedp.CSS(`button[aria-label="Resume pacs"]`)
	b.do(chromedp.Navigate(h.url+"/destinations"), chromedp.Click(pause), chromedp.Click(resume), chromedp.WaitVisible(pause),
		chromedp.Click(`//button[text()="Send again"]`))
	h.wait(node.WaitingReport, node.WaitingReport, node.Done)
}

// What was asked for too late is refused in words.
func TestPageShowsWhatTheNodeRefuses(t *testing.T) {
	h := newHarness(t, time.Hour)
	h.store(study1, "A1")
	h.send(oru("M1", "A1", "Normal heart."))
	h.wait(node.Settling)
	b := h.browse()
	b.do(chromedp.Navigate(h.url + "/cases/1"))
	if err := h.node.JudgeNow(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	h.wait(node.Done)
	b.do(chromedp.Click(`//button[text()="Judge now"]`), chromedp.WaitVisible(`#problem`))
	if said := ask[string](b, `document.querySelector('#problem').textContent`); !strings.Contains(said, "only one that settles") {
		t.Errorf("the page says %q", said)
	}
}

// TestPagesFit looks at every page in both languages on a phone and a desk:
// nothing sticks out, and all controls have names.
func TestPagesFit(t *testing.T) {
	h := newHarness(t, time.Hour)
	h.store(study1, "A1")
	h.store(study2, "A1")
	h.wait(node.WaitingReport, node.WaitingReport)
	h.send(oru("M1", "A1", "Normal heart."))
	h.wait(node.WaitingReport, node.WaitingReport, node.Ambiguous)
	h.addJudged(study1, node.Statement{Text: strings.Repeat("Chest radiograph ", 30), Verdict: node.No, Confidence: .9, Images: seen(study1)})
	b := h.browse()
	for _, c := range []struct {
		width, height int64
		language      string
	}{{360, 740, "zh"}, {1280, 900, "en"}} {
		for _, path := range []string{"/", "/cases/3", "/cases/4", "/destinations", "/teaching", "/nothing"} {
			b.do(chromedp.EmulateViewport(c.width, c.height), chromedp.Navigate(h.url+path+"?lang="+c.language))
			language := ask[string](b, `document.documentElement.lang`)
			width := ask[int](b, `document.documentElement.scrollWidth`)
			unnamed := ask[int](b, `[...document.querySelectorAll('button:not([hidden]),input:not([type=hidden]),select,img,a')].filter(e =>
				!(e.textContent.trim() || e.ariaLabel || e.alt !== undefined || (e.labels && e.labels.length) || e.querySelector("img[alt]:not([alt=\"\"])"))).length`)
			if language != c.language || width > int(c.width) || unnamed != 0 {
				t.Errorf("%s at %d pixels: language %s, %d pixels wide, %d controls without a name", path, c.width, language, width, unnamed)
			}
		}
	}
}
