// Package radiusd is the RADIUS door: packets in, steps out (RFC 2865, 2869, 5080, 5997).
//
// A packet goes through the files in this order: socket.go reads it, reader.go takes it
// through wire.go (structure), clients.go (which NAS), authenticator.go
// (Message-Authenticator), status.go (Status-Server) and duplicates.go (have we had it?)
// into one of the two queues of lane.go. A worker of the queue (handler.go) decrypts the
// password, joins retransmissions that come from another port (joining.go),
// asks Logins, perhaps waits for a phone (waiting.go), and renders the Step as a signed reply
// (reply.go). server.go holds it together,
// listen.go changes the addresses while it runs, stats.go counts and log.go tells.
//
// The package must never know what a second factor is, what a user's record holds, where
// anything is stored or how it was configured. It carries: every decision is core's, every
// text that a person reads is core's too, but for requests that never get so far as core.
package radiusd
