// Which PINs are refused when one is set, because they are tried first. The rules run on the phone: nobody else ever
// sees the PIN. They are those of the Go client (core/mobile), held together by the shared vectors.

export type PinFault =
  | "short" | "long" | "text" | "same" | "sequence" | "repeat" | "mirror" | "date" | "keypad" | "number" | "word";

/** Bounds, in digits and in characters. */
export const pinBounds = { digits: 6, digitsLeast: 4, digitsMost: 12, passphraseLeast: 8, passphraseMost: 64 } as const;

/** The form in which a PIN is used: keyboards differ in how they compose an umlaut, and whether their digits are wide. */
export const normalisePin = (pin: string): string => pin.normalize("NFKC").replace(/^ +| +$/g, "");

/** Judges a PIN of so many digits at least, or a passphrase, which is anything with a character that is no digit. */
export function pinFault(pin: string, digits: number): PinFault | undefined {
  const text = normalisePin(pin);
  const least = digits < pinBounds.digitsLeast || digits > pinBounds.digitsMost ? pinBounds.digits : digits;
  if (/[^\p{L}\p{M}\p{N}\p{P}\p{S} ]|\ufffd/u.test(text)) return "text";
  if (/^[0-9]*$/.test(text)) {
    if (text.length < least) return "short";
    return text.length > pinBounds.digitsMost ? "long" : commonDigits(text);
  }
  const length = Array.from(text).length;
  if (length < pinBounds.passphraseLeast) return "short";
  return length > pinBounds.passphraseMost ? "long" : commonPassphrase(text);
}

function commonDigits(d: string): PinFault | undefined {
  if (new Set(d).size <= 2) return "same";
  if (steady(d) || climbsInRuns(d) || bothHalves(d) || interleaved(d)) return "sequence";
  if (repeats(d)) return "repeat";
  if (d === reversed(d)) return "mirror";
  if (isDate(d)) return "date";
  if (walk(d) || lines(d) || /^[1379]*$/.test(d)) return "keypad";
  const known = ["314159265358", "271828182845", "141421356237", "161803398874", "5201314"];
  return known.some((n) => n.startsWith(d)) ? "number" : undefined;
}

const reversed = (text: string) => Array.from(text).reverse().join("");

/** Each digit is as far from the one before, round the clock of ten. */
function steady(d: string): boolean {
  const steps = Array.from(d).slice(1).map((digit, i) => (Number(digit) - Number(d[i]) + 10) % 10);
  return steps.every((step) => step === steps[0]);
}

/** A block, again and again. */
const repeats = (text: string) => /^(.+)\1+$/su.test(text);

/** Runs of one digit each, and few enough that only their steps are left. */
function climbsInRuns(d: string): boolean {
  const runs = d.replace(/(.)\1+/g, "$1");
  return runs.length <= Math.floor((d.length + 1) / 2) && steady(runs);
}

function bothHalves(d: string): boolean {
  const half = d.length / 2;
  return d.length >= 6 && d.length % 2 === 0 && steady(d.slice(0, half)) && steady(d.slice(half));
}

/** Every other digit is steady, and so are those between. */
function interleaved(d: string): boolean {
  const every = (from: number) => Array.from(d).filter((_, i) => i % 2 === from).join("");
  return d.length >= 6 && steady(every(0)) && steady(every(1));
}

const month = (d: string) => d >= "01" && d <= "12";
const century = (d: string) => d.startsWith("19") || d.startsWith("20");

function dayOf(day: string, inMonth: string): boolean {
  const last = inMonth === "02" ? "29" : ["04", "06", "09", "11"].includes(inMonth) ? "30" : "31";
  return month(inMonth) && day >= "01" && day <= last;
}

/** Four digits as day and month, in either order. */
const dayMonth = (d: string) => dayOf(d.slice(0, 2), d.slice(2)) || dayOf(d.slice(2), d.slice(0, 2));

/** Day and month and year in the orders that people write, years from 1900 to 2099. */
function isDate(d: string): boolean {
  const front = d.slice(0, 4);
  switch (d.length) {
    case 4:
      return dayMonth(d) || century(d);
    case 6:
      return dayMonth(front) || dayMonth(d.slice(2)) || (month(d.slice(0, 2)) && century(d.slice(2))) || (century(front) && month(d.slice(4)));
    case 8:
      return (dayMonth(front) && century(d.slice(4))) || (century(front) && dayMonth(d.slice(4)));
    default:
      return false;
  }
}

/** Where a digit is on a telephone's keys; 0 is below 8. */
const place = (digit: string): [number, number] =>
  digit === "0" ? [3, 1] : [Math.floor((Number(digit) - 1) / 3), (Number(digit) - 1) % 3];

/** From key to neighbouring key, not diagonally, or staying. */
function walk(d: string): boolean {
  return Array.from(d).slice(1).every((digit, i) => {
    const [r1, c1] = place(d[i]!);
    const [r2, c2] = place(digit);
    return Math.abs(r1 - r2) + Math.abs(c1 - c2) <= 1;
  });
}

/** Nothing but whole lines of three keys, either way. */
const lines = (d: string) => /^(123|456|789|147|258|369|159|357|321|654|987|741|852|963|951|753)*$/.test(d);

const words = new Set([
  "password", "passwort", "passphrase", "passwd", "kennwort", "geheim", "geheimnis", "secret", "letmein", "welcome",
  "willkommen", "iloveyou", "ichliebedich", "hallo", "hello", "admin", "administrator", "latchkey", "changeme",
  "sommer", "winter", "summer", "test", "master", "login", "schatz", "passcode", "pin",
]);

const rows = [
  "qwertzuiopü", "qwertyuiop", "asdfghjklöä", "yxcvbnm", "zxcvbnm", "1234567890", "qazwsxedcrfvtgb", "qaywsxedcrfvtgb",
  "1q2w3e4r5t6z7u8i9o0p", "1q2w3e4r5t6y7u8i9o0p", "1qaz2wsx3edc4rfv", "1qay2wsx3edc4rfv", "abcdefghijklmnopqrstuvwxyz",
].flatMap((row) => [row, reversed(row)]);

const replacements: Record<string, string> = { "0": "o", "1": "i", "3": "e", "4": "a", "5": "s", "7": "t", "@": "a", "$": "s", "!": "i" };

function commonPassphrase(text: string): PinFault | undefined {
  const folded = text.toLowerCase();
  const letters = Array.from(folded);
  if (new Set(letters).size < 5) return "same";
  if (repeats(folded)) return "repeat";
  if (follows(letters)) return "sequence";
  // What remains without the digits and signs that are hung on to satisfy a rule, and without the usual replacements.
  const plain = folded.replace(/^[\x00-`{-\x7f]+|[\x00-`{-\x7f]+$/g, "").replace(/[013457@$!]/g, (sign) => replacements[sign]!);
  if (plain === "") return "word";
  const half = plain.slice(0, plain.length / 2);
  if (words.has(plain) || (half + half === plain && words.has(half))) return "word";
  return rows.some((row) => row.includes(folded) || (plain.length >= 4 && row.includes(plain))) ? "keypad" : undefined;
}

/** Each character is the next, or the one before, of the one before it. */
function follows(letters: string[]): boolean {
  const steps = letters.slice(1).map((letter, i) => letter.codePointAt(0)! - letters[i]!.codePointAt(0)!);
  return steps.every((step) => step === steps[0]) && Math.abs(steps[0]!) <= 1;
}
