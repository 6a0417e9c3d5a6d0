package pdu

const (
	// ProtocolVersion1 is the only version: bit 0 set (PS3.8 9.3.2).
	ProtocolVersion1 uint16 = 1

	// ApplicationContext is the DICOM application context name (PS3.7 A.2.1).
	ApplicationContext = "1.2.840.10008.3.1.1.1"

	// MaxContexts is the number of odd context IDs from 1 to 255.
	MaxContexts = 128

	aeTitleSize       = 16
	associateReserved = 32
)

// Item types of an A-ASSOCIATE-RQ and -AC (PS3.8 9.3.2, 9.3.3).
const (
	itemApplicationContext    byte = 0x10
	itemPresentationContextRQ byte = 0x20
	itemPresentationContextAC byte = 0x21
	itemAbstractSyntax        byte = 0x30
	itemTransferSyntax        byte = 0x40
	itemUserInformation       byte = 0x50
)

// Results of a presentation context in an A-ASSOCIATE-AC (PS3.8 9.3.3.2,
// Table 9-18).
const (
	ContextAccepted                     byte = 0
	ContextUserRejection                byte = 1
	ContextNoReason                     byte = 2
	ContextAbstractSyntaxNotSupported   byte = 3
	ContextTransferSyntaxesNotSupported byte = 4
)

// AssociateRQ is the A-ASSOCIATE-RQ PDU (PS3.8 9.3.2).
type AssociateRQ struct {
	ProtocolVersion    uint16
	CalledAE           string // without padding
	CallingAE          string // without padding
	ApplicationContext string
	Contexts           []ContextRQ
	User               UserInformation
}

// ContextRQ proposes a presentation context (PS3.8 9.3.2.2). ID is odd.
type ContextRQ struct {
	ID               byte
	AbstractSyntax   string
	TransferSyntaxes []string // in the proposer's order
}

// AssociateAC is the A-ASSOCIATE-AC PDU (PS3.8 9.3.3). CalledAE and CallingAE
// repeat the request's; a requestor does not test them.
type AssociateAC struct {
	ProtocolVersion    uint16
	CalledAE           string
	CallingAE          string
	ApplicationContext string
	Contexts           []ContextAC
	User               UserInformation
}

// ContextAC answers a presentation context (PS3.8 9.3.3.2). TransferSyntax
// counts only if Result is ContextAccepted.
type ContextAC struct {
	ID             byte
	Result         byte
	TransferSyntax string
}

func (*AssociateRQ) pduType() byte { return TypeAssociateRQ }
func (*AssociateAC) pduType() byte { return TypeAssociateAC }

func (p *AssociateRQ) encode(e *encoder) {
	e.associate(p.ProtocolVersion, p.CalledAE, p.CallingAE, p.ApplicationContext)
	for _, c := range p.Contexts {
		e.item(itemPresentationContextRQ, func() {
			e.bytes(c.ID, 0, 0, 0)
			e.text(itemAbstractSyntax, c.AbstractSyntax)
			for _, ts := range c.TransferSyntaxes {
				e.text(itemTransferSyntax, ts)
			}
		})
	}
	p.User.encode(e)
}

func (p *AssociateAC) encode(e *encoder) {
	e.associate(p.ProtocolVersion, p.CalledAE, p.CallingAE, p.ApplicationContext)
	for _, c := range p.Contexts {
		e.item(itemPresentationContextAC, func() {
			e.bytes(c.ID, 0, c.Result, 0)
			e.text(itemTransferSyntax, c.TransferSyntax)
		})
	}
	p.User.encode(e)
}

// associate appends what RQ and AC have in common: PS3.8 Tables 9-11 and 9-17
// up to the application context item.
func (e *encoder) associate(version uint16, called, calling, applicationContext string) {
	e.uint16(version)
	e.uint16(0)
	e.aeTitle("called", called)
	e.aeTitle("calling", calling)
	e.bytes(make([]byte, associateReserved)...)
	e.text(itemApplicationContext, applicationContext)
}

// decodeAssociateRQ reads PS3.8 9.3.2, Table 9-11.
func decodeAssociateRQ(body []byte) (*AssociateRQ, error) {
	d := decoder{b: body}
	p := &AssociateRQ{}
	p.ProtocolVersion, p.CalledAE, p.CallingAE = d.associate()
	d.associateItems(&p.ApplicationContext, &p.User, itemPresentationContextRQ, func(item []byte) (byte, error) {
		c, err := decodeContextRQ(item)
		p.Contexts = append(p.Contexts, c)
		return c.ID, err
	})
	if d.err != nil {
		return nil, d.err
	}
	return p, nil
}

// decodeAssociateAC reads PS3.8 9.3.3, Table 9-17.
func decodeAssociateAC(body []byte) (*AssociateAC, error) {
	d := decoder{b: body}
	p := &AssociateAC{}
	p.ProtocolVersion, p.CalledAE, p.CallingAE = d.associate()
	d.associateItems(&p.ApplicationContext, &p.User, itemPresentationContextAC, func(item []byte) (byte, error) {
		c, err := decodeContextAC(item)
		p.Contexts = append(p.Contexts, c)
		return c.ID, err
	})
	if d.err != nil {
		return nil, d.err
	}
	return p, nil
}

// associate takes what RQ and AC have in common before their items.
func (d *decoder) associate() (version uint16, called, calling string) {
	version = d.uint16()
	d.uint16()
	called = trimAE(d.take(aeTitleSize))
	calling = trimAE(d.take(aeTitleSize))
	d.take(associateReserved)
	return version, called, calling
}

// associateItems takes the items of RQ or AC; context decodes one presentation
// context item and returns its ID. IDs are odd and unique (PS3.8 9.3.2.2),
// which bounds a PDU to MaxContexts of them. Items of unknown type are skipped
// (PS3.8 9.3.1).
func (d *decoder) associateItems(applicationContext *string, user *UserInformation, contextType byte, context func([]byte) (byte, error)) {
	var seenContext [256]bool
	var seenUser bool
	for d.more() {
		itemType, item := d.item()
		switch {
		case d.err != nil:
		case itemType == itemApplicationContext:
			*applicationContext = trimUID(item)
		case itemType == contextType:
			id, err := context(item)
			d.keep(err)
			d.require(id%2 == 1, "presentation context ID %d is even", id)
			d.require(!seenContext[id], "presentation context ID %d comes twice", id)
			seenContext[id] = true
		case itemType == itemUserInformation:
			d.require(!seenUser, "the user information comes twice")
			seenUser = true
			d.keep(user.decode(item))
		}
	}
}

// decodeContextRQ reads PS3.8 9.3.2.2, Tables 9-13 to 9-15.
func decodeContextRQ(item []byte) (ContextRQ, error) {
	d := decoder{b: item}
	c := ContextRQ{ID: d.byte()}
	d.take(3)
	for d.more() {
		switch itemType, body := d.item(); itemType {
		case itemAbstractSyntax:
			c.AbstractSyntax = trimUID(body)
		case itemTransferSyntax:
			c.TransferSyntaxes = append(c.TransferSyntaxes, trimUID(body))
		}
	}
	return c, d.err
}

// decodeContextAC reads PS3.8 9.3.3.2, Tables 9-18 and 9-19.
func decodeContextAC(item []byte) (ContextAC, error) {
	d := decoder{b: item}
	c := ContextAC{ID: d.byte()}
	d.byte()
	c.Result = d.byte()
	d.byte()
	for d.more() {
		if itemType, body := d.item(); itemType == itemTransferSyntax {
			c.TransferSyntax = trimUID(body)
		}
	}
	return c, d.err
}
