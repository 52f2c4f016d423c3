package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// when is a time as a person reads it: where it stands on the calendar, and how far it is.
func (u *ui) when(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return u.moment(t) + " (" + distance(t.Sub(u.now())) + ")"
}

// moment is the calendar's part alone, for tables.
func (u *ui) moment(t time.Time) string {
	return t.In(u.now().Location()).Format("2006-01-02 15:04 MST")
}

func (u *ui) maybe(t *time.Time) string {
	if t == nil {
		return ""
	}
	return u.when(*t)
}

func distance(d time.Duration) string {
	text, past := "", d < 0
	if past {
		d = -d
	}
	count := func(unit time.Duration, word string) {
		n := int64((d + unit/2) / unit)
		text = fmt.Sprintf("%d %ss", n, word)
		if n == 1 {
			text = "1 " + word
		}
	}
	const day = 24 * time.Hour
	switch {
	case d < time.Second:
		return "now"
	case d < 90*time.Second:
		count(time.Second, "second")
	case d < 90*time.Minute:
		count(time.Minute, "minute")
	case d < 36*time.Hour:
		count(time.Hour, "hour")
	case d < 60*day:
		count(day, "day")
	case d < 2*365*day:
		count(30*day, "month")
	default:
		count(365*day, "year")
	}
	if past {
		return text + " ago"
	}
	return "in " + text
}

// span is a duration as a flag gives it: as Go writes them, or in whole days or weeks.
type span time.Duration

func (s *span) Set(text string) error {
	for suffix, unit := range map[string]time.Duration{"d": 24 * time.Hour, "w": 7 * 24 * time.Hour} {
		if number, ok := strings.CutSuffix(text, suffix); ok {
			n, err := strconv.ParseUint(number, 10, 12)
			if err != nil {
				return fmt.Errorf("%q is no whole number of days or weeks, such as 3d", text)
			}
			*s = span(time.Duration(n) * unit)
			return nil
		}
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return fmt.Errorf("%q is no time with its unit, such as 90m, 24h or 3d", text)
	}
	*s = span(d)
	return nil
}

func (s *span) String() string {
	if *s == 0 {
		return ""
	}
	text := time.Duration(*s).String()
	for _, zero := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(text, zero) {
			text = text[:len(text)-2]
		}
	}
	return text
}

// Type is what the help calls it.
func (s *span) Type() string { return "TIME" }

// parseTime reads a date, which lasts to its end, or a moment; local where it names no zone.
func parseTime(text string, zone *time.Location) (time.Time, error) {
	if t, err := time.ParseInLocation(time.DateOnly, text, zone); err == nil {
		return t.AddDate(0, 0, 1), nil
	}
	for _, layout := range []string{"2006-01-02 15:04", "2006-01-02T15:04"} {
		if t, err := time.ParseInLocation(layout, text, zone); err == nil {
			return t, nil
		}
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}, misuse("%q is no time: 2026-12-31, \"2026-12-31 18:00\" or RFC 3339", text)
	}
	return t, nil
}
