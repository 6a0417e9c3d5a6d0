// Package ae is a DICOM application entity: the upper layer protocol (PS3.8 9)
// and the DIMSE services (PS3.7) over it, in both roles.
//
// A [Server] accepts associations and is an SCP; its fields say whom and what
// it accepts and what becomes of an object. A [Client] requests them and is an
// SCU; [Client.Dial] comes first and gives an [Association].
//
// The layers, from the wire up, one file each: reader, scatter and outgoing move bytes,
// state is the state machine as a table and link runs it, dimse makes messages
// of fragments, command reads and writes their command sets, and session and
// client perform operations, with normalized for DIMSE-N and query for C-FIND,
// C-MOVE and C-GET. gate keeps a Server's limits. A data set is never held: it
// goes from the connection to the handler, and from a reader to the
// connection, in pieces.
package ae
