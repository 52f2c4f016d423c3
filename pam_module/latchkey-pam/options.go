package main

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/latchkey/latchkey/hostapi/member"
)

// options are the module's, from its line in the PAM stack and from the file of conf=; the line has the last word.
type options struct {
	conf         string
	socket       string // empty: the default for who asks
	daemonUser   string // who may serve the socket, beside root
	url, ca, pin string
	credential   string

	safe            bool // failmode=safe
	timeout, total  time.Duration
	retries         int
	nullok          bool
	groups, exclude []string
	minUID          uint32
	useFirst, try   bool
	forwards        bool
	ruser           bool // user_from=ruser
	language        string
	charset         string
	quiet, debug    bool
	label           string
	helper          string // the module's own
	seen            map[string]bool
	places          []string // of mistakes
}

// Bounds of waits. sshd does not notice a client that leaves while nothing is asked, and a login without end is in
// nobody's interest.
const (
	mostTimeout = 25 * time.Second
	mostTotal   = 59 * time.Second
)

func defaults() *options {
	return &options{daemonUser: "latchkey", timeout: 20 * time.Second, total: 55 * time.Second, retries: 3, seen: map[string]bool{}}
}

// readOptions reads arguments, and the file that they name. All mistakes are told at once: an option that was meant to
// be strict and is not understood must not be passed over.
func readOptions(arguments []string) (*options, error) {
	o := defaults()
	var problems []error
	for _, a := range arguments {
		if path, ok := strings.CutPrefix(a, "conf="); ok {
			o.conf = path
		}
	}
	if o.conf != "" {
		text, err := readSafely(o.conf)
		if err != nil {
			return nil, fmt.Errorf("conf=: %w", err)
		}
		for i, line := range strings.Split(string(text), "\n") {
			if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
				continue
			}
			if strings.HasPrefix(line, "conf=") || strings.HasPrefix(line, "helper=") {
				problems = append(problems, fmt.Errorf("%s:%d: this one stands behind the module itself", o.conf, i+1))
			} else if err := o.set(line); err != nil {
				problems = append(problems, fmt.Errorf("%s:%d: %w", o.conf, i+1, err))
			}
		}
	}
	o.seen = map[string]bool{} // the line may say otherwise
	for _, a := range arguments {
		if err := o.set(a); err != nil {
			problems = append(problems, err)
		}
	}
	problems = append(problems, o.together()...)
	if len(problems) > 0 {
		return nil, errors.Join(problems...)
	}
	return o, nil
}

// set takes one option. What follows a name must fit it; what is given twice is a mistake.
func (o *options) set(text string) error {
	name, value, given := strings.Cut(text, "=")
	if o.seen[name] {
		return fmt.Errorf("%s: stands there twice", name)
	}
	o.seen[name] = true
	if flag := o.flag(name); flag != nil {
		if given {
			return fmt.Errorf("%s: takes no value", name)
		}
		*flag = true
		return nil
	}
	if given && value == "" {
		return fmt.Errorf("%s: has no value", name)
	}
	var err error
	switch name {
	case "conf":
		return nil
	case "helper":
		o.helper = value
	case "socket":
		o.socket, err = absolute(value)
	case "daemon_user":
		o.daemonUser = value
	case "url":
		o.url = value
		_, err = member.ParseURLs(value)
	case "ca":
		o.ca, err = absolute(value)
	case "pin":
		o.pin = value
		_, err = member.ParsePin(value)
	case "credential":
		o.credential, err = absolute(value)
	case "failmode":
		o.safe, err = value == "safe", oneOf(value == "safe" || value == "secure", "secure or safe")
	case "timeout":
		o.timeout, err = seconds(value, mostTimeout)
	case "total_timeout":
		o.total, err = seconds(value, mostTotal)
	case "retries":
		o.retries, err = strconv.Atoi(value)
		err = oneOf(err == nil && o.retries >= 1 && o.retries <= 10, "a number from 1 to 10")
	case "groups":
		o.groups, err = list(value)
	case "exclude_groups":
		o.exclude, err = list(value)
	case "min_uid":
		var n uint64
		n, err = strconv.ParseUint(value, 10, 32)
		o.minUID, err = uint32(n), oneOf(err == nil, "a number")
	case "user_from":
		o.ruser, err = value == "ruser", oneOf(value == "user" || value == "ruser", "user or ruser")
	case "lang":
		o.language, err = value, oneOf(len(value) >= 2 && len(value) <= 16 && strings.Trim(value, letters+"-") == "", "a language such as de")
	case "charset":
		o.charset, err = value, oneOf(value == "utf8" || value == "ascii", "utf8 or ascii")
	case "client_id":
		o.label, err = value, oneOf(len(value) <= 64 && printable(value), "at most 64 characters")
	default:
		return fmt.Errorf("%s: is no option", name)
	}
	if !given {
		return fmt.Errorf("%s: has no value", name)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

func (o *options) flag(name string) *bool {
	switch name {
	case "nullok":
		return &o.nullok
	case "use_first_pass":
		return &o.useFirst
	case "try_first_pass":
		return &o.try
	case "forward_pass":
		return &o.forwards
	case "quiet":
		return &o.quiet
	case "debug":
		return &o.debug
	}
	return nil
}

// together looks for what does not fit together.
func (o *options) together() (problems []error) {
	if o.socket != "" && o.url != "" {
		problems = append(problems, errors.New("socket and url: one of them"))
	}
	if o.url == "" && (o.ca != "" || o.pin != "" || o.credential != "") {
		problems = append(problems, errors.New("ca, pin and credential: belong to url"))
	}
	if o.useFirst && o.try {
		problems = append(problems, errors.New("use_first_pass and try_first_pass: one of them"))
	}
	if o.total < o.timeout {
		problems = append(problems, errors.New("total_timeout: is below timeout"))
	}
	return problems
}

const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

func oneOf(ok bool, what string) error {
	if ok {
		return nil
	}
	return fmt.Errorf("must be %s", what)
}

func absolute(path string) (string, error) {
	return path, oneOf(strings.HasPrefix(path, "/"), "an absolute path")
}

// seconds reads 20 or 20s.
func seconds(text string, most time.Duration) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if n, plain := strconv.Atoi(text); plain == nil {
		d, err = time.Duration(n)*time.Second, nil
	}
	return d, oneOf(err == nil && d >= time.Second && d <= most, fmt.Sprintf("from 1s to %s", most))
}

func list(text string) ([]string, error) {
	names := strings.Split(text, ",")
	return names, oneOf(!slices.Contains(names, ""), "names with commas between them")
}

func printable(text string) bool {
	for _, r := range text {
		if r < ' ' || r == 0x7f {
			return false
		}
	}
	return true
}
