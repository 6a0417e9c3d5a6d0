package ae

import "fmt"

// State is a state of the upper layer state machine (PS3.8 9.2.1, Tables 9-1
// to 9-5).
type State uint8

// The states. Sta1 is both the first and the last of an association.
const (
	Sta1  State = iota + 1 // idle
	Sta2                   // transport connection open, awaiting A-ASSOCIATE-RQ PDU
	Sta3                   // awaiting local A-ASSOCIATE response primitive
	Sta4                   // awaiting transport connection opening to complete
	Sta5                   // awaiting A-ASSOCIATE-AC or A-ASSOCIATE-RJ PDU
	Sta6                   // association established, ready for data transfer
	Sta7                   // awaiting A-RELEASE-RP PDU
	Sta8                   // awaiting local A-RELEASE response primitive
	Sta9                   // release collision, requestor: awaiting A-RELEASE response primitive
	Sta10                  // release collision, acceptor: awaiting A-RELEASE-RP PDU
	Sta11                  // release collision, requestor: awaiting A-RELEASE-RP PDU
	Sta12                  // release collision, acceptor: awaiting A-RELEASE response primitive
	Sta13                  // awaiting transport connection close indication
	endOfStates
)

func (s State) String() string { return fmt.Sprintf("Sta%d", uint8(s)) }

// Event is an event of the state machine (PS3.8 9.2.2, Table 9-10).
type Event uint8

// The events: primitives of the local user, PDUs received, and indications of
// the transport and the timer.
const (
	Evt1  Event = iota + 1 // A-ASSOCIATE request primitive
	Evt2                   // transport connection confirmed
	Evt3                   // A-ASSOCIATE-AC PDU received
	Evt4                   // A-ASSOCIATE-RJ PDU received
	Evt5                   // transport connection indication
	Evt6                   // A-ASSOCIATE-RQ PDU received
	Evt7                   // A-ASSOCIATE response primitive, accept
	Evt8                   // A-ASSOCIATE response primitive, reject
	Evt9                   // P-DATA request primitive
	Evt10                  // P-DATA-TF PDU received
	Evt11                  // A-RELEASE request primitive
	Evt12                  // A-RELEASE-RQ PDU received
	Evt13                  // A-RELEASE-RP PDU received
	Evt14                  // A-RELEASE response primitive
	Evt15                  // A-ABORT request primitive
	Evt16                  // A-ABORT PDU received
	Evt17                  // transport connection closed
	Evt18                  // ARTIM timer expired
	Evt19                  // unrecognized or invalid PDU received
	endOfEvents
)

func (e Event) String() string { return fmt.Sprintf("Evt%d", uint8(e)) }

// Action is an action of the state machine (PS3.8 9.2.3, Tables 9-6 to 9-9).
type Action uint8

// The actions. 0 is the empty cell of the table.
const (
	AE1 Action = iota + 1
	AE2
	AE3
	AE4
	AE5
	AE6
	AE7
	AE8
	DT1
	DT2
	AR1
	AR2
	AR3
	AR4
	AR5
	AR6
	AR7
	AR8
	AR9
	AR10
	AA1
	AA2
	AA3
	AA4
	AA5
	AA6
	AA7
	AA8
	endOfActions
)

