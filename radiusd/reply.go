package radiusd

import (
	"fmt"
	"strings"

	"github.com/rivo/uniseg"
	"layeh.com/radius"

	"github.com/latchkey/latchkey/core"
)

// replyPacket is a reply being put together. Most fit into its own room for attributes.
type replyPacket struct {
	packet radius.Packet
	signed bool // the first attribute is a Message-Authenticator
	room   [16]radius.AVP
	used   int
}

// newReply begins a reply to r. Its first attribute is Message-Authenticator: behind
// anything that an attacker may influence it would not keep the attacker from shaping a
// collision (BlastRADIUS).
func newReply(r *request, code radius.Code) *replyPacket {
	b := &replyPacket{packet: radius.Packet{Code: code, Identifier: r.packet.identifier()}}
	b.packet.Attributes = make(radius.Attributes, 0, len(b.room))
	copy(b.packet.Authenticator[:], r.packet.authenticator())
	if r.client.MessageAuthenticator != Omit {
		b.signed = true
		b.add(typeMessageAuthenticator, zeros[:])
	}
	return b
}

func (b *replyPacket) add(kind byte, value []byte) {
	var avp *radius.AVP
	if b.used < len(b.room) {
		avp = &b.room[b.used]
		b.used++
	} else {
		avp = new(radius.AVP)
	}
	avp.Type, avp.Attribute = radius.Type(kind), value
	b.packet.Attributes = append(b.packet.Attributes, avp)
}

// proxyStates echoes the Proxy-States in their order (RFC 2865 section 5.33).
func (b *replyPacket) proxyStates(r *request) {
	r.packet.eachProxyState(func(value []byte) { b.add(typeProxyState, value) })
}

// seal encodes and signs the reply with the secret that r came with.
func (b *replyPacket) seal(r *request) ([]byte, error) {
	raw, err := b.packet.MarshalBinary()
	if err != nil {
		return nil, err
	}
	at := 0
	if b.signed {
		at = headerLength + 2
	}
	r.signer.seal(raw, at)
	return raw, nil
}

// Prompt (RFC 2869 section 5.10) keeps an answer off the screen, or shows it.
var (
	noEcho = []byte{0, 0, 0, 0}
	echo   = []byte{0, 0, 0, 1}
)

// render turns a step into the reply to r.
func render(r *request, step *core.Step) ([]byte, error) {
	var b *replyPacket
	switch step.Kind {
	case core.Accept:
		b = newReply(r, radius.CodeAccessAccept)
		for i := range step.Attributes {
			b.add(step.Attributes[i].Type, step.Attributes[i].Value)
		}
		b.message(step.Text, "")
	case core.Reject:
		b = newReply(r, radius.CodeAccessReject)
		b.message(step.Text, step.Reference)
	case core.Challenge:
		if len(step.Token) == 0 || len(step.Token) > maxValue {
			return nil, fmt.Errorf("radiusd: a token of %d bytes does not fit into State", len(step.Token))
		}
		b = newReply(r, radius.CodeAccessChallenge)
		b.add(typeState, []byte(step.Token))
		// Exactly one, never empty: pam_radius shows the first only, ocserv refuses a
		// challenge without. The space stands between the prompt and what is typed.
		b.add(typeReplyMessage, []byte(cut(strings.TrimRight(step.Prompt, " "), maxValue-1)+" "))
		switch {
		case step.Secret:
			b.add(typePrompt, noEcho)
		case step.Waiting:
			b.add(typePrompt, echo) // whoever only presses Enter is not to look for hidden letters
		}
	default:
		return nil, fmt.Errorf("radiusd: there is no reply for the step %v", step.Kind)
	}
	b.proxyStates(r)
	return b.seal(r)
}

// message adds a Reply-Message where there is something to say. A text too long for one is
// cut before the reference with which it ends.
func (b *replyPacket) message(text, reference string) {
	if text == "" {
		return
	}
	if len(text) > maxValue && reference != "" && len(reference) < maxValue/2 {
		text = cut(strings.TrimSuffix(text, reference), maxValue-len(reference)-1) + " " + reference
	}
	b.add(typeReplyMessage, []byte(cut(text, maxValue)))
}

// cut shortens text to at most most bytes without splitting what a reader sees as one
// character, and makes sure that it is UTF-8 (RFC 2865 section 5.18).
func cut(text string, most int) string {
	text = strings.ToValidUTF8(text, "?")
	if len(text) <= most {
		return text
	}
	end, state, rest := 0, -1, text
	for {
		var cluster string
		cluster, rest, _, state = uniseg.FirstGraphemeClusterInString(rest, state)
		if cluster == "" || end+len(cluster) > most {
			return text[:end]
		}
		end += len(cluster)
	}
}
