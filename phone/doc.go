// Package phone is the reference phone: a client of the device protocol that a company
// can build an app of its own on, and the whole of `latchkey softphone`.
//
//	p, err := phone.Enrol(ctx, phone.Config{Storage: phone.File("state")}, invitation, "my phone", pin)
//	fmt.Println("Read this to your administrator:", p.CheckCode())
//
//	p, err := phone.Load(phone.Config{Storage: phone.File("state")})
//	logins, err := p.Wait(ctx)           // who wants in?
//	opened, err := p.Open(ctx, pin)      // the first signature: symbols to choose from
//	_, err = opened.Approve(ctx, symbol) // the second one
//
// What a caller must know:
//
//   - One Phone is one device of one user at one appliance; several are several states.
//   - The state has everything that a thief needs except the PIN. It holds nothing that tells
//     a right PIN from a wrong one without the appliance, which counts the tries: so no caller
//     may keep a public key, a signature, a check code or an answer of the appliance beside it.
//     An app should give a Storage that the platform's keystore encrypts.
//   - Calls of one device must not overtake each other. Every method takes the Storage's lock
//     for as long as its call lasts, so goroutines and processes may share a state.
//   - A reply that was lost is asked for again, with the very same call; a phone that stops
//     between two steps of a renewal finds out at the next one where it stands.
//   - An invitation's pin decides which certificate is trusted; no proxy is taken from the
//     environment and no redirect is followed.
//
// The protocol is docs/mobile-protocol.md, its cryptography core/mobile. This package must
// never log, and never return an error with a PIN, a key or an invitation in it.
package phone
