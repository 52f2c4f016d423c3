// Package pinphrase is the PINphrase method as far as it needs no state: what an
// answer is, which of its characters are asked for, how the question is put, and
// whether a reply is right.
//
// The package is pure: no clock, no store, no input or output. Randomness comes
// in as an io.Reader: crypto/rand.Reader in service, a Stream where a draw must
// be the same on every node. It must never know who the user is, what is locked,
// or where an answer is kept; and nothing that it returns as an error, or prints,
// ever shows a letter of an answer.
//
// In the order of a user's life: Normalise and Settings.Check take an answer;
// Prepare chooses question and positions; Templates put them into words; Match
// judges the reply; Usage and Exposure remember what an observer may have seen.
package pinphrase
