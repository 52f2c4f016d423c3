// Package web is the HTTPS door: it carries the calls of phones to core and back, and hands
// out the app. routes.go has everything that can be asked; guard.go is what every request
// passes before it reaches a handler; docs/mobile-protocol.md says what phones and core mean by
// the bodies, openapi.yaml how they look.
//
// A request goes: connection (conns.go, certificates.go) → guard (guard.go, policy.go) →
// route (routes.go) → strict reading (body.go, signed.go) → core → reply, or a problem
// document (problem.go).
//
// The package must never know how users, devices or keys are kept, verify a signature, read
// a configuration file, or log a body, a signature or an invitation.
package web
