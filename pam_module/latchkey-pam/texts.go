package main

import "strings"

// What the helper says of its own, where the appliance says nothing. It speaks the languages that the appliance speaks.
type words struct{ unavailable, tooLong, password string }

func textsIn(language string) words {
	if strings.HasPrefix(strings.ToLower(language), "de") {
		return words{
			unavailable: "Die Anmeldung ist im Augenblick nicht möglich.",
			tooLong:     "Auf dem Telefon wurde nicht bestätigt.",
			password:    "Passwort: ",
		}
	}
	return words{
		unavailable: "Logging in is not possible at the moment.",
		tooLong:     "Nobody has confirmed on the phone.",
		password:    "Password: ",
	}
}
