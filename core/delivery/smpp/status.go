package smpp

import (
	"fmt"
	"strings"

	"github.com/linxGnu/gosmpp/data"

	"github.com/latchkey/latchkey/core"
	"github.com/latchkey/latchkey/core/delivery"
)

const statusInvalidExpiry = data.ESME_RINVEXPIRY

// statusWords is a status as its documentation calls it: "0x58 ESME_RTHROTTLED".
func statusWords(status data.CommandStatusType) string {
	words := fmt.Sprintf("%#x", uint32(status))
	if name := status.String(); strings.HasPrefix(name, "ESME_") {
		words += " " + name
	}
	return words
}

// judge says what a response to a submit means; nil: the centre has taken the message over.
func judge(status data.CommandStatusType) *core.CarrierError {
	words := "SMPP status " + statusWords(status)
	switch status {
	case data.ESME_ROK:
		return nil
	case data.ESME_RTHROTTLED, data.ESME_RMSGQFUL:
		return delivery.Busy(0, "%s", words)
	case data.ESME_RSYSERR, data.ESME_RSUBMITFAIL, data.ESME_RX_T_APPN, data.ESME_RINVBNDSTS, data.ESME_RUNKNOWNERR:
		return delivery.Fault(core.CarrierDown, "%s", words)
	case data.ESME_RINVSRCADR, data.ESME_RINVSRCTON, data.ESME_RINVSRCNPI:
		return delivery.Fault(core.CarrierDown, "%s: is source right?", words)
	case data.ESME_RINVSYSTYP, data.ESME_RINVSERTYP, data.ESME_RPROVNOTALLWD, data.ESME_RINVCMDID, data.ESME_RINVPASWD, data.ESME_RINVSYSID:
		return delivery.Fault(core.CarrierDown, "%s: does the centre let this account send?", words)
	}
	if status >= 0x400 {
		// Vendors' own (SMPP 3.4 section 5.1.3): nobody knows whether another try may help.
		return delivery.Fault(core.CarrierDown, "%s, a code of this vendor's", words)
	}
	return delivery.Fault(core.CarrierRefused, "%s", words)
}