// transitions is PS3.8 Table 9-10, row by row.
var transitions = [endOfEvents][endOfStates]Action{
	Evt1:  {Sta1: AE1},
	Evt2:  {Sta4: AE2},
	Evt3:  {Sta2: AA1, Sta3: AA8, Sta5: AE3, Sta6: AA8, Sta7: AA8, Sta8: AA8, Sta9: AA8, Sta10: AA8, Sta11: AA8, Sta12: AA8, Sta13: AA6},
	Evt4:  {Sta2: AA1, Sta3: AA8, Sta5: AE4, Sta6: AA8, Sta7: AA8, Sta8: AA8, Sta9: AA8, Sta10: AA8, Sta11: AA8, Sta12: AA8, Sta13: AA6},
	Evt5:  {Sta1: AE5},
	Evt6:  {Sta2: AE6, Sta3: AA8, Sta5: AA8, Sta6: AA8, Sta7: AA8, Sta8: AA8, Sta9: AA8, Sta10: AA8, Sta11: AA8, Sta12: AA8, Sta13: AA7},
	Evt7:  {Sta3: AE7},
	Evt8:  {Sta3: AE8},
	Evt9:  {Sta6: DT1, Sta8: AR7},
	Evt10: {Sta2: AA1, Sta3: AA8, Sta5: AA8, Sta6: DT2, Sta7: AR6, Sta8: AA8, Sta9: AA8, Sta10: AA8, Sta11: AA8, Sta12: AA8, Sta13: AA6},
	Evt11: {Sta6: AR1},
	Evt12: {Sta2: AA1, Sta3: AA8, Sta5: AA8, Sta6: AR2, Sta7: AR8, Sta8: AA8, Sta9: AA8, Sta10: AA8, Sta11: AA8, Sta12: AA8, Sta13: AA6},
	Evt13: {Sta2: AA1, Sta3: AA8, Sta5: AA8, Sta6: AA8, Sta7: AR3, Sta8: AA8, Sta9: AA8, Sta10: AR10, Sta11: AR3, Sta12: AA8, Sta13: AA6},
	Evt14: {Sta8: AR4, Sta9: AR9, Sta12: AR4},
	Evt15: {Sta3: AA1, Sta4: AA2, Sta5: AA1, Sta6: AA1, Sta7: AA1, Sta8: AA1, Sta9: AA1, Sta10: AA1, Sta11: AA1, Sta12: AA1},
	Evt16: {Sta2: AA2, Sta3: AA3, Sta5: AA3, Sta6: AA3, Sta7: AA3, Sta8: AA3, Sta9: AA3, Sta10: AA3, Sta11: AA3, Sta12: AA3, Sta13: AA2},
	Evt17: {Sta2: AA5, Sta3: AA4, Sta4: AA4, Sta5: AA4, Sta6: AA4, Sta7: AA4, Sta8: AA4, Sta9: AA4, Sta10: AA4, Sta11: AA4, Sta12: AA4, Sta13: AR5},
	Evt18: {Sta2: AA2, Sta13: AA2},
	Evt19: {Sta2: AA1, Sta3: AA8, Sta5: AA8, Sta6: AA8, Sta7: AA8, Sta8: AA8, Sta9: AA8, Sta10: AA8, Sta11: AA8, Sta12: AA8, Sta13: AA7},
}

// What an action sends.
type sending uint8

const (
	sendNothing       sending = iota
	sendGiven                 // the PDU of the user's primitive
	sendReleaseRQ             // A-RELEASE-RQ
	sendReleaseRP             // A-RELEASE-RP
	sendUserAbort             // A-ABORT, source service-user
	sendProviderAbort         // A-ABORT, source service-provider, with the reason found
)

// What an action does to the ARTIM timer.
type timing uint8

const (
	timerKept timing = iota
	timerStart
	timerStop
)

// effects are what an action does, in the order of the fields.
type effects struct {
	send  sending // send a PDU
	issue bool    // issue an indication or confirmation to the local user
	artim timing
	close bool  // close the transport connection
	next  State // next state
	other State // next state in the action's second case: AE-6 refused, AR-8 at the acceptor
}

// actions is PS3.8 Tables 9-6 to 9-9.
var actions = [endOfActions]effects{
	AE1: {next: Sta4}, // the caller has issued the transport connect request
	AE2: {send: sendGiven, next: Sta5},
	AE3: {issue: true, next: Sta6},
	AE4: {issue: true, close: true, next: Sta1},
	AE5: {artim: timerStart, next: Sta2},
	AE6: {issue: true, artim: timerStop, next: Sta3, other: Sta13},
	AE7: {send: sendGiven, next: Sta6},
	AE8: {send: sendGiven, artim: timerStart, next: Sta13},

	DT1: {send: sendGiven, next: Sta6},
	DT2: {issue: true, next: Sta6},

	AR1:  {send: sendReleaseRQ, next: Sta7},
	AR2:  {issue: true, next: Sta8},
	AR3:  {issue: true, close: true, next: Sta1},
	AR4:  {send: sendReleaseRP, artim: timerStart, next: Sta13},
	AR5:  {artim: timerStop, next: Sta1},
	AR6:  {issue: true, next: Sta7},
	AR7:  {send: sendGiven, next: Sta8},
	AR8:  {issue: true, next: Sta9, other: Sta10},
	AR9:  {send: sendReleaseRP, next: Sta11},
	AR10: {issue: true, next: Sta12},

	AA1: {send: sendUserAbort, artim: timerStart, next: Sta13},
	AA2: {artim: timerStop, close: true, next: Sta1},
	AA3: {issue: true, close: true, next: Sta1},
	AA4: {issue: true, next: Sta1},
	AA5: {artim: timerStop, next: Sta1},
	AA6: {next: Sta13},
	AA7: {send: sendProviderAbort, next: Sta13},
	AA8: {send: sendProviderAbort, issue: true, artim: timerStart, next: Sta13},
}
