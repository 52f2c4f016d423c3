package main

import (
	"context"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/latchkey/latchkey/localapi"
)

func (a *app) carrierCommand() *cobra.Command {
	return newGroup("carrier", "The ways out for messages: test, list", a.carrierTest(), a.carrierList())
}

func (a *app) carrierTest() *cobra.Command {
	cmd := &cobra.Command{Use: "test NAME ADDRESS", Short: "Send one harmless message by a carrier", Args: takes(2)}
	cmd.Long = `Sends one harmless message by the carrier NAME to ADDRESS, a telephone number
with its country or a mail address, and says what the other side answered. It
is recorded in the audit log. Exit 0: the message was taken over.`
	cmd.Example = `  latchkey carrier test sms +491711234567
  latchkey carrier test mail lutz@example.org`
	cmd.RunE = a.with(func(ctx context.Context, c *localapi.Client, args []string) error {
		result, err := c.TestCarrier(ctx, args[0], args[1])
		if err != nil {
			return err
		}
		if a.json {
			err = a.value(result)
		} else {
			err = a.carrierTested(result, args[1])
		}
		if err == nil && !result.Taken {
			return refusal{fmt.Sprintf("%s did not take the message over: %s", result.Name, result.Error), faultHints[result.Fault]}
		}
		return err
	})
	return cmd
}

// faultHints say what the appliance does about a fault.
var faultHints = map[string]string{
	"down":    "a message would be tried again later, or go by the next carrier",
	"busy":    "it asks to wait: a message would be tried again later, or go by the next carrier",
	"refused": "another message or address may do; this one would go by the next carrier",
	"unknown": "it may have been taken over all the same; a message would not be sent twice",
}

func (a *app) carrierTested(r localapi.CarrierTest, address string) error {
	if r.Taken {
		if err := a.done("%s has taken the message to %s over (%d ms).", clean(r.Name), clean(address), r.TookMS); err != nil {
			return err
		}
	}
	if r.Answer != "" {
		a.remark("The other side said: %s", clean(r.Answer))
	}
	return nil
}

func (a *app) carrierList() *cobra.Command {
	cmd := &cobra.Command{Use: "list", Short: "List the carriers and how they are", Args: takes(0)}
	cmd.RunE = a.with(func(ctx context.Context, c *localapi.Client, _ []string) error {
		status, err := c.Status(ctx)
		if err != nil {
			return err
		}
		if a.json {
			if status.Carriers == nil {
				status.Carriers = []localapi.CarrierStatus{}
			}
			return a.value(status.Carriers)
		}
		t := a.table("CARRIER", "KIND", "UP", "STATE", "SENT", "FAILED", "LAST ERROR", "AT")
		for _, k := range status.Carriers {
			at := ""
			if k.LastErrorAt != nil {
				at = a.moment(*k.LastErrorAt)
			}
			t.add(k.Name, k.Kind, word(k.Up, "yes", "no"), k.State, strconv.FormatUint(k.Sent, 10), strconv.FormatUint(k.Failed, 10), k.LastError, at)
		}
		return t.end(nil, "No carriers: section carriers of latchkey.yaml")
	})
	cmd.Long = `Lists the carriers of the configuration. SENT and FAILED count since latchkeyd
was started: messages that were taken over, and tries that failed. UP and STATE
tell of a standing connection; a carrier without one is up until it is tried.`
	return cmd
}
