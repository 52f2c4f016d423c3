// Package pamcheck asks latchkey-pamcheck, a small process of its own, whether a PAM stack takes a name and a password.
// It implements core.PasswordChecker. It is the daemon's side; the other one is pam_module/pamcheck,
// and package wire has the frames that both speak.
//
// Why a process of its own: PAM stacks run C code of many hands in whoever calls them, with the rights of root. A call
// cannot be cancelled, may crash, may wait for a directory that is gone. The daemon has no right to read /etc/shadow,
// and keeps none of that in itself.
//
// The package must never know users, policies or locks, nor libpam.
package pamcheck
