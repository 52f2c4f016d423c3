package hosts

import (
	"encoding/json"
	"strings"
	"syscall"
	"testing"

	"github.com/latchkey/latchkey/test/appliance"
)

// Each option does what the manual says, in a real su.
func TestOptions(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	d := h.serve(questions)
	d.Enrol("anna")
	d.Add("bert") // not enrolled
	begin := func(t *testing.T, options, user string, env ...string) *appliance.Terminal {
		h.stacks(options)
		return h.su(t, user, env...)
	}
	question := func(t *testing.T, term *appliance.Terminal) {
		t.Helper()
		term.Type(t, appliance.Right(t, asked(t, term)))
		in(t, term, "done")
	}

	t.Run("min_uid", func(t *testing.T) {
		in(t, begin(t, "min_uid=52000", "anna"), "done")
		question(t, begin(t, "min_uid=1000", "anna"))
	})
	t.Run("groups", func(t *testing.T) {
		in(t, begin(t, "groups=exempt", "anna"), "done")
		question(t, begin(t, "groups=exempt,staff2", "anna"))
		// A group that is misspelt must not exempt everybody.
		from := h.log.Len()
		out(t, begin(t, "groups=stuff", "anna"), `su: `)
		h.log.Await(t, from, `groups=: stuff: no such group: denied`)
	})
	t.Run("exclude_groups", func(t *testing.T) {
		in(t, begin(t, "exclude_groups=staff2", "anna"), "done")
		question(t, begin(t, "exclude_groups=exempt,none-such", "anna"))
	})
	t.Run("nullok", func(t *testing.T) {
		d.Latchkey("", "user", "unlock", "bert")
		in(t, begin(t, "nullok", "lutz"), "done") // unknown to Latchkey
		question(t, begin(t, "nullok", "anna"))   // enrolled
		d.Latchkey("", "user", "disable", "anna")
		term := begin(t, "nullok retries=1", "anna")
		term.Type(t, appliance.Right(t, asked(t, term)))
		out(t, term, `su: `)
		d.Latchkey("", "user", "enable", "anna")
	})
	t.Run("retries", func(t *testing.T) {
		d.Latchkey("", "user", "unlock", "anna")
		term := begin(t, "retries=1", "anna")
		term.Type(t, appliance.Wrong(t, asked(t, term)))
		out(t, term, `su: Have exhausted maximum number of retries for service`)
		question(t, begin(t, "", "anna"))
	})
	t.Run("lang and charset", func(t *testing.T) {
		d.Latchkey("", "user", "set", "anna", "--language", "de")
		for _, c := range []struct{ options, locale, says string }{
			{"", "C.UTF-8", `Bitte wählen Sie`}, {"", "C", `Bitte waehlen Sie`}, {"charset=utf8", "C", `Bitte wählen Sie`},
		} {
			term := begin(t, c.options, "anna", "LC_ALL="+c.locale)
			term.Expect(t, c.says)
			kill(t, term.PID(), syscall.SIGKILL)
		}
		d.Latchkey("", "user", "set", "anna", "--language", "en")
	})
	t.Run("a mistake denies", func(t *testing.T) {
		for _, options := range []string{"failmode=save", "nulok", "nullok=yes", "timeout=1h", "retries=0", "socket=pam.sock", "min_uid=x", "quiet quiet",
			"use_first_pass try_first_pass", "user_from=me", "url=http://127.0.0.1", "conf=/none", "timeout=20s total_timeout=5s"} {
			from := h.log.Len()
			out(t, begin(t, options, "anna"), `su: `)
			h.log.Await(t, from, `options: .*: denied`)
		}
	})
	t.Run("debug shows no answer", func(t *testing.T) {
		term := begin(t, "debug", "anna")
		term.Type(t, appliance.Right(t, strings.ReplaceAll(term.Expect(t, `PINphrase: [^\r\n]*\. $`)[0], "  ", " ")))
		in(t, term, "done")
	})
	h.noSecrets(d)
}

