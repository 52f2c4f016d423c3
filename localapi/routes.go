package localapi

import "github.com/latchkey/latchkey/core"

// route is one call: what it is, the least role that may do it, and who does it.
type route struct {
	method, path string
	role         core.Role
	handler      handler
}

// routes is everything that can be asked at the admin socket. Helpdesk checks callers, helps a person in
// for the moment, takes away what was lost, and begins what somebody else must end: a phone that it invites
// is confirmed by an admin or by its owner, a code word that it mails is known to it by half. What lasts
// (passwords, answers, whole code words, trusted phones, users) is for admins.
func (s *Server) routes() []route {
	const admin, helpdesk, auditor = core.RoleAdmin, core.RoleHelpdesk, core.RoleAuditor
	return []route{
		{"GET", "/v1/status", auditor, s.showStatus},

		{"GET", "/v1/users", auditor, s.listUsers},
		{"GET", "/v1/user", auditor, s.showUser},
		{"POST", "/v1/user/add", admin, s.addUser},
		{"POST", "/v1/user/set", admin, s.changeUser},
		{"POST", "/v1/user/remove", admin, s.removeUser},
		{"POST", "/v1/user/lock", helpdesk, s.lockUser},
		{"POST", "/v1/user/unlock", helpdesk, s.unlockUser},
		{"POST", "/v1/user/enable", admin, s.enableUser},
		{"POST", "/v1/user/disable", admin, s.disableUser},
		{"POST", "/v1/user/expire", admin, s.expireUser},
		{"POST", "/v1/user/password", admin, s.setPassword},
		{"POST", "/v1/user/codeword", admin, s.newCodeWord},
		{"POST", "/v1/user/code", helpdesk, s.temporaryCode},
		{"POST", "/v1/user/invite", admin, s.inviteUser(false)},
		{"POST", "/v1/user/invite/mail", helpdesk, s.inviteUser(true)},
		{"POST", "/v1/user/reset", admin, s.resetUser},
		{"POST", "/v1/user/verify/ask", helpdesk, s.askCaller},
		{"POST", "/v1/user/verify/judge", helpdesk, s.judgeCaller},
		{"POST", "/v1/user/resend", helpdesk, s.resendMessage},
		{"POST", "/v1/import", admin, s.importUsers},
		{"GET", "/v1/letterhead", auditor, s.showLetterHead},

		{"GET", "/v1/questions", auditor, s.listQuestions},
		{"GET", "/v1/questions/audit", auditor, s.auditQuestions},
		{"GET", "/v1/answers", auditor, s.listAnswers},
		{"POST", "/v1/answer/set", admin, s.setAnswer},
		{"POST", "/v1/answer/remove", admin, s.removeAnswer},

		{"GET", "/v1/devices", auditor, s.listDevices},
		{"POST", "/v1/device/invite", helpdesk, s.inviteDevice(false)},
		{"POST", "/v1/device/invite/trusted", admin, s.inviteDevice(true)},
		{"POST", "/v1/device/confirm", admin, s.confirmDevice},
		{"POST", "/v1/device/unlock", helpdesk, s.unlockDevice},
		{"POST", "/v1/device/revoke", helpdesk, s.revokeDevice},

		{"POST", "/v1/carrier/test", admin, s.testCarrier},

		{"GET", "/v1/hosts", auditor, s.listHosts},
		{"POST", "/v1/host/invite", admin, s.inviteHost},
		{"POST", "/v1/host/unlock", admin, s.unlockHost},
		{"POST", "/v1/host/revoke", helpdesk, s.revokeHost},

		{"GET", "/v1/audit", auditor, s.readAudit},
		{"GET", "/v1/audit/verify", auditor, s.verifyAudit},
	}
}
