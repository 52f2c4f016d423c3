// Package mobile is the device protocol as far as it needs no state: which bytes a
// phone signs, which keys are taken, how a PIN and the appliance's share of it make
// the key that wraps the phone's own, what an invitation says, and which symbols
// there are. Both ends use it: core to judge, package phone to ask. The protocol in
// words is docs/mobile-protocol.md; docs/vectors/mobile.json holds both this package
// and the TypeScript client to the same bytes.
//
// The package is pure: no clock, no store, no input or output; randomness is
// crypto/rand. It must never know who the user is, which login waits or what is
// locked; and nothing that it returns as an error, or prints, ever shows a PIN, the
// secret of an invitation or a private key.
//
// In the order of a device's life: ParseInvitation and Rules; ParseDeviceKey and
// Call; Blind, Evaluate and Finalize; WrappingKey, Wrap and Unwrap; ParseApprovalKey,
// Key and CheckCode; Open, Grid, Displayed and Approve; RenewBegin and Renew. Budget
// counts the tries of the PIN throughout.
package mobile
