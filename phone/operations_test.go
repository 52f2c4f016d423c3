package phone

import (
	"crypto/rand"
	"time"

	"github.com/latchkey/latchkey/core/mobile"
)

// carryOut is what the test's appliance does at each call; its lock is held.
func (a *appliance) carryOut(d *device, op string, body []byte) map[string]any {
	switch op {
	case "hello":
		decode(body, &struct{}{})
		reply := map[string]any{"state": d.state, "user": "lutz", "appliance": "test", "pin_digits": a.digits, "generation": d.newest()}
		if d.state == "inert" {
			reply["check_code"] = d.checkCode
		}
		return reply
	case "pin/evaluate":
		return a.evaluate(d, body)
	case "key":
		return a.takeKey(d, body)
	case "pendings":
		decode(body, &struct{}{})
		return map[string]any{"pendings": a.shown()}
	case "open":
		return a.open(d, body)
	case "approve":
		return a.approve(d, body)
	case "deny":
		var in struct {
			Pending mobile.PendingID `json:"pending"`
			Reason  string           `json:"reason"`
		}
		decode(body, &in)
		for _, w := range a.pendings {
			if w.ID == in.Pending && w.result == "" {
				w.result = "denied: " + in.Reason
				return map[string]any{}
			}
		}
		refuse(NoSuchPending)
	case "renew/begin":
		return a.renewBegin(d, body)
	case "renew":
		return a.renew(d, body)
	case "rename":
		var in struct {
			Name string `json:"name"`
		}
		decode(body, &in)
		d.name = in.Name
		return map[string]any{}
	case "remove":
		d.state = "revoked"
		return map[string]any{}
	case "history":
		return map[string]any{"history": []map[string]any{{"service": "vpn", "host": "gateway", "source": "192.0.2.7", "time": time.Unix(1_800_000_000, 0).UTC(), "result": "approved"}}}
	}
	refuse(BadRequest)
	return nil
}

func (a *appliance) evaluate(d *device, body []byte) map[string]any {
	var in struct {
		Blinded    mobile.Bytes `json:"blinded"`
		Purpose    string       `json:"purpose"`
		Generation uint64       `json:"generation"`
	}
	decode(body, &in)
	share := d.share
	switch in.Purpose {
	case "setup":
		if len(d.keys) > 0 {
			refuse(BadRequest)
		}
	case "unlock":
		key, ok := d.keys[in.Generation]
		if !ok {
			refuse(StaleGeneration)
		}
		share = key.share
	case "next":
		if d.renewal == nil || !d.renewal.newPIN || d.renewal.next != (mobile.EvaluationID{}) {
			refuse(BadRequest)
		}
		share = d.nextShare
	default:
		refuse(BadRequest)
	}
	var id mobile.EvaluationID
	var nonce mobile.Nonce
	_, _ = rand.Read(id[:])
	_, _ = rand.Read(nonce[:])
	budget, verdict := d.budget.Count(mobile.Limits{}, id)
	switch verdict {
	case mobile.Locked:
		refuse(PINLocked)
	case mobile.Erased:
		refuse(PINErased)
	}
	d.budget = budget
	evaluated, err := mobile.Evaluate(share, in.Blinded)
	check(err, BadPoint)
	if in.Purpose == "next" {
		d.renewal.next = id
	}
	d.evaluations[id] = evaluation{in.Purpose, in.Generation, nonce}
	return map[string]any{"evaluated": mobile.Bytes(evaluated), "evaluation": id, "nonce": nonce, "tries_left": 5 - budget.Row}
}

// spend takes an evaluation that a signature answers, and gives its try back.
func (d *device) spend(id mobile.EvaluationID, purpose string, verify func(e evaluation) error) evaluation {
	e, ok := d.evaluations[id]
	if !ok || e.purpose != purpose {
		refuse(StaleNonce)
	}
	check(verify(e), BadSignature)
	delete(d.evaluations, id)
	d.budget, _ = d.budget.Refund(id)
	// The first signature of a newer key ends the older ones.
	for generation := range d.keys {
		if generation < e.generation {
			delete(d.keys, generation)
		}
	}
	return e
}

func (a *appliance) takeKey(d *device, body []byte) map[string]any {
	var in struct {
		Evaluation  mobile.EvaluationID `json:"evaluation"`
		ApprovalKey mobile.Bytes        `json:"approval_key"`
		Signature   mobile.Bytes        `json:"signature"`
	}
	decode(body, &in)
	key, err := mobile.ParseApprovalKey(in.ApprovalKey)
	check(err, BadKey)
	e := d.spend(in.Evaluation, "setup", func(e evaluation) error {
		return key.Verify(mobile.Key(d.id, in.Evaluation, e.nonce, in.ApprovalKey), in.Signature)
	})
	d.keys[1] = approval{key, d.share}
	d.checkCode = mobile.CheckCode(d.id, e.nonce, d.key.SPKI(), in.ApprovalKey)
	if a.trusted {
		d.state = "active"
	}
	return map[string]any{"state": d.state, "check_code": d.checkCode}
}

