package pinphrase

import "github.com/latchkey/latchkey/core/language"

// SampleQuestions is the pool of the shipped configuration. The first six are
// those of the method's published example; the other four were chosen because
// their answers vary much between people, stay the same for life, and seldom
// stand in a public profile. (Favourite food, a classic, is guessed at once for
// one user in five.)
func SampleQuestions() []Question {
	return []Question{
		sample("birthplace", "Geburtsort?", "von Ihrem Geburtsort", "Ihres Geburtsorts",
			"Place of birth?", "of your place of birth", "towns"),
		sample("first_car", "Erstes Auto?", "von Ihrem ersten Auto", "Ihres ersten Autos",
			"First car?", "of your first car", "cars"),
		sample("mothers_maiden_name", "Mädchenname der Mutter?", "vom Mädchennamen Ihrer Mutter", "des Mädchennamens Ihrer Mutter",
			"Mother's maiden name?", "of your mother's maiden name", "surnames"),
		sample("first_holiday", "Erster Urlaubsort?", "von Ihrem ersten Urlaubsort", "Ihres ersten Urlaubsorts",
			"First holiday resort?", "of your first holiday resort", "resorts"),
		sample("pet", "Name des Haustiers?", "vom Namen Ihres Haustiers", "des Namens Ihres Haustiers",
			"Name of your pet?", "of the name of your pet", "pets"),
		sample("football_club", "Lieblings-Fußballverein?", "von Ihrem Lieblings-Fußballverein", "Ihres Lieblings-Fußballvereins",
			"Favourite football club?", "of your favourite football club", "clubs"),
		sample("first_teacher", "Name der ersten Lehrerin oder des ersten Lehrers?", "vom Namen Ihrer ersten Lehrkraft", "des Namens Ihrer ersten Lehrkraft",
			"Name of your first teacher?", "of the name of your first teacher", "teachers", "surnames"),
		sample("childhood_street", "Straße, in der Sie als Kind wohnten?", "von der Straße Ihrer Kindheit", "der Straße Ihrer Kindheit",
			"Street where you lived as a child?", "of the street of your childhood", "streets"),
		sample("first_concert", "Erstes Konzert: welche Band?", "von der Band Ihres ersten Konzerts", "der Band Ihres ersten Konzerts",
			"First concert: which band?", "of the band of your first concert", "bands"),
		sample("first_employer", "Erster Arbeitgeber?", "von Ihrem ersten Arbeitgeber", "Ihres ersten Arbeitgebers",
			"First employer?", "of your first employer", "employers"),
	}
}

func sample(id, labelDE, phraseDE, messageDE, labelEN, phraseEN string, common ...string) Question {
	return Question{
		ID:            id,
		Label:         map[language.Tag]string{language.German: labelDE, language.English: labelEN},
		Phrase:        map[language.Tag]string{language.German: phraseDE, language.English: phraseEN},
		MessagePhrase: map[language.Tag]string{language.German: messageDE},
		Common:        common,
	}
}
