package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/msteinert/pam/v2"

	"github.com/latchkey/latchkey/core/pamcheck/wire"
)

// serviceFolders are where libpam looks for a service, in its order.
var serviceFolders = []string{"/etc/pam.d", "/usr/lib/pam.d"}

// vet looks at the file of a service. libpam takes the service "other" where there is none, which may be anything.
func vet(service, folder string) (version string, err error) {
	folders := serviceFolders
	if folder != "" {
		folders = []string{folder}
	}
	for _, dir := range folders {
		path := filepath.Join(dir, service)
		info, err := os.Stat(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return "", err
		}
		st, ok := info.Sys().(*syscall.Stat_t)
		switch {
		case !ok || !info.Mode().IsRegular():
			return "", fmt.Errorf("%s is no regular file", path)
		case st.Uid != 0 && int(st.Uid) != os.Geteuid() || info.Mode().Perm()&0o022 != 0:
			return "", fmt.Errorf("%s can be written by others than root: chown root and chmod 0644", path)
		}
		return fmt.Sprint(path, st.Dev, st.Ino, st.Size, st.Mtim), nil
	}
	return "", fmt.Errorf("there is no PAM service %s in %s", service, strings.Join(folders, " or "))
}

// conversation answers the stack's prompts: the password, where a text without echo is wanted, and the same one again
// only to the same prompt. Whatever else is asked for, a second factor or a new password, cannot be given.
type conversation struct {
	password string
	prompt   string
	given    bool
	strange  string // the prompt that could not be answered
}

var errPrompt = errors.New("a prompt that cannot be answered")

// RespondPAM implements pam.ConversationHandler. It is called from C, which a panic must not cross.
func (c *conversation) RespondPAM(style pam.Style, message string) (answer string, err error) {
	defer func() {
		if recover() != nil {
			answer, err = "", errPrompt
		}
	}()
	switch style {
	case pam.TextInfo, pam.ErrorMsg:
		return "", nil
	case pam.PromptEchoOff:
		if !c.given || c.prompt == message {
			c.prompt, c.given = message, true
			return c.password, nil
		}
	}
	c.strange = message
	return "", errPrompt
}

// ask runs the stack. FailDelay is not set: the binding would hand libpam a text where it wants a function.
func ask(services string, r wire.Request) (response wire.Response) {
	c := &conversation{password: r.Password}
	start := func() (*pam.Transaction, error) { return pam.Start(r.Service, r.Name, c) }
	if services != "" {
		start = func() (*pam.Transaction, error) { return pam.StartConfDir(r.Service, r.Name, c, services) }
	}
	t, err := start()
	if err != nil {
		return unavailable("pam_start: " + err.Error())
	}
	defer func() {
		if err := t.End(); err != nil {
			response.Detail, response.Retire = "pam_end: "+err.Error(), true
		}
		c.password = ""
	}()
	if err := t.SetItem(pam.Tty, "latchkey"); err != nil {
		return unavailable("pam_set_item: " + err.Error())
	}
	if r.Remote != "" {
		if err := t.SetItem(pam.Rhost, r.Remote); err != nil {
			return unavailable("pam_set_item: " + err.Error())
		}
	}
	began := time.Now()
	err = t.Authenticate(pam.Silent | pam.DisallowNullAuthtok)
	response = judged(err, c)
	response.Took = time.Since(began)
	if response.Outcome != wire.Right {
		return response
	}
	switch name, err := t.GetItem(pam.User); {
	case !c.given:
		response.Outcome, response.Open = wire.Unavailable, true
		response.Detail = "the stack lets the account in without asking for a password"
	case err != nil || !sameAccount(r.Name, name):
		response.Outcome, response.Detail = wire.Unavailable, fmt.Sprintf("the stack has made another account of it: %q", name)
	default:
		response.Outcome, response.Detail = account(t.AcctMgmt(pam.Silent|pam.DisallowNullAuthtok), c)
	}
	return response
}

// judged reads what pam_authenticate gave. What is not known to mean a wrong password is no answer.
func judged(err error, c *conversation) wire.Response {
	if err == nil {
		return wire.Response{Outcome: wire.Right}
	}
	response := wire.Response{Outcome: wire.Unavailable, Detail: "pam_authenticate: " + err.Error()}
	switch {
	case c.strange != "":
		response.Detail += fmt.Sprintf(", at the prompt %q", c.strange)
	case errors.Is(err, pam.ErrAuth), errors.Is(err, pam.ErrPermDenied), errors.Is(err, pam.ErrMaxtries):
		response.Outcome = wire.Wrong
	case errors.Is(err, pam.ErrUserUnknown):
		response.Outcome, response.Unknown = wire.Wrong, true
	case errors.Is(err, pam.ErrAcctExpired), errors.Is(err, pam.ErrCredExpired), errors.Is(err, pam.ErrNewAuthtokReqd):
		// Some stacks say so before they have looked at the password.
		response.Outcome = wire.Wrong
	}
	return response
}

// account reads what pam_acct_mgmt gave, after a right password.
func account(err error, c *conversation) (wire.Outcome, string) {
	if err == nil {
		return wire.Right, ""
	}
	detail := "pam_acct_mgmt: " + err.Error()
	switch {
	case c.strange != "":
		return wire.Unavailable, fmt.Sprintf("%s, at the prompt %q", detail, c.strange)
	case errors.Is(err, pam.ErrNewAuthtokReqd), errors.Is(err, pam.ErrAuthtokExpired):
		return wire.Stale, detail
	case errors.Is(err, pam.ErrAcctExpired), errors.Is(err, pam.ErrPermDenied), errors.Is(err, pam.ErrAuth),
		errors.Is(err, pam.ErrUserUnknown), errors.Is(err, pam.ErrCredExpired), errors.Is(err, pam.ErrMaxtries):
		return wire.Refused, detail
	}
	return wire.Unavailable, detail
}

// sameAccount allows a stack to complete a name ("lutz" to "lutz@corp.example"), as sssd does, and nothing else.
func sameAccount(asked, became string) bool {
	if strings.EqualFold(asked, became) {
		return true
	}
	name, _, completed := strings.Cut(became, "@")
	return completed && strings.EqualFold(asked, name)
}
