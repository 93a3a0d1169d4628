// A normalised text and where each of its UTF-16 units came from. Normalisers build new ones piece by piece; a text
// that no normaliser changed carries no maps. Positions are UTF-16 units; code points come at the very end.

/**
 * Unit i of `text` came from the units from[i] … to[i] − 1 of the original; null maps mean i … i (nothing changed).
 * A unit that several original characters were composed into covers them all; an added unit covers none (from = to).
 */
export interface AlignedText {
  readonly text: string;
  readonly from: Int32Array | null;
  readonly to: Int32Array | null;
  /** UTF-16 units of the original. */
  readonly originalUnits: number;
}

/** The text as it is. */
export function unchanged(text: string): AlignedText {
  return { text, from: null, to: null, originalUnits: text.length };
}

/** First original unit of normalised unit `unit`; the original's end beyond the last one. */
export function originOf(aligned: AlignedText, unit: number): number {
  if (unit >= aligned.text.length) return aligned.originalUnits;
  return aligned.from ? (aligned.from[unit] ?? 0) : unit;
}

/** One past the last original unit of normalised unit `unit`. */
export function originEnd(aligned: AlignedText, unit: number): number {
  return aligned.to ? (aligned.to[unit] ?? 0) : unit + 1;
}

/** Collects the pieces of a rewritten text. */
export class AlignedBuilder {
  readonly #input: AlignedText;
  readonly #pieces: string[] = [];
  readonly #from: number[] = [];
  readonly #to: number[] = [];

  constructor(input: AlignedText) {
    this.#input = input;
  }

  /** Input units a … b − 1 unchanged, unit by unit. */
  keep(a: number, b: number): void {
    this.#pieces.push(this.#input.text.slice(a, b));
    for (let unit = a; unit < b; unit++) {
      this.#from.push(originOf(this.#input, unit));
      this.#to.push(originEnd(this.#input, unit));
    }
  }

  /** `text` in place of the input units a … b − 1; every unit of it covers them all. */
  replace(text: string, a: number, b: number): void {
    const from = originOf(this.#input, a);
    const to = b > a ? originEnd(this.#input, b - 1) : from;
    this.#pieces.push(text);
    for (let i = 0; i < text.length; i++) {
      this.#from.push(from);
      this.#to.push(to);
    }
  }

  finish(): AlignedText {
    const { originalUnits } = this.#input;
    return {
      text: this.#pieces.join(''),
      from: Int32Array.from(this.#from),
      to: Int32Array.from(this.#to),
      originalUnits,
    };
  }
}

/** The input with every match of `pattern` (flags g) rewritten; the same object where nothing changes. */
export function rewriteMatches(input: AlignedText, pattern: RegExp, rewrite: (match: string) => string): AlignedText {
  const builder = new AlignedBuilder(input);
  let kept = 0;
  let changed = false;
  for (const match of input.text.matchAll(pattern)) {
    const [found] = match;
    const text = rewrite(found);
    if (text === found) continue;
    changed = true;
    builder.keep(kept, match.index);
    kept = match.index + found.length;
    builder.replace(text, match.index, kept);
  }
  if (!changed) return input;
  builder.keep(kept, input.text.length);
  return builder.finish();
}
