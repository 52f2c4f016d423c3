package localapi

import (
	"time"

	"github.com/latchkey/latchkey/core"
	"github.com/latchkey/latchkey/core/secret"
)

// Disclosed is a secret that is meant to cross the socket.
type Disclosed = secret.Disclosed

// The bodies of requests. Every field is known: others are refused.
type (
	nameRequest struct {
		Name string `json:"name"`
	}
	addRequest struct {
		Name     string   `json:"name"`
		Language string   `json:"language,omitempty"`
		Phone    string   `json:"phone,omitempty"`
		Mail     string   `json:"mail,omitempty"`
		Groups   []string `json:"groups,omitempty"`
	}
	changeRequest struct {
		Name     string    `json:"name"`
		Language *string   `json:"language,omitempty"`
		Phone    *string   `json:"phone,omitempty"`
		Mail     *string   `json:"mail,omitempty"`
		Groups   *[]string `json:"groups,omitempty"`
		Deliver  *string   `json:"deliver,omitempty"` // the carrier that the user prefers
	}
	expireRequest struct {
		Name string     `json:"name"`
		At   *time.Time `json:"at"` // null: never
	}
	passwordRequest struct {
		Name     string    `json:"name"`
		Password Disclosed `json:"password"`
	}
	codeRequest struct {
		Name    string `json:"name"`
		Seconds int64  `json:"seconds"`
		Uses    int    `json:"uses"`
	}
	resetRequest struct {
		Name string `json:"name"`
		Mail bool   `json:"mail,omitempty"` // half of the code word goes by mail
	}
	callerRequest struct {
		Name string    `json:"name"`
		ID   string    `json:"id"`
		Text Disclosed `json:"text"` // what the caller says
	}
	answerRequest struct {
		Name     string    `json:"name"`
		Question string    `json:"question"`
		Answer   Disclosed `json:"answer"`
	}
	questionRequest struct {
		Name     string `json:"name"`
		Question string `json:"question"`
	}
	confirmRequest struct {
		Name string `json:"name"`
		Code string `json:"code"`
	}
	hostInviteRequest struct {
		Name    string `json:"name"`
		Seconds int64  `json:"seconds"` // 0: as long as usual
	}
	deviceRequest struct {
		Name   string `json:"name"`
		Device string `json:"device"` // its id or its name
	}
	// importLine is one line of an import: a row, a row that the sender could not read, or the
	// end. A body without an end was cut off, and nothing of it is taken.
	importLine struct {
		Line     int                  `json:"line,omitempty"`
		Name     string               `json:"name,omitempty"`
		Language string               `json:"language,omitempty"`
		Phone    string               `json:"phone,omitempty"`
		Mail     string               `json:"mail,omitempty"`
		Groups   []string             `json:"groups,omitempty"`
		Password Disclosed            `json:"password,omitzero"`
		Answers  map[string]Disclosed `json:"answers,omitempty"`
		Error    string               `json:"error,omitempty"`
		Hint     string               `json:"hint,omitempty"`
		End      bool                 `json:"end,omitempty"`
		Abort    bool                 `json:"abort,omitempty"` // with End: take nothing
	}
)

// NewUser is the reply to adding a user.
type NewUser struct {
	core.UserInfo
	Word Disclosed `json:"code_word"`
}

// Code is a secret that is said once: a code word or a temporary code.
type Code struct {
	Name  string    `json:"name"`
	Code  Disclosed `json:"code"`
	Until time.Time `json:"until"`
	Uses  int       `json:"uses,omitempty"`
}

// Resent is which messages were sent again.
type Resent struct {
	Name     string      `json:"name"`
	Messages []core.Sent `json:"messages"`
}

// Invitation is an invitation for a phone, which is said once.
type Invitation struct {
	Name    string    `json:"name"`
	URL     Disclosed `json:"url"`
	Expires time.Time `json:"expires"`
	Trusted bool      `json:"trusted"`
}

// Handover is a code word on its way to its user, with what a letter needs.
type Handover struct {
	Name     string     `json:"name"`
	Language string     `json:"language"`
	Until    time.Time  `json:"until"`
	URL      string     `json:"url,omitempty"`        // of self-service
	Word     Disclosed  `json:"code_word,omitzero"`   // all of it
	Rest     Disclosed  `json:"second_half,omitzero"` // where the first was mailed
	MailedTo string     `json:"mailed_to,omitempty"`  // masked
	Head     LetterHead `json:"head,omitzero"`
}

// LetterHead is how the company's letters look.
type LetterHead struct {
	Name   string `json:"name,omitempty"`
	Colour string `json:"colour,omitempty"` // #RRGGBB
	Logo   string `json:"logo,omitempty"`   // a data: URL
}

// CallerVerdict is the reply to what a caller said.
type CallerVerdict struct {
	Name  string `json:"name"`
	Right bool   `json:"right"`
}

// CodeWord is the code word that an import has made for a new user.
type CodeWord struct {
	Name     string    `json:"name"`
	Word     Disclosed `json:"code_word"`
	Language string    `json:"language"`
	Until    time.Time `json:"until"`
	URL      string    `json:"url,omitempty"` // of self-service
}

// ImportResult is the outcome of an import.
type ImportResult struct {
	Taken     int             `json:"taken"`
	Bad       []core.RowError `json:"bad"`            // at most the first 1,000, by line
	Weak      []core.RowError `json:"weak,omitempty"` // taken, but an answer is one to warn of; at most the first 1,000
	CodeWords int             `json:"code_words"`
}

// Status is what the daemon says of itself.
type Status struct {
	Version  string            `json:"version"`
	Since    time.Time         `json:"since"`
	Now      time.Time         `json:"now"`
	Ready    bool              `json:"ready"`
	Config   string            `json:"config,omitempty"`
	StateDir string            `json:"state_dir,omitempty"`
	Listen   []string          `json:"listen,omitempty"` // "udp 0.0.0.0:1812"
	Store    map[string]any    `json:"store,omitempty"`
	RADIUS   map[string]uint64 `json:"radius,omitempty"`
	Carriers []CarrierStatus   `json:"carriers,omitempty"`
	Restored bool              `json:"restored"`
	Warnings []string          `json:"warnings"`
}

// event is one line of a streamed reply. Exactly one field is set.
type event struct {
	User     *core.UserInfo       `json:"user,omitempty"`
	Record   *core.AuditEntry     `json:"record,omitempty"`
	Progress *core.ImportProgress `json:"progress,omitempty"`
	Word     *CodeWord            `json:"word,omitempty"`
	Result   *ImportResult        `json:"result,omitempty"`
	Problem  *Problem             `json:"problem,omitempty"`
	End      bool                 `json:"end,omitempty"` // without it the stream was cut off
}