func (a *appliance) waits() []*waiting {
	var list []*waiting
	for _, w := range a.pendings {
		if w.result == "" {
			list = append(list, w)
		}
	}
	return list
}

func (a *appliance) shown() []Pending {
	list := []Pending{}
	for _, w := range a.waits() {
		list = append(list, w.Pending)
	}
	return list
}

func (a *appliance) open(d *device, body []byte) map[string]any {
	var in struct {
		Evaluation mobile.EvaluationID `json:"evaluation"`
		Signature  mobile.Bytes        `json:"signature"`
	}
	decode(body, &in)
	d.spend(in.Evaluation, "unlock", func(e evaluation) error {
		return d.keys[e.generation].key.Verify(mobile.Open(d.id, in.Evaluation, e.nonce), in.Signature)
	})
	if len(a.waits()) == 0 {
		refuse(NoSuchPending)
	}
	var must []mobile.Symbol
	var shown []mobile.Shown
	for _, w := range a.waits() {
		must = append(must, w.symbol)
		shown = append(shown, mobile.Shown{ID: w.ID, Service: w.Service, Host: w.Host, Source: w.Source, Created: w.Created})
	}
	symbols, err := mobile.Grid(must, mobile.GridSize)
	if err != nil {
		a.t.Error(err)
	}
	g := &grid{displayed: mobile.Displayed(shown)}
	_, _ = rand.Read(g.nonce[:])
	d.grid = g
	return map[string]any{"pendings": a.shown(), "symbols": symbols, "nonce": g.nonce, "displayed": mobile.Bytes(g.displayed[:])}
}

func (a *appliance) approve(d *device, body []byte) map[string]any {
	var in struct {
		Nonce     mobile.Nonce  `json:"nonce"`
		Symbol    mobile.Symbol `json:"symbol"`
		Signature mobile.Bytes  `json:"signature"`
	}
	decode(body, &in)
	g := d.grid
	if g == nil || g.nonce != in.Nonce {
		refuse(StaleNonce)
	}
	check(d.keys[d.newest()].key.Verify(mobile.Approve(d.id, g.nonce, in.Symbol, g.displayed), in.Signature), BadSignature)
	d.grid = nil
	var chosen *waiting
	for _, w := range a.waits() {
		w.result = "ended"
		if w.symbol == in.Symbol {
			chosen = w
		}
	}
	if chosen == nil {
		refuse(WrongSymbol)
	}
	chosen.result = "approved"
	return map[string]any{"result": "approved", "pending": chosen.ID}
}

func (a *appliance) renewBegin(d *device, body []byte) map[string]any {
	var in struct {
		Evaluation mobile.EvaluationID `json:"evaluation"`
		Signature  mobile.Bytes        `json:"signature"`
		NewPIN     bool                `json:"new_pin"`
	}
	decode(body, &in)
	e := d.spend(in.Evaluation, "unlock", func(e evaluation) error {
		return d.keys[e.generation].key.Verify(mobile.RenewBegin(d.id, in.Evaluation, e.nonce), in.Signature)
	})
	d.renewal = &renewal{generation: e.generation, newPIN: in.NewPIN}
	_, _ = rand.Read(d.renewal.nonce[:])
	if in.NewPIN {
		d.nextShare = a.newShare()
	}
	return map[string]any{"nonce": d.renewal.nonce, "generation": e.generation}
}

func (a *appliance) renew(d *device, body []byte) map[string]any {
	var in struct {
		Generation   uint64       `json:"generation"`
		Nonce        mobile.Nonce `json:"nonce"`
		ApprovalKey  mobile.Bytes `json:"approval_key"`
		SignatureOld mobile.Bytes `json:"signature_old"`
		SignatureNew mobile.Bytes `json:"signature_new"`
	}
	decode(body, &in)
	r := d.renewal
	if r == nil || r.nonce != in.Nonce {
		refuse(StaleNonce)
	}
	if r.generation != in.Generation || d.newest() != in.Generation {
		refuse(StaleGeneration)
	}
	key, err := mobile.ParseApprovalKey(in.ApprovalKey)
	check(err, BadKey)
	message := mobile.Renew(d.id, in.Generation, in.Nonce, in.ApprovalKey)
	check(d.keys[in.Generation].key.Verify(message, in.SignatureOld), BadSignature)
	check(key.Verify(message, in.SignatureNew), BadSignature)
	next := approval{key, d.keys[in.Generation].share}
	if r.newPIN {
		next.share = d.nextShare
		d.budget, _ = d.budget.Refund(r.next)
	}
	d.keys[in.Generation+1], d.renewal = next, nil
	return map[string]any{"generation": in.Generation + 1}
}
