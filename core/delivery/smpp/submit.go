package smpp

import (
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/linxGnu/gosmpp/data"
	"github.com/linxGnu/gosmpp/pdu"

	"github.com/latchkey/latchkey/core"
	"github.com/latchkey/latchkey/core/delivery"
)

// address is a source or destination (SMPP 3.4 sections 5.2.5 to 5.2.9).
type address struct {
	ton, npi byte
	text     string
}

// Types of number and numbering plans.
const (
	tonUnknown, tonInternational, tonShort, tonName = 0, 1, 3, 5
	npiUnknown, npiISDN                             = 0, 1
)

func sourceOf(cfg Config) (address, error) {
	a := address{text: cfg.Source}
	switch delivery.Sender(cfg.Source) {
	case "international":
		a.ton, a.npi = tonInternational, npiISDN
		if !cfg.Plus {
			a.text = cfg.Source[1:]
		}
	case "short":
		a.ton, a.npi = tonShort, npiUnknown
		if len(cfg.Source) > 8 {
			a.ton, a.npi = tonUnknown, npiISDN
		}
	case "name":
		a.ton, a.npi = tonName, npiUnknown
	default:
		return a, errors.New("source: is neither a number nor a name of up to eleven characters")
	}
	if cfg.SourceTON >= 0 {
		a.ton = byte(cfg.SourceTON)
	}
	if cfg.SourceNPI >= 0 {
		a.npi = byte(cfg.SourceNPI)
	}
	return a, nil
}

// part is what one short message carries.
type part struct {
	to      string
	header  []byte // of a text in several parts: the user data header (3GPP TS 23.040 section 9.2.3.24.1)
	octets  []byte
	ucs2    bool
	message *tracked
}

// parts cuts a message. What does not fit is this message's own fault.
func (c *Centre) parts(m core.Message) ([]part, *core.CarrierError) {
	form := delivery.NumberDigits
	if c.config.Plus {
		form = delivery.NumberPlus
	}
	to, ok := delivery.Number(m.To.Reveal(), form)
	if !ok {
		return nil, delivery.Fault(core.CarrierRefused, "the number is not in the form +491711234567")
	}
	if !m.Until.IsZero() && !c.config.Now().Before(m.Until) {
		return nil, delivery.Fault(core.CarrierRefused, "the message is past its time")
	}
	text := delivery.Plain(m.Text.Reveal())
	ucs2 := c.config.UCS2Only || !delivery.IsGSM7(text)
	cut := delivery.GSM7
	if ucs2 {
		cut = delivery.UCS2
	}
	octets := cut(text)
	if len(octets) > c.config.MaxParts || len(octets) > 255 {
		return nil, delivery.Fault(core.CarrierRefused, "the text needs %d short messages, and %d are permitted (max_parts)", len(octets), c.config.MaxParts)
	}
	var reference [1]byte
	_, _ = rand.Read(reference[:])
	message := &tracked{message: m.ID, to: delivery.Masked(m.To.Reveal()), report: m.Report, left: len(octets)}
	var list []part
	for i, o := range octets {
		p := part{to: to, octets: o, ucs2: ucs2, message: message}
		if len(octets) > 1 {
			p.header = []byte{5, 0, 3, reference[0], byte(len(octets)), byte(i + 1)}
		}
		list = append(list, p)
	}
	return list, nil
}

// pdu makes the submit_sm (SMPP 3.4 section 4.4.1). bare: without a validity period.
func (c *Centre) pdu(m core.Message, p part, bare bool) *pdu.SubmitSM {
	s := pdu.NewSubmitSM().(*pdu.SubmitSM)
	s.SourceAddr = addressed(c.source)
	s.DestAddr = addressed(address{byte(c.config.DestTON), byte(c.config.DestNPI), p.to})
	if c.config.Receipts {
		s.RegisteredDelivery = 1
	}
	if !m.Until.IsZero() && !bare {
		s.ValidityPeriod = validity(m.Until.Sub(c.config.Now()))
	}
	encoding := data.GSM7BIT
	if p.ucs2 {
		encoding = data.UCS2
	}
	octets := p.octets
	if p.header != nil {
		s.EsmClass = data.SM_UDH_GSM
		octets = append(append([]byte{}, p.header...), octets...)
	}
	// At most 140 octets, or 160 codes of one octet each: both within what a PDU may carry.
	_ = s.Message.SetMessageDataWithEncoding(octets, encoding)
	return s
}

func addressed(a address) pdu.Address {
	// Neither is longer than the twenty characters that SMPP has room for.
	out, _ := pdu.NewAddressWithTonNpiAddr(a.ton, a.npi, a.text)
	return out
}

// validity is a relative time (SMPP 3.4 section 7.1.1.2) in whole minutes: centres know no finer ones.
func validity(d time.Duration) string {
	minutes := int((max(d, time.Minute) + time.Minute - 1) / time.Minute)
	minutes = min(minutes, 30*24*60)
	return fmt.Sprintf("0000%02d%02d%02d00000R", minutes/(24*60), minutes/60%24, minutes%60)
}
