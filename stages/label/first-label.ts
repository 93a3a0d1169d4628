// A first label for a feature without a language model: the simplest rule about the text around a token that tells where the feature
// fires, and how well it does so on examples that it was not made from. Pure.
//
//   window    of an example: the two tokens before, its token, the next one (NONE beyond the document's ends)
//   examples  that fire: the strongest (`top`) and those of all bands; that do not: the rows without the feature (`bands.quiet`)
//   halves    by a keyed hash of the document, so that no document is in both: one makes the label, the other scores it
//   rules     token ∈ T;  the last two or three tokens ∈ N;  the token before ∈ B;  the next token ∈ R
//             T, N, B: the 1, 3 or 5 most frequent among the firing examples of the first half; R: the 1, 3 or 10 tokens that the
//             feature raises most (logit lens)
//   accuracy  balanced: (share of firing examples on which the rule holds + share of the others on which it does not) / 2
//   choice    the greatest accuracy on the first half; of equals that of fewer alternatives, then the first of: token, n-gram, before, next
//   score     balanced accuracy on the second half, there over the examples of the bands alone: each band weighs the same, so that a
//             label that fits the strongest examples only is not well scored. Null without examples of both kinds.
// A score of 0.5 is what a rule has that never holds; the strongest examples alone would flatter every label.
// Proof: tests/unit/stages/label/first-label.test.ts.

/** No token there. */
export const NONE = 0xffffffff;
/** Tokens of a window: two before, its own, one after. */
export const WINDOW = 4;

export type Window = readonly [before2: number, before: number, token: number, next: number];

export interface LabelExample {
  readonly window: Window;
  /** Whether the feature fires on it. */
  readonly fires: boolean;
  /** Whether it is one of the bands' (or of the rows without the feature), not only one of the strongest. */
  readonly isDrawn: boolean;
  /** Whether its document belongs to the half that scores. */
  readonly isHeldOut: boolean;
}

export type RuleKind = 'token' | 'ngram' | 'before' | 'next';

export interface Rule {
  readonly kind: RuleKind;
  /** The tokens of each alternative, in their order in the text. */
  readonly alternatives: readonly (readonly number[])[];
}

export interface FirstLabel {
  /** Null where no rule holds on any firing example. */
  readonly rule: Rule | null;
  /** Null where nothing can be said. */
  readonly score: number | null;
  /** Examples that it was scored on. */
  readonly n: number;
}

/** Alternatives of a rule: of what was seen, and of what the logit lens names. */
const SIZES = [
  { seen: 1, lens: 1 },
  { seen: 3, lens: 3 },
  { seen: 5, lens: 10 },
] as const;
const MOST_SEEN = 5;
/** What a kind looks at: places in the window. */
const PLACES: { readonly [Kind in RuleKind]: readonly (readonly number[])[] } = {
  token: [[2]],
  ngram: [
    [1, 2],
    [0, 1, 2],
  ],
  before: [[1]],
  next: [[3]],
};

/** The label of a feature. @param raised Tokens that it raises most, strongest first */
export function firstLabel(examples: readonly LabelExample[], raised: readonly number[]): FirstLabel {
  const made = examples.filter(({ isHeldOut }) => !isHeldOut);
  const scored = examples.filter(({ isHeldOut, isDrawn }) => isHeldOut && isDrawn);
  const rule = bestRule(made, raised);
  if (rule === null) return { rule, score: null, n: 0 };
  const { fires, quiet, accuracy } = measure(scored, (example) => holds(rule, example.window));
  return { rule, score: fires > 0 && quiet > 0 ? accuracy : null, n: scored.length };
}

