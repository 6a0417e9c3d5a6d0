package console_test

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"concord/node"
)

// browser is a headless Chromium.
type browser struct {
	*testing.T
	ctx context.Context
}

// browse opens a browser for the rest of the test.
func browse(t *testing.T, flags ...chromedp.ExecAllocatorOption) *browser {
	t.Helper()
	if testing.Short() {
		t.Skip("a browser takes seconds to start")
	}
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("there is no chromium here; install Debian's package of this name to run the browser tests")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-component-update", true), chromedp.UserDataDir(t.TempDir()))
	ctx, cancel := chromedp.NewExecAllocator(context.Background(), append(options, flags...)...)
	t.Cleanup(cancel)
	ctx, cancel = context.WithTimeout(ctx, 3*time.Minute)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	return &browser{t, ctx}
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

// until waits for an expression to become true; while a page is on its way out
// it has no value. Chromedp's own Poll compiles the expression in the page,
// which the page's policy forbids.
func (b *browser) until(expression string) {
	b.Helper()
	for range 500 {
		if yes, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool](expression)); err == nil && yes {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	b.Fatalf("never true: %s", expression)
}

// click clicks an element of a page whose scripts have run.
func (b *browser) click(selector string) {
	b.Helper()
	b.until(fmt.Sprintf(`document.readyState == 'complete' && document.querySelector(%q) != null`, selector))
	b.do(chromedp.Click(chromedp.CSS(selector)))
}

const (
	judgeButton  = `form[data-api$="/judge"] button`
	resendButton = `form[data-api$="/resend"] button`
	pauseButton  = `form[data-api$="/pacs/pause"] button`
	resumeButton = `form[data-api$="/pacs/resume"] button`
)

func TestRadiologistGivesFeedback(t *testing.T) {
	h := newHarness(t, time.Hour)
	h.store(study1, "A1")
	h.wait(node.WaitingReport)
	second := seen(study1)
	second[0].Position = 2
	h.addJudged(study1,
		node.Statement{Text: "Frontal chest radiograph.", Verdict: node.Yes, Confidence: .95, Images: second},
		node.Statement{Text: "CT of the <b>chest</b>.", Verdict: node.No, Confidence: .9, Images: second})
	b := browse(t)
	b.do(chromedp.Navigate(h.url), chromedp.Click(`//a[text()="Case 2"]`), chromedp.WaitVisible(`#statements`))
	marks := ask[string](b, `[...document.querySelectorAll('mark')].map(m => m.className + '=' + m.lastChild.data).join(';')`)
	if marks != "yes=Frontal chest radiograph.;no=CT of the <b>chest</b>." {
		t.Errorf("the text is marked %q", marks)
	}
	b.until(`document.querySelector('figure img').complete`)
	if width := ask[int](b, `document.querySelector('figure img').naturalWidth`); width != 64 {
		t.Errorf("the picture is %d pixels wide, want 64", width)
	}
	if number := ask[string](b, `document.querySelector('figcaption').textContent`); !strings.HasPrefix(number, "Image 2:") {
		t.Errorf("the picture that flags call image 2 is called %q", number)
	}
	if flag := ask[string](b, `document.querySelector('ul.flags li').innerText`); !strings.Contains(flag, "It does not match.") {
		t.Errorf("the first flag reads %q", flag)
	}
	if strings.Contains(ask[string](b, `document.documentElement.outerHTML`), patientName) {
		t.Error("the page names the patient")
	}
	b.do(chromedp.SendKeys(`#author`, "ann\t"))
	b.click(`#s2 summary`)
	b.do(chromedp.SendKeys(chromedp.CSS(`#s2 input[name=note]`), "it is a radiograph\r")) // Enter is no opinion
	b.click(`#s2 button[value=wrong]`)
	b.until(`document.querySelector('#s2 .saved').textContent == 'Saved'`)
	b.do(chromedp.Reload())
	b.until(`document.querySelector('#s2 button[value=wrong]').ariaPressed == 'true'`)
	b.until(`document.querySelector('#author').value == 'ann'`)
	var said struct{ Feedback []node.Feedback }
	h.get("/api/v1/cases/2/feedback", &said)
	if len(said.Feedback) != 1 || said.Feedback[0].Author != "ann" || said.Feedback[0].Opinion != node.OpinionWrong ||
		said.Feedback[0].Statement != 2 || said.Feedback[0].Note != "it is a radiograph" {
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
	b := browse(t)
	b.do(chromedp.Navigate(h.url + "/cases/3"))
	b.until(`document.querySelectorAll('.candidate').length == 2`)
	b.click(`.candidate button`)
	b.click(judgeButton)
	h.wait(node.Superseded, node.WaitingReport, node.Failed)
	b.until(`document.readyState == 'complete' && !document.querySelector('form[data-api$="/judge"]')`) // the page has come again

	h.ris.refuses.Store(false)
	b.do(chromedp.Navigate(h.url + "/destinations"))
	b.click(pauseButton)
	b.click(resumeButton)
	b.until(fmt.Sprintf(`document.querySelector(%q) != null`, pauseButton))
	b.click(resendButton)
	h.wait(node.Superseded, node.WaitingReport, node.Done)
}

// What was asked for too late is refused in words.
func TestPageShowsWhatTheNodeRefuses(t *testing.T) {
	h := newHarness(t, time.Hour)
	h.store(study1, "A1")
	h.wait(node.WaitingReport)
	h.send(oru("M1", "A1", "Normal heart."))
	h.wait(node.Settling)
	b := browse(t)
	b.do(chromedp.Navigate(h.url + "/cases/1"))
	if err := h.node.JudgeNow(t.Context(), 1, "Dr Li"); err != nil {
		t.Fatal(err)
	}
	h.wait(node.Done)
	b.click(judgeButton)
	b.until(`!document.querySelector('#problem').hidden`)
	if said := ask[string](b, `document.querySelector('#problem').textContent`); !strings.Contains(said, "only one that settles") {
		t.Errorf("the page says %q", said)
	}
}

// TestPagesFit looks at every page in both languages on a phone and a desk:
// nothing sticks out, all controls have names, and the page's policy, which
// forbids inline styles and scripts, has nothing to stop.
func TestPagesFit(t *testing.T) {
	h := newHarness(t, time.Hour)
	h.store(study1, "A1")
	h.store(study2, "A1")
	h.wait(node.WaitingReport, node.WaitingReport)
	h.send(oru("M1", "A1", "Normal heart."))
	h.wait(node.WaitingReport, node.WaitingReport, node.Ambiguous)
	h.addJudged(study1, node.Statement{Text: strings.Repeat("Chest radiograph ", 30), Verdict: node.No, Confidence: .9, Images: seen(study1)})
	b := browse(t)
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
			if ask[int](b, `document.querySelectorAll('[style],style,script:not([src])').length`) != 0 {
				t.Errorf("%s has inline styles or scripts", path)
			}
			if language != c.language || width > int(c.width) || unnamed != 0 {
				t.Errorf("%s at %d pixels: language %s, %d pixels wide, %d controls without a name", path, c.width, language, width, unnamed)
			}
		}
	}
}

