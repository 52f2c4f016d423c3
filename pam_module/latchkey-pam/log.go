package main

import (
	"fmt"
	"log/syslog"
	"strings"
)

// logger writes to the host's syslog, as LOG_AUTHPRIV, with what the login is about. Where there is no syslog, nobody
// hears it: that is no reason to deny.
type logger struct {
	out       *syslog.Writer
	prefix    string
	user      string
	label     string
	request   string
	debugging bool
}

func openLog() *logger {
	out, err := syslog.New(syslog.LOG_AUTHPRIV|syslog.LOG_NOTICE, "latchkey-pam")
	if err != nil {
		out = nil
	}
	return &logger{out: out}
}

func (l *logger) about(c *call) {
	l.user = c.user
	l.prefix = fmt.Sprintf("service=%q rhost=%q tty=%q real_uid=%d", c.service, c.rhost, c.tty, c.realUID)
}

func (l *logger) line(format string, values []any) string {
	var b strings.Builder
	b.WriteString(strings.ReplaceAll(fmt.Sprintf(format, values...), "\n", "; "))
	fmt.Fprintf(&b, " user=%q %s", l.user, l.prefix)
	if l.request != "" {
		b.WriteString(" request=" + l.request)
	}
	if l.label != "" {
		fmt.Fprintf(&b, " client_id=%q", l.label)
	}
	return b.String()
}

func (l *logger) write(to func(string) error, format string, values []any) {
	if l.out != nil {
		_ = to(l.line(format, values))
	}
}

func (l *logger) critf(format string, values ...any)   { l.write(l.out.Crit, format, values) }
func (l *logger) alertf(format string, values ...any)  { l.write(l.out.Alert, format, values) }
func (l *logger) noticef(format string, values ...any) { l.write(l.out.Notice, format, values) }

func (l *logger) debugf(format string, values ...any) {
	if l.debugging {
		l.write(l.out.Debug, format, values)
	}
}