/** The most accurate rule, simplest first; null where none holds on a firing example. */
function bestRule(made: readonly LabelExample[], raised: readonly number[]): Rule | null {
  const families = [
    ...(['token', 'ngram', 'before'] as const).flatMap((kind) =>
      PLACES[kind].map((places) => seen(kind, places, made)),
    ),
    lens(raised, made),
  ];
  let best: { readonly rule: Rule; readonly accuracy: number } | null = null;
  for (const size of SIZES)
    for (const { kind, alternatives, ranks } of families) {
      const count = kind === 'next' ? size.lens : size.seen;
      if (alternatives.length < count) continue;
      const { hits, accuracy } = measure(made, (_, i) => (ranks[i] as number) < count);
      if (hits === 0 || (best !== null && accuracy <= best.accuracy)) continue;
      best = { rule: { kind, alternatives: alternatives.slice(0, count) }, accuracy };
    }
  return best?.rule ?? null;
}

/** Rules of one kind: alternatives, best first, and for every example the first that holds on it (Infinity: none). */
interface Family {
  readonly kind: RuleKind;
  readonly alternatives: readonly (readonly number[])[];
  readonly ranks: readonly number[];
}

/** Whether a rule holds on a window. */
export function holds({ kind, alternatives }: Rule, window: Window): boolean {
  return alternatives.some((tokens) => {
    const places = PLACES[kind].find((own) => own.length === tokens.length) ?? [];
    return tokens.every((token, i) => window[places[i] ?? 0] === token);
  });
}

/** What stands at these places of firing examples: most frequent first, of equals the lower ids. */
function seen(kind: RuleKind, places: readonly number[], made: readonly LabelExample[]): Family {
  const counts = new Map<string, { readonly tokens: number[]; n: number }>();
  const names = made.map(({ window, fires }) => {
    const tokens = places.map((place) => window[place] as number);
    if (tokens.includes(NONE)) return '';
    const name = tokens.join();
    const known = counts.get(name);
    if (fires && known) known.n++;
    else if (fires) counts.set(name, { tokens, n: 1 });
    return name;
  });
  const order = (a: readonly number[], b: readonly number[]): number =>
    (a[0] as number) - (b[0] as number) || (a[1] ?? 0) - (b[1] ?? 0) || (a[2] ?? 0) - (b[2] ?? 0);
  const frequent = [...counts].sort(([, a], [, b]) => b.n - a.n || order(a.tokens, b.tokens)).slice(0, MOST_SEEN);
  const ranks = new Map(frequent.map(([name], rank) => [name, rank]));
  return {
    kind,
    alternatives: frequent.map(([, { tokens }]) => tokens),
    ranks: names.map((name) => ranks.get(name) ?? Infinity),
  };
}

/** What the feature makes likely, as the next token. */
function lens(raised: readonly number[], made: readonly LabelExample[]): Family {
  const ranks = new Map(raised.map((token, rank) => [token, rank]));
  return {
    kind: 'next',
    alternatives: raised.map((token) => [token]),
    ranks: made.map(({ window }) => ranks.get(window[3]) ?? Infinity),
  };
}

interface Measured {
  readonly fires: number;
  readonly quiet: number;
  /** Firing examples on which the rule holds. */
  readonly hits: number;
  /** Balanced; of one kind of example alone, its own share. */
  readonly accuracy: number;
}

function measure(examples: readonly LabelExample[], isHeld: (example: LabelExample, i: number) => boolean): Measured {
  let [fires, quiet, hits, passed] = [0, 0, 0, 0];
  examples.forEach((example, i) => {
    const held = isHeld(example, i);
    if (example.fires) {
      fires++;
      if (held) hits++;
    } else {
      quiet++;
      if (!held) passed++;
    }
  });
  const shares = [fires > 0 ? hits / fires : null, quiet > 0 ? passed / quiet : null].filter((share) => share !== null);
  return { fires, quiet, hits, accuracy: shares.reduce((a, b) => a + b, 0) / Math.max(1, shares.length) };
}

const WORDS: { readonly [Kind in RuleKind]: string } = { token: '', ngram: '', before: 'after ', next: 'before ' };

/** The rule in words: `" Moses" | " Aaron"`, `after " the"`, `before " LORD"`. */
export function ruleText({ kind, alternatives }: Rule, textOf: (token: number) => string): string {
  return WORDS[kind] + alternatives.map((tokens) => JSON.stringify(tokens.map(textOf).join(''))).join(' | ');
}