// faint lists the texts of a page whose contrast with what is behind them is
// below 4.5 (WCAG 2.1, 1.4.3).
const faint = `(() => {
	const rgba = c => c.match(/[\d.]+/g).map(Number);
	const behind = e => { for (; e; e = e.parentElement) { const c = rgba(getComputedStyle(e).backgroundColor); if (c.length < 4 || c[3] > 0) return c; } };
	const light = c => c.slice(0, 3).map(v => v / 255).map(v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4).reduce((s, v, i) => s + v * [.2126, .7152, .0722][i], 0);
	return [...document.body.querySelectorAll('*')]
		.filter(e => e.checkVisibility() && [...e.childNodes].some(n => n.nodeType == 3 && n.data.trim()))
		.filter(e => { const [a, b] = [light(rgba(getComputedStyle(e).color)), light(behind(e))].sort((x, y) => y - x); return (a + .05) / (b + .05) < 4.5; })
		.map(e => e.tagName + '.' + e.className + ': ' + e.textContent.trim().slice(0, 30)).join('; ');
})()`

func TestTextIsReadable(t *testing.T) {
	h := newHarness(t, time.Hour)
	h.ris.refuses.Store(true)
	h.store(study1, "A1")
	h.wait(node.WaitingReport)
	h.send(oru("M1", "A1", "Normal prostate."))
	h.wait(node.Settling)
	if err := h.node.JudgeNow(t.Context(), 1, "Dr Li"); err != nil {
		t.Fatal(err)
	}
	h.wait(node.Failed)
	h.addJudged(study1,
		node.Statement{Text: "Frontal chest radiograph.", Verdict: node.Yes, Confidence: .95, Images: seen(study1)},
		node.Statement{Text: "CT of the chest.", Verdict: node.No, Confidence: .9, Images: seen(study1)},
		node.Statement{Text: "Opacity.", Verdict: node.Maybe, Confidence: .5, Images: seen(study1)},
		node.Statement{Text: "History.", Verdict: node.NotJudged, Reason: "history"})
	if err := h.node.AddFeedback(t.Context(), node.Feedback{CaseID: 2, Statement: 2, Opinion: node.OpinionWrong}); err != nil {
		t.Fatal(err)
	}
	for name, flags := range map[string][]chromedp.ExecAllocatorOption{"light": nil,
		"dark": {chromedp.Flag("blink-settings", "preferredColorScheme=0")}} {
		t.Run(name, func(t *testing.T) {
			b := browse(t, flags...)
			b.do(chromedp.Navigate(h.url))
			if dark := ask[bool](b, `matchMedia('(prefers-color-scheme: dark)').matches`); dark != (name == "dark") {
				t.Fatalf("the browser is dark: %v", dark)
			}
			for _, path := range []string{"/", "/cases/1", "/cases/2", "/destinations", "/teaching"} {
				b.do(chromedp.Navigate(h.url + path))
				if found := ask[string](b, faint); found != "" {
					t.Errorf("%s: %s", path, found)
				}
			}
		})
	}
}
