// Loss weights of a document's tokens from spans of code points in one of its fields. Pure.
import { DataError } from '../../schemas/errors.js';

/** Characters start … end − 1 of a text (Unicode code points) whose tokens weigh `weight` in the loss. */
interface Span {
  readonly start: number;
  readonly end: number;
  readonly weight: number;
}

export interface WeightRule {
  /** Field of the document that holds a list of {start, end, weight}. */
  readonly field: string;
  /** Weight of tokens in no span. */
  readonly default: number;
}

/** The tokens of one document. */
export interface TokenPlaces {
  /** First character of each token, and one past its last. */
  readonly starts: Uint32Array;
  readonly ends: Uint32Array;
}

/**
 * The weight of each token: that of the span with which it shares most characters, of the earlier one where two share
 * equally many; the rule's default where it shares none. A token without characters of its own counts as its first one.
 * @param meta JSON of the document's fields
 * @throws DataError that names document and field where the spans are not spans
 */
export function spanWeights(
  meta: string,
  places: TokenPlaces,
  rule: WeightRule & { readonly id: string },
): Float32Array {
  const { starts, ends } = places;
  const weights = new Float32Array(starts.length).fill(rule.default);
  const spans = readSpans(meta, rule);
  let first = 0;
  for (let i = 0; i < starts.length; i++) {
    const start = starts[i] as number;
    const end = Math.max(start + 1, ends[i] as number);
    while (first < spans.length && (spans[first] as Span).end <= start) first++;
    let most = 0;
    for (let s = first; s < spans.length && (spans[s] as Span).start < end; s++) {
      const span = spans[s] as Span;
      const shared = Math.min(end, span.end) - Math.max(start, span.start);
      if (shared > most) [most, weights[i]] = [shared, span.weight];
    }
  }
  return weights;
}

/** The spans of a document, by their beginning. */
function readSpans(meta: string, rule: WeightRule & { readonly id: string }): Span[] {
  const value = (JSON.parse(meta) as Record<string, unknown>)[rule.field];
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw badSpans(rule, 'a list of {start, end, weight}', value);
  const spans = value.map((span: unknown) => {
    if (!isSpan(span)) throw badSpans(rule, 'whole numbers 0 ≤ start < end and a finite weight ≥ 0', span);
    return span;
  });
  spans.sort((a, b) => a.start - b.start);
  spans.forEach((span, i) => {
    const before = spans[i - 1];
    if (before && before.end > span.start) throw badSpans(rule, 'spans that do not overlap', [before, span]);
  });
  return spans;
}

function isSpan(value: unknown): value is Span {
  if (typeof value !== 'object' || value === null) return false;
  const { start, end, weight } = value as Partial<Record<keyof Span, unknown>>;
  return (
    Number.isSafeInteger(start) &&
    Number.isSafeInteger(end) &&
    (start as number) >= 0 &&
    (end as number) > (start as number) &&
    typeof weight === 'number' &&
    Number.isFinite(weight) &&
    weight >= 0
  );
}

function badSpans(rule: WeightRule & { readonly id: string }, expected: string, found: unknown): DataError {
  const { id, field } = rule;
  return new DataError(
    `Expected field "${field}" of document "${id}" to hold ${expected}, found ${JSON.stringify(found)}; correct the document, or training.lossWeights.field.`,
    { id, field, found },
  );
}
