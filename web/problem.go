package web

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"

	"github.com/latchkey/latchkey/core"
)

// Codes of the door's own, beside those of core: what is refused before core hears of it.
const (
	codeTooLarge      core.DeviceCode = "too-large"
	codeNotFound      core.DeviceCode = "not-found"
	codeWrongMethod   core.DeviceCode = "wrong-method"
	codeWrongHost     core.DeviceCode = "wrong-host"
	codeNoCertificate core.DeviceCode = "no-certificate"
	codeNotForHost    core.DeviceCode = "not-for-host"
	codeCrossSite     core.DeviceCode = "cross-site"
	codeTooManyCalls  core.DeviceCode = "too-many-calls"
)

// answer is how a code is told: its status, and a title for people. The title says no more than
// the code does.
type answer struct {
	status int
	title  string
}

// answers is the one place where codes become statuses. A code that is not here is told as busy.
var answers = map[core.DeviceCode]answer{
	core.CodeBadRequest:          {http.StatusBadRequest, "The request is not one that this appliance takes"},
	codeTooLarge:                 {http.StatusRequestEntityTooLarge, "The request is too large"},
	core.CodeUnknownDevice:       {http.StatusUnauthorized, "This device is not enrolled here"},
	core.CodeBadSignature:        {http.StatusUnauthorized, "The signature is not valid"},
	core.CodeDeviceCloned:        {http.StatusForbidden, "A copy of this device was used; it is locked"},
	core.CodeDeviceLocked:        {http.StatusForbidden, "This device is locked"},
	core.CodeDeviceRevoked:       {http.StatusForbidden, "This device was revoked"},
	core.CodeDeviceInert:         {http.StatusForbidden, "This device waits for its confirmation"},
	core.CodePINLocked:           {http.StatusForbidden, "Too many wrong PINs in a row"},
	core.CodePINErased:           {http.StatusForbidden, "Too many wrong PINs; the device must be enrolled again"},
	core.CodeNoSuchPending:       {http.StatusNotFound, "There is no such login"},
	core.CodePendingEnded:        {http.StatusConflict, "The login has ended"},
	core.CodeWrongSymbol:         {http.StatusConflict, "That was not the symbol"},
	core.CodeStaleNonce:          {http.StatusConflict, "The step was used up or took too long"},
	core.CodeStaleGeneration:     {http.StatusConflict, "There is another approval key"},
	core.CodeInvitationVoid:      {http.StatusGone, "The invitation is not valid, or not any more"},
	core.CodeBadKey:              {http.StatusUnprocessableEntity, "The key is not of the kind or size asked for"},
	core.CodeBadPoint:            {http.StatusUnprocessableEntity, "The blinded value is not an element of the group"},
	core.CodeSubscriptionRefused: {http.StatusUnprocessableEntity, "The push subscription is not taken"},
	core.CodeAppOutdated:         {http.StatusConflict, "This app is too old for the login that waits"},
	core.CodeBusy:                {http.StatusServiceUnavailable, "The appliance is busy; the same call may be sent again"},
	core.CodeSignedOut:           {http.StatusUnauthorized, "There is no session, or not any more"},
	core.CodeDenied:              {http.StatusForbidden, "That was not right"},
	core.CodeNotOffered:          {http.StatusForbidden, "This appliance does not offer this"},
	core.CodeProofNeeded:         {http.StatusForbidden, "This change needs a factor, now"},
	core.CodeFactorTooWeak:       {http.StatusForbidden, "What was shown is weaker than what would be changed"},
	core.CodeAskAdmin:            {http.StatusForbidden, "Only an administrator leads on"},
	core.CodeNoSuchQuestion:      {http.StatusNotFound, "There is no such question"},
	core.CodeNoSuchDevice:        {http.StatusNotFound, "There is no such phone"},
	core.CodeNoSuchLogin:         {http.StatusNotFound, "There is no such login"},
	core.CodeWrongCheckCode:      {http.StatusConflict, "The new phone shows another code"},
	core.CodeTooMany:             {http.StatusConflict, "There are too many phones"},
	core.CodeBeyondHelp:          {http.StatusConflict, "This cannot be done with this phone here"},
	core.CodeTooFewLeft:          {http.StatusConflict, "Too few answers would be left"},
	core.CodeAnswerShort:         {http.StatusUnprocessableEntity, "The answer is too short"},
	core.CodeAnswerRepeats:       {http.StatusUnprocessableEntity, "The answer has too few different letters"},
	core.CodeAnswerCommon:        {http.StatusUnprocessableEntity, "The answer is one that many people give"},
	core.CodeAnswerPersonal:      {http.StatusUnprocessableEntity, "The answer is known to everybody who knows the name"},
	core.CodeAnswerSame:          {http.StatusUnprocessableEntity, "The answer is the one that it was"},
	core.CodeAnswerTwice:         {http.StatusUnprocessableEntity, "The answer is the one to another question too"},
	core.CodeAnswerUnusable:      {http.StatusUnprocessableEntity, "The answer cannot be used"},
	core.CodeUnknownHost:         {http.StatusUnauthorized, "No host has this certificate"},
	core.CodeOldCredential:       {http.StatusUnauthorized, "The host has a newer certificate"},
	core.CodeEndedHost:           {http.StatusUnauthorized, "The certificate has ended"},
	core.CodeHostRevoked:         {http.StatusForbidden, "The host was revoked"},
	core.CodeHostLocked:          {http.StatusForbidden, "The host is locked"},
	core.CodeHostRestored:        {http.StatusForbidden, "The appliance was restored; an administrator confirms the host"},
	core.CodeNoFleet:             {http.StatusNotFound, "This appliance takes no hosts"},
	codeNoCertificate:            {http.StatusUnauthorized, "A host shows its certificate"},
	codeNotForHost:               {http.StatusForbidden, "This host may not ask that"},
	codeNotFound:                 {http.StatusNotFound, "There is nothing here"},
	codeWrongMethod:              {http.StatusMethodNotAllowed, "This is asked in another way"},
	codeWrongHost:                {http.StatusMisdirectedRequest, "This appliance has another name"},
	codeCrossSite:                {http.StatusForbidden, "Other sites may not ask this"},
	codeTooManyCalls:             {http.StatusTooManyRequests, "This device calls too often; the same call may be sent again"},
}