// user_from=ruser asks the one who called, and only if the kernel says that he did.
func TestUserFromRUser(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	d := h.serve(questions)
	d.Enrol("lutz")
	h.stacks("user_from=ruser")
	t.Run("su", func(t *testing.T) {
		term := h.su(t, "anna")
		term.Type(t, appliance.Right(t, asked(t, term)))
		in(t, term, `anna\r\ndone`)
	})
	t.Run("sudo", func(t *testing.T) {
		term := appliance.OnTerminal(t, h.as("lutz", "sudo", "-k", "id", "-un"))
		term.Expect(t, `password for lutz: $`)
		term.Type(t, password)
		term.Type(t, appliance.Right(t, asked(t, term)))
		in(t, term, "root")
	})
	d.want("lutz", "accept right uid:"+hostname(t)+"/51001", "accept right uid:"+hostname(t)+"/51001")
	t.Run("not for login", func(t *testing.T) {
		term := appliance.OnTerminal(t, h.command("login", "lutz"))
		term.Expect(t, `Password: $`)
		term.Type(t, password)
		h.log.Await(t, 0, `user_from=ruser is for sudo and su, not for "login": denied`)
	})
	t.Run("a claim that the kernel does not back", func(t *testing.T) {
		from := h.log.Len()
		cmd := h.command("pamtester", "-I", "ruser=lutz", "-I", "tty=x", "su", "anna", "authenticate")
		term := appliance.OnTerminal(t, cmd) // by root, not by lutz
		term.Expect(t, `Password: $`)
		term.Type(t, password)
		out(t, term, `pamtester: `)
		h.log.Await(t, from, `PAM_RUSER is "lutz", whose uid is not the caller's \(0\): denied`)
	})
}

// A policy with a first factor: the password of Latchkey, asked here or taken from the stack.
func TestFirstFactor(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	d := h.serve("{first: password, second: [pinphrase]}")
	d.Enrol("anna")
	d.Latchkey(password+"\n", "user", "password", "anna") // the same as on the host
	begin := func(line string) *appliance.Terminal {
		h.etc("pam.d/su", line+"\naccount required pam_unix.so\nsession required pam_permit.so\n")
		return appliance.OnTerminal(t, h.as("lutz", "su", "anna", "-c", "echo done"))
	}
	module := func(options string) string { return "auth required " + h.module(options) }
	unix := "auth requisite pam_unix.so nodelay\n"
	question := func(t *testing.T, term *appliance.Terminal) {
		t.Helper()
		term.Type(t, appliance.Right(t, asked(t, term)))
		in(t, term, "done")
	}
	t.Run("asked", func(t *testing.T) {
		term := begin(module(""))
		term.Expect(t, `Password: $`)
		term.Type(t, password)
		question(t, term)
	})
	t.Run("by default the stack's password is not read", func(t *testing.T) {
		term := begin(unix + module(""))
		term.Expect(t, `Password: $`)
		term.Type(t, password)
		term.Expect(t, `Password: $`)
		term.Type(t, password)
		question(t, term)
	})
	for _, option := range []string{"use_first_pass", "try_first_pass"} {
		t.Run(option, func(t *testing.T) {
			term := begin(unix + module(option))
			term.Expect(t, `Password: $`)
			term.Type(t, password)
			question(t, term)
		})
	}
	t.Run("use_first_pass without one", func(t *testing.T) { out(t, begin(module("use_first_pass")), `su: `) })
	t.Run("try_first_pass with a wrong one", func(t *testing.T) {
		d.Latchkey("another-one\n", "user", "password", "anna")
		term := begin(unix + module("try_first_pass"))
		term.Expect(t, `Password: $`)
		term.Type(t, password)
		term.Expect(t, `Password: $`)
		term.Type(t, "another-one")
		question(t, term)
		d.Latchkey(password+"\n", "user", "password", "anna")
	})
	t.Run("forward_pass", func(t *testing.T) {
		term := begin(module("forward_pass") + "\nauth required pam_unix.so use_first_pass nodelay")
		term.Expect(t, `Password: $`)
		term.Type(t, password)
		question(t, term)
	})
	t.Run("a wrong password", func(t *testing.T) {
		term := begin(module("retries=1"))
		term.Expect(t, `Password: $`)
		term.Type(t, "guess")
		out(t, term, `su: `)
		if strings.Contains(term.String(), "PINphrase") {
			t.Errorf("a question in spite of the wrong password\n%s", term)
		}
	})
	h.noSecrets(d)
}

