package console

import (
	"cmp"
	"fmt"
	"net/http"
	"regexp"
	"strings"

	"golang.org/x/text/language"
)

// dictionary holds what the page says in one language, by the English phrase or
// by the word of the API.
type dictionary map[string]string

var phrases = map[string]dictionary{"en": english, "zh": chinese}

// languages are the keys of phrases in the order of the matcher's.
var (
	languages = []string{"en", "zh"}
	matcher   = language.NewMatcher([]language.Tag{language.English, language.Chinese})
)

// languageCookie keeps what a person chose with ?lang=.
const languageCookie = "lang"

// languageOf chooses the language of a page: as asked for now, as asked for
// before, as the browser is set.
func languageOf(w http.ResponseWriter, r *http.Request) string {
	if asked := r.URL.Query().Get("lang"); phrases[asked] != nil {
		http.SetCookie(w, &http.Cookie{Name: languageCookie, Value: asked, Path: "/", MaxAge: 365 * 24 * 3600,
			HttpOnly: true, SameSite: http.SameSiteStrictMode})
		return asked
	}
	if kept, err := r.Cookie(languageCookie); err == nil && phrases[kept.Value] != nil {
		return kept.Value
	}
	_, i := language.MatchStrings(matcher, r.Header.Get("Accept-Language"))
	return languages[i]
}

// say gives a phrase, or any word of the API, in the dictionary's language.
// What it does not know it leaves as it is.
func (d dictionary) say(phrase any, args ...any) string {
	text := fmt.Sprint(phrase)
	text = cmp.Or(d[text], text)
	if len(args) > 0 {
		return fmt.Sprintf(text, args...)
	}
	return text
}

// reason says why a case stands where it does; such a text may begin with a number.
func (d dictionary) reason(text string) string {
	rest := strings.TrimLeft(text, "0123456789")
	if n := strings.TrimSuffix(text, rest); n != "" && d["%s"+rest] != "" {
		return fmt.Sprintf(d["%s"+rest], n)
	}
	return d.event(text)
}

// person says a name as DICOM and HL7 write it: family^given.
func person(name string) string {
	return strings.Join(strings.FieldsFunc(name, func(r rune) bool { return r == '^' }), " ")
}

// lines are the forms of a timeline's lines that hold words to be said.
var lines = []struct {
	form   *regexp.Regexp
	phrase string
}{
	{regexp.MustCompile(`^(.+) → (.+)$`), "%s → %s"}, // an event and the state it led to
	{regexp.MustCompile(`^(sr|oru) to (\S+): (\w+), (.*)$`), "%s to %s: %s, %s"},
	{regexp.MustCompile(`^feedback on statement (\d+): (\w+)$`), "feedback on statement %s: %s"},
	{regexp.MustCompile(`^held back from (\S+): (\S+) on statement (\d+), doubt (\d+) %: (.*)$`), "held back from %s: %s on statement %s, doubt %s %%: %s"},
	{regexp.MustCompile(`^dismissed: (.*)$`), "dismissed: %s"},
	{regexp.MustCompile(`^(\S+) refused the result: (.*)$`), "%s refused the result: %s"},
	{regexp.MustCompile(`^judging failed and is tried again: (.*)$`), "judging failed and is tried again: %s"},
	{regexp.MustCompile(`^images removed: (.*)$`), "images removed: %s"},
}

// event says a line of a timeline.
func (d dictionary) event(line string) string {
	for _, l := range lines {
		if m := l.form.FindStringSubmatch(line); m != nil {
			var said []any
			for _, word := range m[1:] {
				said = append(said, d.say(word))
			}
			return d.say(l.phrase, said...)
		}
	}
	return d.say(line)
}

// english says the words of the API as a person would.
var english = dictionary{
	"waiting_report": "waiting for report", "waiting_images": "waiting for images", "not_judged": "not judged",
	"not_sure": "not sure", "sr": "DICOM SR", "oru": "HL7 ORU", "stored": "stored, not yet committed", "dead": "given up",
}