// retryAfter is what busy callers are told to wait, in seconds.
const retryAfter = 2

// problem is a problem document (RFC 9457).
type problem struct {
	Type   string          `json:"type"`
	Title  string          `json:"title"`
	Status int             `json:"status"`
	Code   core.DeviceCode `json:"code"`
	Detail string          `json:"detail,omitempty"`
}

// problemOf maps an error, once for all routes. What is no *core.DeviceError may hold anything: the
// caller hears "busy" and the log the rest.
func problemOf(err error) problem {
	var refused *core.DeviceError
	if !errors.As(err, &refused) {
		refused = &core.DeviceError{Code: core.CodeBusy}
	}
	a, ok := answers[refused.Code]
	if !ok {
		refused = &core.DeviceError{Code: core.CodeBusy}
		a = answers[core.CodeBusy]
	}
	return problem{Type: "urn:latchkey:problem:" + string(refused.Code), Title: a.title, Status: a.status, Code: refused.Code, Detail: refused.Text}
}

func (p problem) write(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	h.Set("Cache-Control", "no-store")
	if p.Code == core.CodeBusy {
		h.Set("Retry-After", strconv.Itoa(retryAfter))
	}
	body, _ := json.Marshal(p) // texts and a number: it cannot fail
	w.WriteHeader(p.Status)
	_, _ = w.Write(append(body, '\n'))
}

func refuse(code core.DeviceCode, text string) error {
	return &core.DeviceError{Code: code, Text: text}
}

// codeOf is the code of a refusal, or "" for an internal error.
func codeOf(err error) core.DeviceCode {
	var refused *core.DeviceError
	if errors.As(err, &refused) {
		return refused.Code
	}
	return ""
}
