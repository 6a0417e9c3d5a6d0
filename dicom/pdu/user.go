package pdu

import "bytes"

// Sub-item types of the user information item (PS3.8 Annex D; PS3.7 D.3.3).
const (
	itemMaxLength             byte = 0x51
	itemImplementationClass   byte = 0x52
	itemAsyncOperations       byte = 0x53
	itemRoleSelection         byte = 0x54
	itemImplementationVersion byte = 0x55
	itemExtendedNegotiation   byte = 0x56
	itemCommonExtended        byte = 0x57
	itemUserIdentityRQ        byte = 0x58
	itemUserIdentityAC        byte = 0x59
)

// UserInformation is the user information item (PS3.8 9.3.2.3, Annex D; PS3.7
// D.3.3). Sub-items that are nil or empty are left out, apart from the maximum
// length and the implementation class UID, which are mandatory.
type UserInformation struct {
	MaxLength                 uint32 // longest P-DATA-TF its sender receives, without header; 0: no limit
	ImplementationClassUID    string
	ImplementationVersionName string // at most 16 characters
	AsyncOperations           *AsyncOperations
	Roles                     []RoleSelection
	ExtendedNegotiations      []ExtendedNegotiation
	CommonExtended            []CommonExtendedNegotiation
	Identity                  *UserIdentity
	IdentityResponse          []byte // in an AC; nil: none
}

// AsyncOperations is the asynchronous operations window (PS3.7 D.3.3.3). 0 is
// unlimited; no sub-item means 1 and 1.
type AsyncOperations struct{ Invoked, Performed uint16 }

// RoleSelection is the SCP/SCU role selection (PS3.7 D.3.3.4): the roles of
// the association requestor.
type RoleSelection struct {
	SOPClass string
	SCU, SCP bool
}

// ExtendedNegotiation is the SOP class extended negotiation (PS3.7 D.3.3.5).
type ExtendedNegotiation struct {
	SOPClass    string
	Information []byte
}

// CommonExtendedNegotiation is the SOP class common extended negotiation
// (PS3.7 D.3.3.6).
type CommonExtendedNegotiation struct {
	SOPClass, ServiceClass string
	RelatedGeneral         []string
}

// UserIdentity is the user identity negotiation of a request (PS3.7 D.3.3.7.1).
// Its fields are credentials: never log them.
type UserIdentity struct {
	Type               byte // 1 name, 2 name and passcode, 3 Kerberos, 4 SAML, 5 JWT
	ResponseRequested  bool
	Primary, Secondary []byte
}

func (u *UserInformation) encode(e *encoder) {
	e.item(itemUserInformation, func() {
		e.item(itemMaxLength, func() { e.uint32(u.MaxLength) })
		e.text(itemImplementationClass, u.ImplementationClassUID)
		if a := u.AsyncOperations; a != nil {
			e.item(itemAsyncOperations, func() { e.uint16(a.Invoked); e.uint16(a.Performed) })
		}
		for _, r := range u.Roles {
			e.item(itemRoleSelection, func() { e.countedText(r.SOPClass); e.bytes(bit(r.SCU), bit(r.SCP)) })
		}
		if u.ImplementationVersionName != "" {
			e.text(itemImplementationVersion, u.ImplementationVersionName)
		}
		u.encodeNegotiations(e)
		u.encodeIdentity(e)
	})
}

func (u *UserInformation) encodeNegotiations(e *encoder) {
	for _, n := range u.ExtendedNegotiations {
		e.item(itemExtendedNegotiation, func() { e.countedText(n.SOPClass); e.bytes(n.Information...) })
	}
	for _, n := range u.CommonExtended {
		e.item(itemCommonExtended, func() {
			e.countedText(n.SOPClass)
			e.countedText(n.ServiceClass)
			e.counted(func() {
				for _, uid := range n.RelatedGeneral {
					e.countedText(uid)
				}
			})
		})
	}
}

func (u *UserInformation) encodeIdentity(e *encoder) {
	if id := u.Identity; id != nil {
		e.item(itemUserIdentityRQ, func() {
			e.bytes(id.Type, bit(id.ResponseRequested))
			e.countedText(string(id.Primary))
			e.countedText(string(id.Secondary))
		})
	}
	if u.IdentityResponse != nil {
		e.item(itemUserIdentityAC, func() { e.countedText(string(u.IdentityResponse)) })
	}
}

// decode reads the user information item: PS3.8 9.3.2.3, Table 9-16. Sub-items
// of unknown type are skipped.
func (u *UserInformation) decode(item []byte) error {
	d := decoder{b: item}
	for d.more() {
		itemType, body := d.item()
		if d.err != nil {
			break
		}
		d.keep(u.decodeItem(itemType, body))
	}
	return d.err
}

// decodeItem reads one sub-item: PS3.8 D.1 (51H); PS3.7 D.3.3.2 (52H, 55H),
// D.3.3.3 (53H), D.3.3.4 (54H), D.3.3.5 (56H), D.3.3.6 (57H), D.3.3.7 (58H, 59H).
func (u *UserInformation) decodeItem(itemType byte, body []byte) error {
	d := decoder{b: body}
	switch itemType {
	case itemMaxLength:
		d = d.fixed(itemType, body, 4)
		u.MaxLength = d.uint32()
	case itemImplementationClass:
		u.ImplementationClassUID = trimUID(body)
	case itemImplementationVersion:
		u.ImplementationVersionName = trimAE(body)
	case itemAsyncOperations:
		d = d.fixed(itemType, body, 4)
		u.AsyncOperations = &AsyncOperations{Invoked: d.uint16(), Performed: d.uint16()}
	case itemRoleSelection:
		u.Roles = append(u.Roles, RoleSelection{d.countedUID(), d.byte() == 1, d.byte() == 1})
	case itemExtendedNegotiation:
		n := ExtendedNegotiation{SOPClass: d.countedUID()}
		n.Information = bytes.Clone(d.b)
		u.ExtendedNegotiations = append(u.ExtendedNegotiations, n)
	case itemCommonExtended:
		u.CommonExtended = append(u.CommonExtended, d.commonExtended())
	case itemUserIdentityRQ:
		u.Identity = &UserIdentity{d.byte(), d.byte() == 1, bytes.Clone(d.counted()), bytes.Clone(d.counted())}
	case itemUserIdentityAC:
		u.IdentityResponse = append([]byte{}, d.counted()...)
	}
	return d.err
}

func (d *decoder) commonExtended() CommonExtendedNegotiation {
	n := CommonExtendedNegotiation{SOPClass: d.countedUID(), ServiceClass: d.countedUID()}
	related := decoder{b: d.counted()}
	for related.more() {
		n.RelatedGeneral = append(n.RelatedGeneral, related.countedUID())
	}
	d.keep(related.err)
	return n
}

func bit(b bool) byte {
	if b {
		return 1
	}
	return 0
}