// A newcomer is asked for the code word, once; whoever has no second factor and no code word is refused in words.
func TestNewcomers(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	d := h.serve("{first: password, second: [pinphrase]}")
	h.stacks("use_first_pass")
	var added struct {
		Word string `json:"code_word"`
	}
	if err := json.Unmarshal([]byte(d.Latchkey("", "user", "add", "anna", "--json")), &added); err != nil || added.Word == "" {
		t.Fatalf("%+v, %v", added, err)
	}
	d.Latchkey(password+"\n", "user", "password", "anna")

	term := h.su(t, "anna")
	term.Expect(t, `PINphrase: .* of your code word\. $`)
	term.Type(t, "x")
	prompt := term.Expect(t, `PINphrase: .* of your code word\.`)[0] // a wrong answer is no reason to ask for the password again
	term.Type(t, appliance.Of(t, prompt, added.Word))
	in(t, term, "done")

	term = h.su(t, "anna")
	out(t, term, `You are not enrolled yet: please ask your administrator\. Ref\. \w+`)
	h.stacks("use_first_pass nullok")
	in(t, h.su(t, "anna"), "done")
	h.noSecrets(d)
}

// Everybody's socket: a program of the user's own, such as a screen locker, asks for its own account.
func TestUsersOwnPrograms(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	d := h.serve(questions)
	d.Enrol("lutz")
	d.Enrol("anna")
	h.etc("pam.d/locker", "auth required "+h.module("socket="+h.users)+"\n")
	term := appliance.OnTerminal(t, h.as("lutz", "pamtester", "locker", "lutz", "authenticate"))
	term.Type(t, appliance.Right(t, asked(t, term)))
	in(t, term, "successfully authenticated")
	from := h.log.Len()
	out(t, appliance.OnTerminal(t, h.as("lutz", "pamtester", "locker", "anna", "authenticate")), "pamtester: ")
	h.log.Await(t, from, `the caller may not ask for this user`)
	d.want("anna")
	// Root's socket is not for him, and that is not "unreachable".
	h.etc("pam.d/locker", "auth required "+h.module("failmode=safe timeout=1s")+"\nauth required pam_permit.so\n")
	out(t, appliance.OnTerminal(t, h.as("lutz", "pamtester", "locker", "lutz", "authenticate")), "pamtester: ")
}

// The same person by other spellings is nobody for the host, and so nobody at all.
func TestSpellings(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	d := h.serve(questions)
	d.Enrol("anna")
	h.etc("pam.d/su", "auth required "+h.module("nullok min_uid=1000 exclude_groups=exempt")+"\nauth required pam_permit.so\naccount required pam_permit.so\nsession required pam_permit.so\n")
	for _, name := range []string{"ANNA", "anna@corp", `CORP\anna`, "anna ", "ann\xe4", "\banna"} {
		out(t, appliance.OnTerminal(t, h.command("pamtester", "su", name, "authenticate")), "pamtester: ")
	}
	d.want("anna")
	// And who is not enrolled passes by nullok, but not past pam_unix.
	term := appliance.OnTerminal(t, h.command("pamtester", "su", "lutz", "authenticate"))
	in(t, term, "successfully authenticated")
}
