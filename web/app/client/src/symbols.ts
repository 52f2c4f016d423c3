// The sixteen access symbols by their names in the protocol, and what people call them.
export const symbolNames = {
  anchor: { de: "Anker", en: "Anchor" },
  umbrella: { de: "Schirm", en: "Umbrella" },
  star: { de: "Stern", en: "Star" },
  moon: { de: "Mond", en: "Moon" },
  sun: { de: "Sonne", en: "Sun" },
  scissors: { de: "Schere", en: "Scissors" },
  telephone: { de: "Telefon", en: "Telephone" },
  envelope: { de: "Umschlag", en: "Envelope" },
  crown: { de: "Krone", en: "Crown" },
  scales: { de: "Waage", en: "Scales" },
  plane: { de: "Flugzeug", en: "Plane" },
  house: { de: "Haus", en: "House" },
  music: { de: "Musik", en: "Music" },
  cup: { de: "Tasse", en: "Cup" },
  gear: { de: "Zahnrad", en: "Gear" },
  clover: { de: "Klee", en: "Clover" },
} as const;

export type SymbolName = keyof typeof symbolNames;

export const isSymbol = (name: string): name is SymbolName => Object.hasOwn(symbolNames, name);