var chinese = dictionary{
	// states
	"waiting_report": "等待报告", "waiting_images": "等待影像", "settling": "等待静默期结束", "ready": "待判断", "judging": "判断中",
	"judged": "已判断", "delivering": "发送中", "done": "完成", "ambiguous": "需人工选择检查", "withdrawn": "已撤回",
	"superseded": "已被新版本取代", "expired": "已超时", "failed": "失败",
	// verdicts, severities, opinions, deliveries
	"yes": "支持", "no": "不支持", "maybe": "不确定", "not_judged": "未判断", "info": "提示", "warning": "警告", "critical": "严重",
	"right": "正确", "wrong": "错误", "not_sure": "不确定", "sr": "DICOM SR", "oru": "HL7 ORU", "waiting": "等待中", "retrying": "重试中",
	"stored": "已存入，待对方承诺保存", "sent": "已发送", "dead": "已放弃",
	// sections of a report
	"findings": "所见", "impression": "诊断意见", "history": "病史", "technique": "检查技术", "comparison": "对比", "addendum": "补充报告",
	"recommendation": "建议",
	// events
	"images received": "收到影像", "report received": "收到报告", "images received after judging": "判断后又收到影像",
	"images arrived": "影像到达", "report arrived": "报告到达", "report replaced": "报告被替换", "report withdrawn": "报告撤回",
	"several studies fit": "有多个检查符合", "study chosen by a person": "人工选定检查", "a person joined another case's report to the study": "人工将另一病例的报告归入该检查", "judging asked for by a person": "人工要求判断",
	"quiet timer elapsed": "静默期结束", "judging started": "开始判断", "judging interrupted": "判断中断", "judging failed": "判断失败",
	"results queued": "结果已排队", "nothing to send": "没有要发送的结果", "all delivered": "全部送达",
	"delivery failed for good": "发送最终失败", "delivery tried again": "重新发送", "waited too long": "等待过久",
	"%s to %s: %s, %s": "%s 发往 %s：%s，%s", "feedback on statement %s: %s": "对语句 %s 的反馈：%s",
	"held back from %s: %s on statement %s, doubt %s %%: %s": "未发往 %s：%s（语句 %s），疑误率 %s %%：%s", "dismissed: %s": "人工了结：%s", "dismissed": "已了结",
	"the alerts that went out use up the budget": "已发出的提示用完了误报限额", "surer flags use up the budget": "更有把握的提示用完了误报限额",
	// reasons
	"no report for this study has arrived; check that the RIS sends it":                                          "本检查的报告尚未到达；请确认 RIS 已发送",
	"no study with the keys of this report has arrived; check that the PACS forwards it":                         "本报告对应的检查尚未到达；请确认 PACS 已转发",
	"no study carries a key of this report, but patient and date fit: choose a study, or wait for the right one": "没有检查带有本报告的编号，但患者和日期相符：请选择检查，或继续等待",
	"%s studies carry the accession number of this report: choose one of them":                                   "有 %s 个检查带有本报告的检查号：请选择其中一个",
	"%s studies carry the order number of this report: choose one of them":                                       "有 %s 个检查带有本报告的申请单号：请选择其中一个",
	"its report is in case %s":  "其报告在病例 %s 中",
	"%s refused the result: %s": "%s 拒绝了结果：%s", "judging failed and is tried again: %s": "判断失败，正在重试：%s", "images removed: %s": "图像已清除：%s",
	"Images may still come: it is judged when none has come for a while.":               "可能还有图像：一段时间没有新图像后即判断。",
	"It waits for its turn to be judged.":                                               "排队等待判断。",
	"Results are on their way; what keeps them stands with the deliveries below.":       "结果正在发送；受阻原因见下方的发送列表。",
	"Nobody waits for it any more; it goes on when what is missing comes or is chosen.": "已停止等待；缺少的部分到达或被选定后会继续。",
	"Mend the cause, then try again here; or dismiss the case.":                         "请排除原因后在此重试，或了结本病例。",
	"patient and date": "患者和日期", "accession number": "检查号", "order number": "申请单号",
	// frame of the page
	"Cases": "病例", "Destinations": "目的地", "Teaching": "教学", "Skip to the content": "跳到正文", "Main": "主菜单",
	"Checks report text against images. Not for diagnosis; not verified by a human.": "核对报告文字与影像是否一致。不用于诊断，未经人工确认。",
	"Buttons on this page need JavaScript.":                                          "本页的按钮需要 JavaScript。",
	// list
	"Order number": "申请单号", "order %s": "申请单 %s",
	"Accession number": "检查号", "Study UID": "检查 UID", "State": "状态", "any state": "所有状态", "Find": "查找", "All": "全部",
	"Cases by state": "各状态的病例", "Case": "病例", "Modality": "设备类型", "Flags": "提示", "Changed": "更新时间", "rev. %d": "第 %d 版",
	"With flags": "有提示", "Without flags": "无提示", "No case here.": "这里没有病例。", "and %d more": "另有 %d 条", "none": "无",
	"Send a study to the DICOM port and its report to the HL7 port.": "请向 DICOM 端口发送检查，向 HL7 端口发送报告。",
	"Older cases": "更早的病例", "Newest cases": "最新的病例", "Pages": "分页",
	// case
	"Case %d": "病例 %d", "revision %d": "第 %d 版", "Judge now": "立即判断", "Images support it": "影像是否支持", "Report": "报告", "Images": "图像",
	"Statements": "语句", "Statement": "语句", "Section": "部分", "Deliveries": "发送", "Timeline": "时间线", "Feedback": "反馈",
	"Study": "检查", "Author": "作者", "Statement %d": "语句 %d", "Paragraph": "段落", "whole report": "整份报告",
	"Image %d": "图像 %d", "series %d, instance %d, frame %d": "序列 %d，图像号 %d，第 %d 帧", "confidence %d %%": "置信度 %d %%",
	"Judged on these images": "据以判断的图像", "No verdict rests on an image; these are images of the study.": "没有任何判断基于图像；以下是本检查的图像。",
	"The study has no image that can be shown.": "本检查没有可显示的图像。", "No report yet.": "尚无报告。", "No study yet.": "尚无检查。", "All cases of this study": "此检查的所有病例",
	"Your name or initials": "您的姓名或缩写", "kept in this browser, stored with your feedback": "保存在此浏览器中，并随反馈一起保存",
	"Is the verdict right?": "判断正确吗？", "Is the flag right?": "提示正确吗？", "note": "备注", "Note": "备注", "Saved": "已保存", "At": "时间",
	"Choose the study of this report": "为本报告选择检查", "Join to this study": "归入此检查", "Join to the study with this UID": "归入此 UID 的检查",
	"keys that fit": "相符的编号", "weak": "弱", "Date": "日期", "Objects": "对象数", "Description": "描述", "This study is no longer here.": "此检查已不在。",
	"Destination": "目的地", "Kind": "类型", "Detail": "详情", "Attempts": "次数", "Send again": "重新发送", "Model pack %s": "模型包 %s",
	"Held back": "未发送的提示", "Flag": "提示", "Doubt": "疑误率", "Reason": "原因", "Dismiss": "了结", "Why it needs no more work": "无需继续处理的原因",
	"The case stays; its images may go when their time is over.": "病例保留；图像到期后可被清除。",
	"What the colours mean": "颜色含义", "Opinion": "意见",
	// destinations
	"Waiting": "等待中", "Retrying": "重试中", "Given up": "已放弃", "Pause": "暂停", "Resume": "恢复", "paused since": "暂停自", "sending": "正常发送",
	"False alerts": "误报", "no limit": "无限额", "%s of %s in %d reports": "%s / %s（每 %d 份报告）",
	"%d reports judged, %d flags sent (%d right, %d wrong by feedback), %d held back": "已判断 %d 份报告，发出 %d 条提示（反馈：%d 条正确，%d 条错误），未发 %d 条",
	"Results that were given up": "已放弃的结果", "Results that are tried again": "正在重试的结果", "None.": "无。", "Peers": "DICOM 对端",
	"Name": "名称", "AE title": "AE 标题", "Address": "地址", "gets results": "接收结果",
	"No destination is configured; results stay here.":        "未配置目的地；结果保留在本机。",
	"Only the oldest %d of each state are counted and shown.": "每种状态只统计并显示最早的 %d 条。",
	// teaching
	"What the newest %d cases came to, by author and week. A verdict is the opinion of a machine: look at the case before you conclude.": "最新 %d 个病例的结果，按作者和周统计。判断由机器作出：下结论前请先查看病例。",
	"No judged report yet.": "尚无已判断的报告。", "unnamed author": "未署名", "Week of": "周", "Reports": "报告数",
	"contradicted": "与影像不符", "left open": "未定", "vague": "含糊", "%d reports, %d statements, %d flags": "%d 份报告，%d 条语句，%d 条提示",
	"Share of statements by week: contradicted, left open, vague": "每周语句比例：与影像不符、未定、含糊",
	// errors
	"Error %d": "错误 %d", "Back to the cases": "返回病例列表", "there is no such page or resource": "没有此页面",
}
