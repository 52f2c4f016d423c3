package localapi

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/latchkey/latchkey/core"
)

func TestFirstDayOfAUser(t *testing.T) {
	c, ctx := start(t, realCore(t), nil).client, t.Context()
	added, err := c.AddUser(ctx, core.NewUser{Name: "Lutz", Language: "de", Phone: "+491711234567", Mail: "l@example.org", Groups: []string{"staff"}})
	if err != nil {
		t.Fatal(err)
	}
	if words := strings.Fields(added.Word.Reveal()); added.Name != "lutz" || len(words) != 4 {
		t.Errorf("added %q with %d code words", added.Name, len(words))
	}
	if err := c.SetPassword(ctx, "lutz", say(" password")); err != nil {
		t.Fatal(err)
	}
	answer, err := c.SetAnswer(ctx, "LUTZ", "birthplace", say(""))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Join(answer.Letters, "") != canary || answer.Length != len(canary) {
		t.Errorf("the one who sets it is shown %d letters", answer.Length)
	}
	answers, err := c.Answers(ctx, "lutz")
	if err != nil || len(answers) != 1 || answers[0].Letters != nil || answers[0].Length != 0 {
		t.Errorf("answers: %d, %v: no letters may be listed", len(answers), err)
	}
	user, err := c.User(ctx, "lutz")
	if err != nil || !user.HasPassword || user.Phone != "+491711234567" || user.Enrolled || user.Answers[0].Letters != nil {
		t.Errorf("user: %+v, %v", user, err)
	}
	mail, none := "", []string{}
	if user, err = c.ChangeUser(ctx, "lutz", core.UserChange{Mail: &mail, Groups: &none}); err != nil || user.Mail != "" || len(user.Groups) != 0 || user.Language != "de" {
		t.Errorf("changed: %+v, %v", user, err)
	}
	code, err := c.TemporaryCode(ctx, "lutz", time.Hour, 2)
	if err != nil || code.Code.IsEmpty() || code.Uses != 2 {
		t.Errorf("code: %+v, %v", code, err)
	}
	word, err := c.NewCodeWord(ctx, "lutz")
	if err != nil || word.Code.IsEmpty() || word.Code.Equal(added.Word.Secret) {
		t.Errorf("code word: %+v, %v", word, err)
	}
	end := time.Now().Add(24 * time.Hour)
	for _, step := range []struct {
		do   func() error
		want func(core.UserInfo) bool
	}{
		{func() error { return c.LockUser(ctx, "lutz") }, func(u core.UserInfo) bool { return hasLock(u, "admin") }},
		{func() error { return c.UnlockUser(ctx, "lutz") }, func(u core.UserInfo) bool { return len(u.Locks) == 0 }},
		{func() error { return c.DisableUser(ctx, "lutz") }, func(u core.UserInfo) bool { return !u.Enabled }},
		{func() error { return c.EnableUser(ctx, "lutz") }, func(u core.UserInfo) bool { return u.Enabled }},
		{func() error { return c.ExpireUser(ctx, "lutz", &end) }, func(u core.UserInfo) bool { return u.Expires != nil }},
		{func() error { return c.ExpireUser(ctx, "lutz", nil) }, func(u core.UserInfo) bool { return u.Expires == nil }},
		{func() error { return c.RemoveAnswer(ctx, "lutz", "birthplace") }, func(u core.UserInfo) bool { return len(u.Answers) == 0 }},
	} {
		if err := step.do(); err != nil {
			t.Error(err)
		}
		if user, err := c.User(ctx, "lutz"); err != nil || !step.want(user) {
			t.Errorf("not as wanted: %+v, %v", user, err)
		}
	}
	if err := c.RemoveUser(ctx, "lutz"); err != nil {
		t.Error(err)
	}
	var refused *Error
	if _, err = c.User(ctx, "lutz"); !errors.As(err, &refused) || refused.Status != http.StatusNotFound || refused.Text != "no user lutz" || refused.Hint == "" {
		t.Errorf("removed, and still: %v", err)
	}
}

func hasLock(u core.UserInfo, kind string) bool {
	return slices.ContainsFunc(u.Locks, func(l core.LockInfo) bool { return l.Kind == kind })
}

func TestNamesOfAnyLetters(t *testing.T) {
	c, ctx := start(t, realCore(t), nil).client, t.Context()
	for _, name := range []string{"..", "a/b", "a b", "a?b=c&name=d", "a%2fb", "ß#", "müller", "山田", "'; --"} {
		if _, err := c.AddUser(ctx, core.NewUser{Name: name}); err != nil {
			t.Errorf("%q: %v", name, err)
		}
		if user, err := c.User(ctx, name); err != nil {
			t.Errorf("%q: %+v, %v", name, user, err)
		}
	}
	count := 0
	if err := c.Users(ctx, func(core.UserInfo) bool { count++; return true }); err != nil || count != 9 {
		t.Errorf("listed %d: %v", count, err)
	}
	count = 0
	if err := c.Users(ctx, func(core.UserInfo) bool { count++; return count < 2 }); err != nil || count != 2 {
		t.Errorf("stopped after %d: %v", count, err)
	}
}

func TestStatusAndQuestions(t *testing.T) {
	c, ctx := start(t, realCore(t), nil).client, t.Context()
	status, err := c.Status(ctx)
	if err != nil || status.Version != "1.2.3" || !status.Ready || status.Now.IsZero() || status.Warnings == nil {
		t.Errorf("status: %+v, %v", status, err)
	}
	questions, err := c.Questions(ctx)
	if err != nil || len(questions) != 10 || questions[0].Label["de"] == "" {
		t.Errorf("questions: %d, %v", len(questions), err)
	}
}

func TestAuditShowsFollowsAndVerifies(t *testing.T) {
	d := start(t, realCore(t), nil)
	c, ctx := d.client, t.Context()
	for _, name := range []string{"lutz", "anna"} {
		if _, err := c.AddUser(ctx, core.NewUser{Name: name}); err != nil {
			t.Fatal(err)
		}
	}
	var events []string
	err := c.Audit(ctx, core.AuditFilter{User: "anna"}, false, func(r core.AuditEntry) bool {
		events = append(events, r.Event+" "+r.User+" "+r.Actor)
		return true
	})
	if err != nil || len(events) != 1 || events[0] != "user.add anna root" {
		t.Errorf("audit: %q, %v", events, err)
	}
	verdict, err := c.VerifyAudit(ctx)
	if err != nil || verdict.Broken != 0 || verdict.Records < 2 {
		t.Errorf("verify: %+v, %v", verdict, err)
	}

	follow, cancel := context.WithCancel(ctx)
	seen := make(chan core.AuditEntry)
	ended := make(chan error, 1)
	go func() {
		ended <- c.Audit(follow, core.AuditFilter{Newest: 1}, true, func(r core.AuditEntry) bool { seen <- r; return true })
	}()
	first := <-seen
	if err := c.LockUser(ctx, "lutz"); err != nil {
		t.Fatal(err)
	}
	if next := <-seen; next.Event != "user.lock" || next.Seq != first.Seq+1 {
		t.Errorf("followed %d with %+v", first.Seq, next)
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("the follower went, and: %v", err)
	}

	go func() { // the daemon ends while somebody follows
		ended <- c.Audit(ctx, core.AuditFilter{Newest: 1}, true, func(r core.AuditEntry) bool { seen <- r; return true })
	}()
	<-seen
	d.stop()
	if err := <-ended; err != nil {
		t.Errorf("the daemon ended cleanly, and: %v", err)
	}
}
