package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/latchkey/latchkey/phone"
)

func (s *softphone) messages() *cobra.Command {
	cmd := s.loaded("messages", "Show the questions that wait for an answer at a prompt", 0, func(ctx context.Context, p *phone.Phone, _ []string) error {
		list, err := p.Messages(ctx)
		if err != nil {
			return err
		}
		if s.json {
			if list == nil {
				list = []phone.Message{}
			}
			return s.value(list)
		}
		t := s.table("MARK", "MESSAGE", "SENT")
		for _, one := range list {
			t.add(one.Mark, one.Text, s.moment(one.Created))
		}
		return t.end(nil, "No message.")
	})
	cmd.Long = `Shows the questions of logins whose policy delivers to phones: the one whose
mark the prompt names is answered there. It needs no PIN.`
	return cmd
}
