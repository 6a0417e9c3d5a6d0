package hl7

import "strings"

// statusWords are result states as some senders spell them in OBR-25 and OBX-11, in
// lower case, to the letters of tables 0123 and 0085.
var statusWords = map[string]string{
	"final": "F", "finalized": "F", "complete": "F", "completed": "F", "verified": "F",
	"signed": "F", "approved": "F", "authenticated": "F", "已审核": "F", "审核": "F", "终审": "F",
	"prelim": "P", "preliminary": "P", "wet read": "P", "draft": "P", "dictated": "P",
	"transcribed": "P", "unverified": "P", "初步": "P", "未审核": "P", "初审": "P",
	"corrected": "C", "correction": "C", "amended": "C", "revised": "C", "addended": "C",
	"addendum": "C", "修订": "C", "更正": "C", "修改": "C",
	"partial": "A", "cancelled": "X", "canceled": "X", "作废": "X", "撤销": "X", "取消": "X",
	"deleted": "D", "wrong": "W",
}

// statusLetter gives the letter of a result state; "" if it is none that is known.
func statusLetter(s string) string {
	if len(s) == 1 && s[0]|0x20 >= 'a' && s[0]|0x20 <= 'z' {
		return strings.ToUpper(s)
	}
	return statusWords[strings.ToLower(s)]
}

// withdraws says whether a state takes back what was reported.
func withdraws(status string) bool { return status == "D" || status == "W" || status == "X" }

// resulted says whether a state means that the order has its result.
func resulted(status string) bool {
	return status == "F" || status == "P" || status == "C" || status == "A" || status == "R"
}

// statusOrder ranks the states of single observations: the report is as unfinished as its
// least finished part, and corrected if a part is.
const statusOrder = "WXDUFARPC"

func higherStatus(a, b string) string {
	if a == "" || strings.Index(statusOrder, b) > strings.Index(statusOrder, a) {
		return b
	}
	return a
}

// documentStatus reads TXA-17 (table 0271), TXA-19 (table 0273) and the event.
func documentStatus(txa Segment, event string) string {
	if event == "T11" {
		return "X"
	}
	availability := txa.Field(19).trimmed()
	if availability == "CA" || availability == "OB" {
		return "D"
	}
	switch completion := strings.ToUpper(txa.Field(17).trimmed()); completion {
	case "AU", "LA":
		if event == "T08" || event == "T10" {
			return "C"
		}
		return "F"
	case "DI", "DO", "IN", "IP", "PA":
		return "P"
	default:
		return statusLetter(completion)
	}
}
