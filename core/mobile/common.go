package mobile

import (
	"slices"
	"strings"
)

// The PINs that a thief tries first, by rule: a rule says why, covers every length, and is the same few lines
// in each client, where a list would be long and yet have gaps. Of all PINs with six digits the rules
// refuse about one in seven, with four digits about one in five.

// commonDigits judges a text of at least four digits.
func commonDigits(d string) bool {
	return different(d) <= 2 || // 000000, 121212, 6969
		steady(d) || // 123456, 987654, 2468, 7890
		repeats(d) || // 123123
		mirrored(d) || // 123321
		climbsInRuns(d) || // 112233
		bothHalves(d) || // 123654, 456123
		interleaved(d) || // 102030, 142536
		date(d) || // 241281, 1987
		walk(d) || // 2580, 147896
		lines(d) || // 147258, 159753
		corners(d) || // 1379
		constant(d) // 314159
}

// different counts the distinct digits.
func different(d string) int {
	seen := map[rune]bool{}
	for _, r := range d {
		seen[r] = true
	}
	return len(seen)
}

// steady: each digit is as far from the one before, round the clock of ten.
func steady(d string) bool {
	for i := 2; i < len(d); i++ {
		if (int(d[i])-int(d[i-1])+10)%10 != (int(d[i-1])-int(d[i-2])+10)%10 {
			return false
		}
	}
	return true
}

// repeats: a block, again and again.
func repeats(d string) bool {
	for n := 1; n <= len(d)/2; n++ {
		if len(d)%n == 0 && strings.Repeat(d[:n], len(d)/n) == d {
			return true
		}
	}
	return false
}

func mirrored(d string) bool {
	for i := range len(d) / 2 {
		if d[i] != d[len(d)-1-i] {
			return false
		}
	}
	return true
}

// climbsInRuns: runs of one digit each, and few enough that only their steps are left.
func climbsInRuns(d string) bool {
	runs := string(slices.Compact([]byte(d)))
	return len(runs) <= (len(d)+1)/2 && steady(runs)
}

// bothHalves are steady, each of three digits or more.
func bothHalves(d string) bool {
	half := len(d) / 2
	return len(d) >= 6 && len(d)%2 == 0 && steady(d[:half]) && steady(d[half:])
}

// interleaved: every other digit is steady, and so are those between.
func interleaved(d string) bool {
	if len(d) < 6 {
		return false
	}
	var even, odd []byte
	for i := range len(d) {
		if i%2 == 0 {
			even = append(even, d[i])
		} else {
			odd = append(odd, d[i])
		}
	}
	return steady(string(even)) && steady(string(odd))
}

// date: day and month and year in the orders that people write, years from 1900 to 2099.
func date(d string) bool {
	switch len(d) {
	case 4:
		return dayMonth(d) || century(d)
	case 6:
		return dayMonth(d[:4]) || dayMonth(d[2:]) || // DDMMYY, MMDDYY, YYMMDD
			month(d[:2]) && century(d[2:]) || century(d[:4]) && month(d[4:])
	case 8:
		return dayMonth(d[:4]) && century(d[4:]) || century(d[:4]) && dayMonth(d[4:])
	}
	return false
}

// dayMonth reads four digits as day and month, in either order.
func dayMonth(d string) bool { return dayOf(d[:2], d[2:]) || dayOf(d[2:], d[:2]) }

func dayOf(day, inMonth string) bool {
	if !month(inMonth) {
		return false
	}
	last := "31"
	switch inMonth {
	case "02":
		last = "29"
	case "04", "06", "09", "11":
		last = "30"
	}
	return day >= "01" && day <= last
}

func month(d string) bool   { return d >= "01" && d <= "12" }
func century(d string) bool { return d[:2] == "19" || d[:2] == "20" }

// place is a digit's on a telephone's keys, in rows and columns; 0 is below 8.
func place(digit byte) (row, column int) {
	if digit == '0' {
		return 3, 1
	}
	return int(digit-'1') / 3, int(digit-'1') % 3
}

// walk: from key to neighbouring key, not diagonally, or staying.
func walk(d string) bool {
	for i := 1; i < len(d); i++ {
		r1, c1 := place(d[i-1])
		r2, c2 := place(d[i])
		if abs(r1-r2)+abs(c1-c2) > 1 {
			return false
		}
	}
	return true
}

func abs(n int) int { return max(n, -n) }

// lines: nothing but whole lines of three keys, either way.
func lines(d string) bool {
	if len(d)%3 != 0 {
		return false
	}
	for i := 0; i < len(d); i += 3 {
		switch d[i : i+3] {
		case "123", "456", "789", "147", "258", "369", "159", "357",
			"321", "654", "987", "741", "852", "963", "951", "753":
		default:
			return false
		}
	}
	return true
}

func corners(d string) bool { return strings.Trim(d, "1379") == "" }

// constant: the beginning of a number that everybody knows.
func constant(d string) bool {
	for _, known := range []string{"314159265358", "271828182845", "141421356237", "161803398874", "5201314"} {
		if strings.HasPrefix(known, d) {
			return true
		}
	}
	return false
}

// commonPassphrase judges a text with a character that is no digit.
func commonPassphrase(text string) bool {
	folded := strings.ToLower(text)
	runes := []rune(folded)
	distinct := map[rune]bool{}
	for _, r := range runes {
		distinct[r] = true
	}
	if len(distinct) < 5 || repeats(folded) || follows(runes) {
		return true
	}
	// What remains without the digits and signs that are hung on to satisfy a rule, and without the
	// usual replacements, is no word that everybody chooses.
	plain := strings.NewReplacer("0", "o", "1", "i", "3", "e", "4", "a", "5", "s", "7", "t", "@", "a", "$", "s", "!", "i").
		Replace(strings.TrimFunc(folded, func(r rune) bool { return (r < 'a' || r > 'z') && r < 0x80 }))
	if plain == "" {
		return true
	}
	for _, word := range []string{
		"password", "passwort", "passphrase", "passwd", "kennwort", "geheim", "geheimnis", "secret", "letmein", "welcome",
		"willkommen", "iloveyou", "ichliebedich", "hallo", "hello", "admin", "administrator", "latchkey", "changeme",
		"sommer", "winter", "summer", "test", "master", "login", "schatz", "passcode", "pin",
	} {
		if plain == word || plain == word+word {
			return true
		}
	}
	for _, row := range []string{
		"qwertzuiopü", "qwertyuiop", "asdfghjklöä", "yxcvbnm", "zxcvbnm", "1234567890", "qazwsxedcrfvtgb", "qaywsxedcrfvtgb",
		"1q2w3e4r5t6z7u8i9o0p", "1q2w3e4r5t6y7u8i9o0p", "1qaz2wsx3edc4rfv", "1qay2wsx3edc4rfv", "abcdefghijklmnopqrstuvwxyz",
	} {
		if strings.Contains(row, folded) || strings.Contains(reversed(row), folded) || len(plain) >= 4 && (strings.Contains(row, plain) || strings.Contains(reversed(row), plain)) {
			return true
		}
	}
	return false
}

// follows: each character is the next, or the one before, of the one before it.
func follows(runes []rune) bool {
	step := runes[1] - runes[0]
	for i := 1; i < len(runes); i++ {
		if runes[i]-runes[i-1] != step {
			return false
		}
	}
	return step >= -1 && step <= 1
}

func reversed(text string) string {
	runes := []rune(text)
	slices.Reverse(runes)
	return string(runes)
}
