package phone

import (
	"context"
	"time"
)

// Message is a question of a PINphrase, for the login whose prompt names its mark.
type Message struct {
	ID      string    `json:"id"`
	Mark    string    `json:"mark"`
	Text    string    `json:"text"`
	Created time.Time `json:"created"`
	Expires time.Time `json:"expires"`
}

// Messages lists the questions that this phone may show now. It needs no PIN: the answer is in nobody's hands but the
// user's head. Nothing of them is stored.
func (p *Phone) Messages(ctx context.Context) ([]Message, error) {
	var reply struct {
		Messages []Message `json:"messages"`
	}
	err := p.call(ctx, "messages", struct{}{}, &reply)
	return reply.Messages, err
}
